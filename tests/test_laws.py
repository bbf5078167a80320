"""Laws of the code itself: what varies is handed in, and a room names its parts."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


@cache
def trees() -> dict[str, ast.Module]:
    """Every source file by its path, parsed."""
    paths = sorted((ROOT / "linx").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Every node of every source file; walked once for all laws."""
    return {path: list(ast.walk(tree)) for path, tree in trees().items()}


@cache
def calls() -> dict[str, list[tuple[str, ast.Attribute | ast.Name]]]:
    """By what is called: the file of each call, and the function's expression."""
    found: dict[str, list[tuple[str, ast.Attribute | ast.Name]]] = {}
    for path, inside in nodes().items():
        for node in inside:
            function = node.func if isinstance(node, ast.Call) else None
            if isinstance(function, ast.Attribute | ast.Name):
                found.setdefault(last_name(function), []).append((path, function))
    return found


def last_name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


class Class:
    """A class of the source: its file, its bases by name, and its own methods."""

    def __init__(self, path: str, node: ast.ClassDef) -> None:
        self.path = path
        self.name = node.name
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        self.bases = [last_name(base) for base in bases if isinstance(base, ast.Attribute | ast.Name)]
        self.methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_no_class_overrides_a_private_method_of_another_file() -> None:
    classes = [
        Class(path, node) for path, inside in nodes().items() for node in inside if isinstance(node, ast.ClassDef)
    ]
    by_name = {one.name: one for one in classes}

    def ancestors(one: Class) -> Iterator[Class]:
        for base in one.bases:
            if base in by_name:
                yield by_name[base]
                yield from ancestors(by_name[base])

    found = []
    for one in classes:
        for base in ancestors(one):
            both = {name for name in one.methods & base.methods if name.startswith("_") and not name.startswith("__")}
            if both and one.path != base.path:
                found.append(f"{one.path}: {one.name} over {base.name}: {', '.join(sorted(both))}")
    assert not found, "what varies is handed in:\n" + "\n".join(found)


def test_every_package_names_its_parts() -> None:
    """A package's ``__init__`` is a docstring that names every file and folder in it, and nothing else."""
    found = []
    for path, tree in trees().items():
        if not path.endswith("/__init__.py") or path == "linx/__init__.py":
            continue
        if len(tree.body) != 1:
            found.append(f"{path} holds more than its docstring")
        text = ast.get_docstring(tree) or ""
        folder = (ROOT / path).parent
        parts = {one.stem for one in folder.glob("*.py") if one.stem != "__init__"}
        parts |= {one.parent.name for one in folder.glob("*/__init__.py")}
        missing = sorted(part for part in parts if f"``{part}``" not in text)
        if missing:
            found.append(f"{path} does not name {', '.join(missing)}")
    assert not found, "\n".join(found)


# --- nothing is sent to a provider without a permit ---


def uses(name: str) -> dict[str, list[ast.expr]]:
    """Where something called ``name`` is called, by file; each with the function's expression."""
    found: dict[str, list[ast.expr]] = {}
    for path, function in calls().get(name, []):
        found.setdefault(path, []).append(function)
    return found


def readers(name: str) -> set[str]:
    """The files in which an attribute ``name`` is read."""
    return {
        path
        for path, inside in nodes().items()
        for node in inside
        if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
    }


def test_a_permit_is_made_by_a_provider_alone() -> None:
    assert uses("Permit").keys() == {"linx/providers/permits.py"}
    assert uses("Permits").keys() == {"linx/providers/provider.py"}


