"""The law of the house: who may import whom, where I/O may be, that every file has its test."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "linx").rglob("*.py"))
DIALECTS = sorted((ROOT / "linx" / "dialects").rglob("*.py"))
# What every dialect may import of the others, lowest first: beyond these, none knows another.
COMMON = ["base", "failures", "shared", "openai"]
# Top floor first. A room may import from its own package and from floors below.
FLOORS = [
    ["__main__"],
    ["cli"],
    ["command_line"],
    ["app"],
    ["endpoints", "local_listener", "doctor"],
    ["paths"],
    ["handlers", "console", "gui", "tail", "key_command", "starting"],
    ["routing", "dashboard", "discovery"],
    ["providers", "children", "ledger", "setup", "service"],
    ["server", "upstream", "dialects", "config", "access"],
    ["http1"],
    ["core"],
]
# Inside a package: a file or folder may import only what stands before it in its list.
ORDERS = {
    "linx.children": ["process", "demo", "tunnel"],
    "linx.children.demo": ["child", "commands", "supervisor"],
    "linx.children.tunnel": ["child", "commands", "lines", "explain", "process", "supervisor"],
    "linx.config": [
        *["rules", "endpoint_rules", "file", "text_edit", "save", "shape", "misfit", "key_edit", "layers", "model"],
        *["provider_sections", "other_sections", "money_warnings", "load", "watch"],
    ],
    "linx.core": [
        *[
            "addresses",
            "binary",
            "secret_shapes",
            "chat",
            "errors",
            "attempt_errors",
            "jsontext_pieces",
            "redaction",
            "worker",
            "jsontext",
            "known_tools",
            "kept_bodies",
            "durations",
            "telemetry",
            "client_key",
            "client_name",
            "request_line",
            "log_stream",
            "log",
            "request_feed",
        ],
        *["folders", "watchdog"],
    ],
    "linx.dashboard": [
        *["static_files", "rows", "series", "totals", "activity", "frames", "viewers", "hub", "feed", "details"],
        "dashboard",
    ],
    "linx.dialects": [
        *[
            "base",
            "adaptation",
            "failures",
            "shared",
            "openai",
            "anthropic",
            "responses",
            "ollama",
            "untranslated",
            "completions",
        ],
        "embeddings",
    ],
    "linx.dialects.adaptation": [
        *["row", "restoring", "wording", "parameters"],
        *["stream_options", "message_field", "field_values"],
        "answer_limit",
        "answer_room",
        "reasoning_history",
        "reasoning_level",
        "system_messages",
        "thinking_kind",
        "thinking_wish",
        *["tools", "call_names", "bent_names", "tool_names", "tool_choice", "call_ids", "message_order"],
        *["thought_signature", "text_parts", "schema_forms", "schema_reduction", "schemas", "response_format"],
        *["quoted", "table", "known"],
    ],
    "linx.dialects.anthropic": [
        *["client_content", "client_messages", "client_request", "errors", "message", "encoder", "face", "abilities"],
        *["thinking", "schema"],
        *["provider_content", "provider_messages", "provider_tools", "caching", "provider_request", "decoder"],
        "model_list",
    ],
    "linx.dialects.completions": ["client_request", "encoder", "face", "provider_request", "decoder"],
    "linx.dialects.failures": [
        "reading",
        "conditions",
        "lacks",
        "rules",
        "retry_after",
        "overflow",
        "pause_scope",
        "meaning",
    ],
    "linx.dialects.ollama": [
        *[
            "frames",
            "decoder",
            "images",
            "options",
            "client_messages",
            "client_request",
            "answer",
            "encoder",
            "provider_messages",
        ],
        *["provider_tools", "model_name", "face", "model_list", "provider_request", "embeddings"],
    ],
    "linx.dialects.openai": [
        *[
            "client_request",
            "provider_messages",
            "signatures",
            "surrogates",
            "tool_calls",
            "frames",
            "usage",
            "thinking",
        ],
        *["provider_request", "servers", "choices", "decoder", "objects", "encoder", "face"],
        *["frame_cut", "splice", "gathering"],
        "model_list",
    ],
    "linx.dialects.responses": [
        *["tools", "client_content", "stored", "client_items", "client_request", "response", "encoder", "face"],
    ],
    "linx.dialects.shared": [
        *[
            "identity",
            "text_completion",
            "fields",
            "data_urls",
            "secrets",
            "ndjson",
            "sse",
            "opaque_reasoning",
            "reported",
            "messages_usage",
            "vector_texts",
            "tokens",
            "needs",
            "chat_body",
        ],
        *["blocks", "free_text_tools", "block_encoder", "event_decoder"],
    ],
    "linx.dialects.untranslated": ["decoder", "encoder", "fold", "provider_request", "face"],
    "linx.discovery": ["products", "identify", "places", "hints", "watch"],
    "linx.doctor": [
        *["finding", "facts", "edit", "checks", "gather", "report", "fix", "command"],
    ],
    "linx.doctor.checks": [
        *["settings", "environment", "mends", "troubles", "servers", "providers", "models", "network", "money"],
        *["running", "table", "remote"],
    ],
    "linx.doctor.gather": ["settings", "ask", "probe", "ports", "own", "disk", "programs", "everything", "remote"],
    "linx.handlers": [
        "heartbeat",
        "kept_lists",
        "key_uses",
        "response_store",
        "context",
        "records",
        "client_credential",
        "prompt_search",
        "request_facts",
        "stored_responses",
        "answers",
        "models",
        "management",
    ],
    "linx.handlers.answers": [
        *["multipart", "payload", "job", "stream", "whole", "plan", "generation", "series", "completions"],
        *["embeddings", "ollama", "relay_attempt", "relay", "untranslated", "responses", "anthropic", "input_tokens"],
    ],
    "linx.handlers.management": [
        *[
            "clients",
            "readings",
            "metrics",
            "relaying",
            "ollama",
            "status",
            "overview",
            "events",
            "page",
            "requests",
            "replay",
            "usage",
            "tail",
            "tunnel",
        ],
        "upstream",
    ],
    "linx.handlers.models": ["pieces", "ollama", "other_shapes", "openai"],
    "linx.http1": ["grammar", "chunked", "h11_heads", "repeated_head", "transport"],
    "linx.ledger": [
        *[
            "schema",
            "spending",
            "rows",
            "database",
            "period",
            "questions",
            "writer",
            "ledger",
            "today",
            "report",
            "usage",
        ],
    ],
    "linx.providers": [
        *[
            "adaptations",
            "signatures",
            "pace",
            "pauses",
            "health",
            "prices",
            "loaded",
            "turns",
            "slots",
            "model",
            "memory",
            "lmstudio",
            "near_names",
            "auto",
            "mappings",
            "known_hosts",
            "places",
            "lists",
            "credit",
            "list_answers",
        ],
        *[
            "requests",
            "kind",
            "kinds",
            "client_credential",
            "http_requests",
            "contexts",
            "permits",
            "provider",
            "missing",
        ],
        *["comparison", "adaptation_file", "adaptation_memory", "catalog", "late_costs"],
    ],
    "linx.routing": [
        *[
            "candidate",
            "affinity",
            "demand",
            "gate",
            "key_models",
            "privacy",
            "client_keys",
            "secrets",
            "limits",
            "budgets",
            "budget_watch",
            "metered",
            "stakes",
            "late_costs",
            "roles",
            "attempt",
            "short_ways",
            "chunk_reader",
            "answered_calls",
            "steps",
            "chat_attempt",
            "offers",
            "ordering",
            "router",
            "unlisted",
            "provider_set",
            "hedge_watch",
            "hedging",
            "decision",
            "rivals",
            "race",
        ],
    ],
    "linx.server": [
        *[
            "head",
            "cross_check",
            "gate",
            "refusal",
            "limits",
            "wire",
            "unpack",
            "body",
            "upgrade",
            "reply",
            "request",
            "listener",
        ],
        *["connection", "sockets", "listen"],
    ],
    "linx.service": [
        *["job", "environment_file", "child", "systemd", "launchd", "task_scheduler", "managers", "command"],
    ],
    "linx.setup": [
        *["edits", "folders", "target", "client", "clients", "settings", "written", "running"],
        *["command", "leash", "own_linx", "program", "launch"],
    ],
    "linx.setup.clients": [
        *["claude_code", "codex", "opencode", "qwen_code", "continue_dev", "editors", "openwebui", "terminal"],
        "table",
    ],
    "linx.setup.edits": ["edit", "jsonc_tree", "jsonc", "lines", "toml", "yaml"],
    "linx.upstream": [
        *[
            "permit",
            "request_head",
            "response_head",
            "connection",
            "inflate",
            "proxies",
            "tls",
            "names",
            "dial",
            "response",
            "pool",
        ],
    ],
}
# A dialect imports these rooms and its own; the chat body of OpenAI is what all dialects are translated into.
NO_IO = {"trio", "socket", "ssl", "h11", "time", "random", "secrets", "os"}
ONLY_IN = {
    "h11": {"linx/http1/h11_heads.py"},
    "orjson": {"linx/core/jsontext.py"},
    "json": {"linx/core/jsontext.py"},
    "sqlite3": {"linx/ledger/database.py"},
    "docopt": {"linx/command_line.py"},
    "platformdirs": {"linx/core/folders.py"},
    "trio_websocket": {"linx/dashboard/feed.py"},
}


def floor_of(module: str) -> int | None:
    """The index in FLOORS of the room that a module is in, None for what is not Linx's."""
    package, _, rest = module.partition(".")
    if package != "linx":
        return None
    room = rest.partition(".")[0]
    return next((floor for floor, rooms in enumerate(FLOORS) if room in rooms), None)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The modules and names that a file imports, absolute; read once, since every law asks for them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            found.append(node.module)
            if node.module.split(".")[0] == "linx":
                found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(found)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    name = name_of(path)
    mine = floor_of(name)
    if mine is None:
        assert name == "linx", f"{path} is in no room: add it to FLOORS"
        return
    for module in imports(path):
        theirs = floor_of(module)
        if theirs is None or module.split(".")[1] == name.split(".")[1]:
            continue
        assert theirs > mine, f"{name} imports {module}, which is not below it"


