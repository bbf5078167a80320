"""The model list in the shapes for Anthropic's clients and for Codex.

Both are made from the entries of OpenAI's list, which have all that these shapes need.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linx.core.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.core.chat import JsonObject

LIFECYCLES = ("active", "deprecated", "retired")
"""The stages in which Anthropic has a model; its SDK (2.14) refuses an entry without one."""
MOST = 1000  # entries on one page
KEPT_OUTPUT = 10_000  # tokens of a command's output that Codex is to keep
_CODEX_INPUTS = ("text", "image")
_INSTRUCTIONS = """\
You are a coding agent in the terminal of the person you work for. You read and change the files of their project \
and run commands there, with the tools that you are given.

- Look before you act: read the files that matter, and follow the project's own conventions and instructions.
- Finish what was asked, and nothing besides. Keep changes small, and leave alone what is not yours.
- Check your work by running what checks it: the tests, the build, the program itself.
- Never destroy what cannot be made again, and never claim to have done what you did not do.
- Say briefly what you do and why. At the end tell what changed, how you checked it and what is still open.
"""


def anthropic_entry(entry: JsonObject) -> JsonObject:
    """One model as Anthropic's API shows it: each of its fields, null where nothing is known.

    Only Anthropic says of its own models that they are retired some day; all others are active.
    """
    shown: JsonObject = {
        "type": "model",
        "id": entry["id"],
        "display_name": entry["id"],
        "created_at": datetime.fromtimestamp(entry["created"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": entry.get("lifecycle", LIFECYCLES[0]),
        "max_input_tokens": entry.get("context_length"),
    }
    return shown | dict.fromkeys(("capabilities", "deprecated_at", "line", "max_tokens", "retires_at"))


def anthropic_list(entries: Sequence[JsonObject], query: Mapping[str, Sequence[str]]) -> JsonObject:
    """One page of the entries; without ``limit`` the first MOST entries. Raises BadRequest."""
    entries = _of_lifecycles(entries, query)
    limit, end = _limit(query), len(entries)
    places = {entry["id"]: place for place, entry in enumerate(entries)}
    if query.get("before_id"):
        end = _place(places, query["before_id"][0], "before_id")
        start = max(0, end - limit)
        has_more = start > 0
    else:
        start = _place(places, query["after_id"][0], "after_id") + 1 if query.get("after_id") else 0
        has_more = start + limit < end
        end = min(end, start + limit)
    page = [anthropic_entry(entry) for entry in entries[start:end]]
    return {
        "data": page,
        "has_more": has_more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _of_lifecycles(entries: Sequence[JsonObject], query: Mapping[str, Sequence[str]]) -> Sequence[JsonObject]:
    """The entries in the stages that are asked for; without any those that still answer."""
    wanted = [*query.get("lifecycle", ()), *query.get("lifecycle[]", ())]
    if not set(wanted) <= set(LIFECYCLES):
        raise BadRequest(f"lifecycle: must be some of {', '.join(LIFECYCLES)}", param="lifecycle")
    stages = wanted or LIFECYCLES[:2]
    return [entry for entry in entries if entry.get("lifecycle", LIFECYCLES[0]) in stages]


def codex_list(entries: Sequence[JsonObject]) -> JsonObject:
    """Codex's catalogue of models. Codex refuses an entry without one of these fields, and follows its instructions."""
    return {"models": [_codex_entry(place, entry) for place, entry in enumerate(entries)]}


def _codex_entry(place: int, entry: JsonObject) -> JsonObject:
    shown: JsonObject = {
        "slug": entry["id"],
        "display_name": entry["id"],
        "description": f"{entry['id']} at {entry['owned_by']}",
        "default_reasoning_level": None,
        "supported_reasoning_levels": [],
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": True,
        "priority": place,
        "upgrade": None,
        "base_instructions": _INSTRUCTIONS,
        "supports_reasoning_summaries": False,
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": None,
        "truncation_policy": {"mode": "tokens", "limit": KEPT_OUTPUT},
        "supports_parallel_tool_calls": False,
        "experimental_supported_tools": [],
        "input_modalities": _codex_modalities(entry),
    }
    if "context_length" in entry:
        shown["context_window"] = entry["context_length"]
    return shown


def _codex_modalities(entry: JsonObject) -> list[str]:
    """Codex knows text and pictures; where nothing is known of a model, both are tried."""
    inputs = entry["architecture"]["input_modalities"] if "architecture" in entry else _CODEX_INPUTS
    return [each for each in _CODEX_INPUTS if each in inputs]


def _limit(query: Mapping[str, Sequence[str]]) -> int:
    given = query.get("limit", ["1000"])[0]
    if not given.isascii() or not given.isdigit() or len(given) > 4 or not 1 <= int(given) <= MOST:
        raise BadRequest(f"limit: must be a whole number from 1 to {MOST}", param="limit")
    return int(given)


def _place(places: Mapping[str, int], name: str, param: str) -> int:
    if name not in places:
        raise BadRequest(f"{param}: no model has that id", param=param)
    return places[name]