def test_only_the_catalogue_asks_without_a_candidate() -> None:
    """The permits of a provider are for Linx's own questions; a client's request has that of its candidate."""
    askers = {"linx/providers/catalog.py", "linx/providers/late_costs.py", "linx/providers/permits.py"}
    askers.add("linx/doctor/gather/ask.py")
    assert readers("nearest") <= askers
    own = {*askers, "linx/providers/provider.py"}
    for path, inside in nodes().items():
        for node in inside:
            if isinstance(node, ast.Attribute) and node.attr in ("open", "private", "_private", "_to_linx"):
                is_a_permit = isinstance(node.value, ast.Attribute | ast.Name) and last_name(node.value) == "permits"
                assert not is_a_permit or path in own, f"{path} takes a permit past the gate"
    assert uses("permit").keys() == {
        "linx/routing/candidate.py",  # provider.permit, behind the candidate
        "linx/routing/attempt.py",
        "linx/handlers/answers/anthropic.py",
        "linx/handlers/management/ollama.py",
        "linx/handlers/management/upstream.py",
        "linx/handlers/models/ollama.py",
    }
    for path, functions in uses("permit").items():
        if path != "linx/routing/candidate.py":
            takers = {last_name(one.value) for one in functions if isinstance(one, ast.Attribute)}  # type: ignore[arg-type]
            assert takers <= {"candidate", "ollama"}, f"{path}: the permit of {takers}"


def test_only_the_gate_makes_a_candidate_that_is_not_private() -> None:
    """Candidates made elsewhere have two values, so that they are private."""
    for path, inside in nodes().items():
        for node in inside:
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
                continue
            name, words = last_name(node.func), {word.arg for word in node.keywords}
            if name == "Candidate" and path != "linx/routing/gate.py":
                is_private = len(node.args) == 2 and not words
                assert is_private, f"{path}:{node.lineno} makes a candidate past the gate"
            elif name in ("replace", "__replace__"):
                assert "is_private" not in words, f"{path}:{node.lineno} changes a candidate past the gate"


def test_every_connection_goes_through_the_pool() -> None:
    """Sockets are connected in one file, for the pool alone; ``fetch_json`` and the attempts ask the pool."""
    dialling = {"open_tcp_stream", "open_tcp_listeners", "create_connection", "connect_ex", "open_ssl_over_tcp_stream"}
    found = {path for name in dialling for path in uses(name) if not path.startswith("linx/children/")}
    assert found <= {"linx/upstream/dial.py", "linx/server/sockets.py"}
    connecting = {path for path in uses("connect") if not path.startswith("linx/children/")}
    others = {
        "linx/ledger/database.py",
        "linx/console.py",
    }  # sqlite3's opens a file, that of a UDP socket sends nothing
    assert connecting - others == {"linx/upstream/pool.py", "linx/upstream/dial.py"}
    asking = {
        path
        for path, functions in uses("open").items()
        if any(isinstance(one, ast.Attribute) and last_name(one.value) in ("pool", "_pool") for one in functions)  # type: ignore[arg-type]
    }
    management = {"linx/handlers/management/ollama.py", "linx/handlers/management/upstream.py"}
    own = {"linx/providers/catalog.py", "linx/doctor/gather/ask.py"}
    discovery = "linx/discovery/identify.py"  # which has no more than fixed GETs to send
    assert asking == {*own, "linx/routing/attempt.py", discovery, *management}
    assert uses("fetch_json").keys() == {
        "linx/providers/late_costs.py",
        "linx/handlers/answers/anthropic.py",
        "linx/handlers/models/ollama.py",
    }


def test_what_decides_over_privacy_is_asked_in_the_gate_alone() -> None:
    """A road with a decision of its own is a road that a later rule forgets."""
    assert readers("local_only") <= {
        "linx/routing/privacy.py",
        "linx/routing/key_models.py",  # what a list shows
        "linx/handlers/management/status.py",  # and the status
        "linx/handlers/models/openai.py",  # which lists are the same
        "linx/handlers/models/ollama.py",
        "linx/handlers/request_facts.py",  # is_local_only: the client's key or header
        "linx/routing/router.py",  # hands it to the gate, and waits for lists that tell what is local
        "linx/handlers/answers/generation.py",
        "linx/handlers/answers/ollama.py",
        "linx/handlers/answers/relay.py",
        "linx/handlers/answers/responses.py",  # keeps it with an answer, and demands it of what continues the answer
    }
    assert {path for path in uses("admit") if "/dialects/" not in path} == {
        "linx/routing/router.py",
        "linx/handlers/answers/relay.py",
        "linx/handlers/management/ollama.py",
        "linx/handlers/management/upstream.py",
        "linx/handlers/models/ollama.py",
    }
