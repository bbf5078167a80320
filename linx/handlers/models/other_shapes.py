"""The model list in the shapes for Anthropic's clients and for Codex.

Both are made from the entries of OpenAI's list, which have all that these shapes need.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.handlers.models.pieces import STEP, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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


class Page(NamedTuple):
    """A page of Anthropic's list, as a client asks for it."""

    stages: tuple[str, ...]
    limit: int
    before: str | None
    after: str | None


def asked_page(query: Mapping[str, Sequence[str]]) -> Page:
    """Without ``limit`` the first MOST entries, without ``lifecycle`` those that still answer. Raises BadRequest.

    ``after_id`` counts only where there is no ``before_id``.
    """
    wanted = {*query.get("lifecycle", ()), *query.get("lifecycle[]", ())}
    if not wanted <= set(LIFECYCLES):
        raise BadRequest(f"lifecycle: must be some of {', '.join(LIFECYCLES)}", param="lifecycle")
    stages = tuple(stage for stage in LIFECYCLES if stage in wanted) or LIFECYCLES[:2]
    before = query["before_id"][0] if query.get("before_id") else None
    after = query["after_id"][0] if before is None and query.get("after_id") else None
    return Page(stages, _limit(query), before, after)


def anthropic_list(entries: Iterable[JsonObject | None], page: Page | None) -> Iterator[bytes]:
    """The JSON of one page. Raises BadRequest. No more entries are read than the page needs."""
    assert page is not None
    found: deque[JsonObject] = deque()
    has_more, is_within = False, page.after is None
    for entry in entries:
        if entry is None:
            yield b""
        elif entry.get("lifecycle", LIFECYCLES[0]) not in page.stages:
            continue
        elif entry["id"] == page.before:
            break
        elif not is_within:
            is_within = entry["id"] == page.after
        elif len(found) < page.limit:
            found.append(entry)
        else:
            has_more = True
            if page.before is None:
                break
            found.popleft()
            found.append(entry)
    else:
        if page.before is not None or not is_within:
            param = "before_id" if page.before is not None else "after_id"
            raise BadRequest(f"{param}: no model has that id", param=param)
    ends = (found[0]["id"], found[-1]["id"]) if found else (None, None)
    end = jsontext.dumps({"has_more": has_more, "first_id": ends[0], "last_id": ends[1]})
    yield from joined(b'{"data":[', _written(found), b"]," + end[1:])


def _written(found: Iterable[JsonObject]) -> Iterator[bytes]:
    """Each entry of a page, and nothing between them, see ``pieces``."""
    for number, entry in enumerate(found, 1):
        yield jsontext.dumps(anthropic_entry(entry))
        if number % STEP == 0:
            yield b""


def codex_list(entries: Iterable[JsonObject | None], _page: Page | None) -> Iterator[bytes]:
    """The JSON of Codex's catalogue of models. Codex refuses an entry without one of its fields, and follows its
    instructions."""
    places = count()
    written = (jsontext.dumps(_codex_entry(next(places), entry)) if entry is not None else b"" for entry in entries)
    return joined(b'{"models":[', written, b"]}")


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
