"""Reads JSON as editors write it, with comments and trailing commas, and remembers where everything stands.

Only what VS Code and Zed read is read: ``//`` and ``/* */``, one trailing comma. Anything else is ``Unfit``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from linx.core import jsontext
from linx.setup.edits.edit import Unfit

MAX_DEPTH = 100
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_BLANK = re.compile(r"(?:[ \t\r\n]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)


@dataclass(slots=True)
class Node:
    """A value, and the part of the text that it is."""

    value: Any
    start: int
    end: int = 0
    members: list[Member] = field(default_factory=list)
    """Of an object or a list, in the order of the text."""
    has_trailing_comma: bool = False
    tail: int = 0
    """Behind the last thing inside an object or list, be it a comment."""

    def find(self, key: str) -> Member | None:
        """The member of an object; Unfit if it is there twice."""
        found = [member for member in self.members if member.key == key]
        if len(found) > 1:
            raise Unfit(f"has {jsontext.dumps(key).decode()} twice")
        return found[0] if found else None


@dataclass(slots=True)
class Member:
    """A key and its value in an object; in a list the key is None, and ``start`` is that of the value."""

    key: str | None
    start: int
    node: Node
    comma: int = -1
    """Where the comma behind it is; -1 where there is none."""


def parse(text: str) -> Node | None:
    """The value in the text; None for a text with nothing but blanks and comments."""
    at = _skip(text, 0)
    if at == len(text):
        return None
    try:
        node = _value(text, at, 0)
    except RecursionError:
        raise Unfit("is nested too deep") from None
    end = _skip(text, node.end)
    if end != len(text):
        raise _wrong(text, end)
    return node


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _wrong(text: str, at: int) -> Unfit:
    return Unfit(f"is not JSON that can be understood at line {text.count(chr(10), 0, at) + 1}")


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise Unfit("is nested too deep")
    sort = text[at : at + 1]
    if sort in ("{", "["):
        return _container(text, at, depth, is_object=sort == "{")
    found = _STRING.match(text, at) if sort == '"' else _WORD.match(text, at)
    if not found:
        raise _wrong(text, at)
    return Node(_decoded(found[0]), at, found.end())


def _decoded(raw: str) -> Any:
    try:
        return jsontext.loads(raw.encode("utf-8", "surrogatepass"), keep_surrogates=True)
    except jsontext.InvalidJSON:
        raise Unfit("has a value that cannot be understood") from None


def _container(text: str, start: int, depth: int, *, is_object: bool) -> Node:
    node = Node({} if is_object else [], start)
    close = "}" if is_object else "]"
    begin = at = start + 1
    while True:
        at = _skip(text, begin)
        if text[at : at + 1] == close:
            break
        if node.members and node.members[-1].comma < 0:
            raise _wrong(text, at)
        member = _member(text, at, depth, is_object=is_object)
        node.members.append(member)
        if is_object:
            node.value[member.key] = member.node.value
        else:
            node.value.append(member.node.value)
        begin = member.node.end
        comma = _skip(text, begin)
        if text[comma : comma + 1] == ",":
            member.comma = comma
            begin = comma + 1
    node.has_trailing_comma = bool(node.members) and node.members[-1].comma >= 0
    node.tail = begin + len(text[begin:at].rstrip(" \t\r\n"))
    node.end = at + 1
    return node


def _member(text: str, at: int, depth: int, *, is_object: bool) -> Member:
    if not is_object:
        return Member(None, at, _value(text, at, depth + 1))
    found = _STRING.match(text, at)
    if not found:
        raise _wrong(text, at)
    colon = _skip(text, found.end())
    if text[colon : colon + 1] != ":":
        raise _wrong(text, colon)
    return Member(_decoded(found[0]), at, _value(text, _skip(text, colon + 1), depth + 1))
