"""Names of tools that a server does not take: too long, or with other characters than letters, digits, _ and -.

The detail is the length that the server takes. Each name becomes one of its own, the same one in tools, choice and
history, and the answer gets the client's name back.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.bent_names import resolved
from linx.dialects.adaptation.call_names import may_name_a_tool, rename_calls
from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.tools import map_field, map_list, map_part, tool_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.attempt_errors import Refused
    from linx.core.chat import Chunk, JsonObject
    from linx.dialects.adaptation.row import Restore

LENGTH = 64
"""What nearly all servers take; those that take more say so."""
_SHORTEST = 24
_DIGEST = 6  # characters of a digest that stand in the middle of a name that was cut
_HEAD = 12  # characters before it; the end of a name says more than its beginning

_ABOUT_A_NAME = re.compile(
    r"function\.name|custom\.name|\bfunction name|\btool(?:'s)? name|tools(?:\.|\[)\d{1,4}[^\s:]{0,40}name"
    r"|function_declarations\[\d{1,4}\]\.name|functions(?:\.|\[)\d{1,4}[^\s:]{0,40}name|tool_use\.name"
)
_LIMIT = re.compile(r"(?:max(?:imum)? length (?:of )?|cannot exceed |at most |no longer than |\{1,)([0-9]{2,3})\b")
_ODD = re.compile(r"[^a-zA-Z0-9_-]+")
_TAKEN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*")


def _refuses_name(refusal: Refused, body: JsonObject) -> str | None:
    words = refusal.words
    if not _ABOUT_A_NAME.search(words):
        return None
    found = _LIMIT.search(words)
    length = int(found[1]) if found else LENGTH
    length = length if length >= _SHORTEST else LENGTH
    return str(length) if _short_names(body, length) else None


def _with_short_names(body: JsonObject, detail: str) -> JsonObject:
    short = _short_names(body, _length(detail))
    return _renamed(body, lambda name: short.get(name, name)) if short else body


def _restored(body: JsonObject, detail: str) -> Restore | None:
    short = _short_names(body, _length(detail))
    if not short:
        return None
    original = {new: name for name, new in short.items()}
    return partial(_restore, partial(_original, original))


def _restore(original: Callable[[str], str], chunk: Chunk) -> None:
    if may_name_a_tool(chunk):
        rename_calls(chunk, original)


def _original(names: dict[str, str], name: str) -> str:
    """The client's name; the model may have bent the name that it was given."""
    known = names.get(name)
    if known is not None:
        return known
    meant = resolved(name, names)
    return name if meant is None else names[meant]


def _length(detail: str) -> int:
    return int(detail) if detail.isdecimal() else LENGTH


# --- the names in a body --------------------------------------------------------------


def _short_names(body: JsonObject, length: int) -> dict[str, str]:
    """For each name in ``body`` that has to change, the one that it becomes."""
    names: dict[str, None] = {}

    def note(name: str) -> str:
        names[name] = None
        return name

    _renamed(body, note)
    odd = [name for name in names if len(name) > length or not _TAKEN.fullmatch(name)]
    taken = set(names).difference(odd)
    short = {}
    for name in odd:
        short[name] = next(one for one in _candidates(name, length) if one not in taken)
        taken.add(short[name])
    return short


def _candidates(name: str, length: int) -> Iterable[str]:
    """Names in place of ``name``, the plainest first. They hang on nothing but the name, so that they stay the same
    over the turns of a conversation."""
    plain = _ODD.sub("_", name)
    if not _TAKEN.match(plain):
        plain = "_" + plain
    if len(plain) <= length:
        yield plain
    tail = plain[-(length - _HEAD - _DIGEST - 2) :]
    count = 0
    while True:
        digest = hashlib.sha256(f"{count}:{name}".encode("utf-8", "replace")).hexdigest()[:_DIGEST]
        yield f"{plain[:_HEAD]}_{digest}_{tail}"
        count += 1


def _renamed(body: JsonObject, rename: Callable[[str], str]) -> JsonObject:
    """``body`` with each name of a tool changed; ``body`` itself if none is."""
    renaming = _Renaming(rename)
    body = map_field(body, "tools", renaming.in_tools)
    body = map_field(body, "tool_choice", renaming.in_choice)
    for field in ("messages", "input"):
        body = map_field(body, field, renaming.in_messages)
    return body


class _Renaming:
    """Each method returns what it was given with the names in it changed, or the same object if none is."""

    __slots__ = ("_rename",)

    def __init__(self, rename: Callable[[str], str]) -> None:
        self._rename = rename

    def in_tools(self, tools: Any) -> Any:
        # A tool of the server's own, such as a search, has a name that is no client's.
        return map_list(tools, lambda tool: self._in_tool(tool) if _is_clients(tool) else tool)

    def in_choice(self, choice: Any) -> Any:
        if not isinstance(choice, dict):
            return choice
        if isinstance(choice.get("allowed_tools"), dict):
            return map_field(choice, "allowed_tools", self.in_choice)
        if isinstance(choice.get("tools"), list):
            return map_field(choice, "tools", self._in_calls)
        return self._in_tool(choice)

    def in_messages(self, messages: Any) -> Any:
        return map_list(messages, self._in_message)

    def _in_message(self, message: Any) -> Any:
        if not isinstance(message, dict):
            return message
        if message.get("type") in ("function_call", "custom_tool_call"):  # Responses
            return self._in_object(message)
        message = map_field(message, "tool_calls", self._in_calls)
        message = map_field(message, "content", lambda parts: map_list(parts, self._in_content))
        if message.get("role") == "tool":
            message = map_field(self._in_object(message), "tool_name", self._in_name)
        return message

    def _in_content(self, part: Any) -> Any:
        return self._in_object(part) if isinstance(part, dict) and part.get("type") == "tool_use" else part

    def _in_calls(self, calls: Any) -> Any:
        return map_list(calls, self._in_tool)

    def _in_tool(self, tool: Any) -> Any:
        return map_part(tool, self._in_object)

    def _in_object(self, holder: JsonObject) -> JsonObject:
        return map_field(holder, "name", self._in_name)

    def _in_name(self, name: Any) -> Any:
        return self._rename(name) if isinstance(name, str) and name else name


def _is_clients(tool: Any) -> bool:
    part = tool_part(tool)
    return part is not None and (part is not tool or tool.get("type") in (None, "function", "custom"))


TOOL_NAMES = Row(
    name="tool_names",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.MESSAGES, BodyFormat.RESPONSES, BodyFormat.OLLAMA)),
    recognise=_refuses_name,
    change=_with_short_names,
    restore=_restored,
)
