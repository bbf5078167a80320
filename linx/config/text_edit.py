"""Changes a JSON text in place: a new value goes in or an old one out, and every other byte stays as it is.

Rule: the text has been parsed before, so it is known to be JSON, and only the places of its parts are looked for here.
What is put in gets the layout of its neighbour: the space before the neighbour's first byte, and the space around the
neighbour's colon.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INDENT = b"  "
"""Where the text gives no example."""
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}]+")


class Part(NamedTuple):
    """A member of an object, or an item of a list, by its places in the text."""

    name: str
    """The key of a member; "" for an item."""
    start: int
    """Of the key, or of an item."""
    value: int
    """Where the value starts."""
    end: int


def parts_of(text: bytes, at: int) -> list[Part]:
    """The members of the object, or the items of the list, that begins at ``at``; none for any other value."""
    return list(_parts(text, at)) if text[at : at + 1] in (b"{", b"[") else []


def member(text: bytes, at: int, name: str) -> Part | None:
    """The member ``name`` of the object that begins at ``at``."""
    return next((part for part in parts_of(text, at) if part.name == name), None)


def root(text: bytes) -> int:
    """Where the value of the whole text begins; a byte order mark may stand before it."""
    return _after_space(text, 3 if text.startswith(b"\xef\xbb\xbf") else 0)


def with_member(text: bytes, at: int, name: str, value: bytes) -> bytes:
    """The text with one more member, the last one, in the object that begins at ``at``."""
    parts = parts_of(text, at)
    colon = b": "
    if parts:
        last = parts[-1]
        colon = text[_STRING.match(text, last.start).end() : last.value]  # type: ignore[union-attr]  # it is a key
    return _with_part(text, at, parts, jsontext.dumps(name) + colon + value)


def with_item(text: bytes, at: int, value: bytes) -> bytes:
    """The text with one more item, the last one, in the list that begins at ``at``."""
    return _with_part(text, at, parts_of(text, at), value)


def without_item(text: bytes, at: int, number: int) -> bytes:
    """The text without an item of the list that begins at ``at``, and without its comma and the space before it."""
    parts = parts_of(text, at)
    gone = parts[number]
    if number:
        return text[: parts[number - 1].end] + text[gone.end :]
    if len(parts) > 1:
        return text[: gone.start] + text[parts[1].start :]
    return text[: at + 1] + text[gone.end :]


def replaced(text: bytes, part: Part, value: bytes) -> bytes:
    return text[: part.value] + value + text[part.end :]


def _with_part(text: bytes, at: int, parts: Sequence[Part], written: bytes) -> bytes:
    if parts:
        before = parts[-2].end if len(parts) > 1 else at
        space = text[_comma_or_bracket(text, before) : parts[-1].start]
        end = parts[-1].end
        return text[:end] + b"," + (space or _space_between(text, parts)) + written + text[end:]
    inside = at + 1
    space = text[inside : _after_space(text, inside)]
    lead = space + INDENT if b"\n" in space else b""
    return text[:inside] + lead + written + text[inside:]


def _space_between(text: bytes, parts: Sequence[Part]) -> bytes:
    """Where the last part stands close behind its bracket: a space, unless the text is written without any."""
    last = parts[-1]
    is_compact = len(parts) > 1 or (last.start != last.value and text[last.value - 1 : last.value] == b":")
    return b"" if is_compact else b" "


def _comma_or_bracket(text: bytes, at: int) -> int:
    """The place behind the comma, or the opening bracket, that follows ``at``."""
    return _after_space(text, at) + 1


def _after_space(text: bytes, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere


def _parts(text: bytes, at: int) -> Iterator[Part]:
    is_object = text[at : at + 1] == b"{"
    at = _after_space(text, at + 1)
    while text[at : at + 1] not in (b"}", b"]"):
        start, name = at, ""
        if is_object:
            key = _STRING.match(text, at)
            assert key is not None
            name = jsontext.loads(key[0])
            at = _after_space(text, _after_space(text, key.end()) + 1)
        end = _end_of(text, at)
        yield Part(name, start, at, end)
        at = _after_space(text, end)
        if text[at : at + 1] == b",":
            at = _after_space(text, at + 1)


def _end_of(text: bytes, at: int) -> int:
    """Where the value that begins at ``at`` ends."""
    depth = 0
    while True:
        first = text[at : at + 1]
        if first == b'"':
            at = _STRING.match(text, at).end()  # type: ignore[union-attr]  # the text is JSON
        elif first in (b"{", b"["):
            depth, at = depth + 1, at + 1
        elif first in (b"}", b"]"):
            depth, at = depth - 1, at + 1
        else:
            at = _SCALAR.match(text, at).end()  # type: ignore[union-attr]  # the text is JSON
        if not depth:
            return at
        at = _after_space(text, at)
        while text[at : at + 1] in (b",", b":"):
            at = _after_space(text, at + 1)