def test_every_package_has_an_order() -> None:
    packages = {name_of(path) for path in SOURCES if path.name == "__init__.py"} - {"linx"}
    with_choice = {one for one in packages if len(parts_of(one)) > 1}
    assert with_choice == ORDERS.keys()


@pytest.mark.parametrize("package", ORDERS)
def test_inside_a_package_too(package: str) -> None:
    order = ORDERS[package]
    assert sorted(order) == sorted(parts_of(package)), f"the order of {package} must name each of its parts once"
    for path in (ROOT / package.replace(".", "/")).rglob("*.py"):
        part = name_of(path).removeprefix(package).split(".")[:2][-1]
        if not part:
            continue
        for module in imports(path):
            theirs = module.removeprefix(package + ".").split(".")[0]
            if module.startswith(package + ".") and theirs in order and theirs != part:
                assert order.index(theirs) < order.index(part), f"{name_of(path)} imports {module}"


def parts_of(package: str) -> set[str]:
    """The files and folders of a package, by name."""
    folder = ROOT / package.replace(".", "/")
    files = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


@pytest.mark.parametrize("path", DIALECTS, ids=name_of)
def test_a_dialect_knows_no_other_but_the_one_in_which_chat_travels(path: Path) -> None:
    mine = name_of(path).split(".")[2] if path.name != "__init__.py" or path.parent.name != "dialects" else ""
    below = COMMON[: COMMON.index(mine)] if mine in COMMON else COMMON
    parts = parts_of("linx.dialects")
    for module in imports(path):
        theirs = module.removeprefix("linx.dialects.").split(".")[0]
        if module.startswith("linx.dialects.") and theirs in parts and theirs != mine:
            assert theirs in below, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", DIALECTS, ids=name_of)
def test_dialects_do_no_io(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path)} & NO_IO


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_library_is_named_in_its_one_place(path: Path) -> None:
    here = str(path.relative_to(ROOT))
    for module in imports(path):
        allowed = ONLY_IN.get(module.split(".")[0])
        assert allowed is None or here in allowed, f"{here} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_has_its_test(path: Path) -> None:
    if path.name == "__init__.py":
        return
    inner = path.relative_to(ROOT / "linx")
    name = "test_main.py" if inner.stem == "__main__" else f"test_{inner.stem}.py"
    assert (ROOT / "tests" / inner.parent / name).exists(), f"{inner} has no test file"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
