"""Reads and writes JSON text of any size in steps.

A parser in C holds the interpreter lock for its whole run: while it reads megabytes of
small values, no other thread can run. Here one call of the parser gets about STEP bytes at
most, and what lies between these pieces (deep nesting, long strings) is read in Python,
where threads take turns. That is slower, but linear. The number of values has a limit too,
since a list of empty lists takes twenty times as much memory as its text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STEP = 2**20
LONG_TEXT = 2**18  # characters of a string that one call writes
DEPTH = 6
"""Levels of the value that ``dumps`` writes in steps. Long texts of messages are above this level; a value below it,
such as a deep schema, is written in one call."""
MAX_VALUES = 2_000_000
"""Values in one text, with the keys. Of real requests only lists of tokens come near."""
MAX_CONTAINERS = 250_000
"""Lists and objects in one text: more than a conversation can have that fits any model. Python frees them, and
searches them for garbage, in one step that cannot be divided, so their number must have a limit."""

_WS = rb"[ \t\n\r]*+"
# Each group with a possessive repeat is atomic inside: before Python 3.11.5 a possessive repeat whose last round fails
# half-way keeps what that round had matched.
_STRING = rb'"[^"\\]*+(?:(?>\\.[^"\\]*+))*+"'
# The parser decides whether a number is valid. The pattern only makes sure that no step ends in the middle of a number.
_SCALAR = rb"(?>" + _STRING + rb"|-?[0-9][0-9.eE+-]*+(?=[ \t\n\r,\]}])|true|false|null)"
_ITEM = _SCALAR
for _ in range(3):  # levels of containers that one call of the parser reads; each level doubles the pattern's length
    _END = _WS + rb"(?:,%b(?!%%b)|(?=%%b))" % _WS
    _LIST = rb"\[" + _WS + rb"(?:(?>" + _ITEM + _END % (rb"\]", rb"\]") + rb")){0,64}+\]"
    _ENTRY = _STRING + _WS + rb":" + _WS + _ITEM
    _OBJECT = rb"\{" + _WS + rb"(?:(?>" + _ENTRY + _END % (rb"\}", rb"\}") + rb")){0,64}+\}"
    _ITEM = rb"(?>" + _SCALAR + rb"|" + _OBJECT + rb"|" + _LIST + rb")"
_COMMA = _WS + rb"," + _WS
_PAIR = _STRING + _WS + rb":" + _WS + _ITEM
_SPACE = re.compile(_WS)
_SINGLE = re.compile(_SCALAR, re.DOTALL)
# Up to 1 MiB of a string, never cut inside an escape or between the two escapes of a surrogate pair.
_SOME_TEXT = re.compile(
    rb'(?:(?>[^"\\]{1,1024}+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.)){1,1024}+',
    re.DOTALL,
)
_CLOSES = {list: b"]", dict: b"}"}


@cache
def _runs() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Runs of items and of pairs. Compiled by the first large text, since that takes 60 ms: a tenth of a start."""
    items, pairs = (one + rb"(?:(?>" + _COMMA + one + rb")){0,255}+" for one in (_ITEM, _PAIR))
    return re.compile(items, re.DOTALL), re.compile(pairs, re.DOTALL)


class Malformed(ValueError):
    """The text is not JSON; the message says where and why."""


class TooMany(ValueError):
    """The text has more values, or more lists and objects, than allowed."""


def loads(data: bytes, parse: Callable[[bytes], Any], max_depth: int) -> list[Any] | dict[str, Any]:
    """The value of ``data``, which must be an object or a list. ``parse`` parses small texts.

    Raises Malformed or TooMany.
    """
    return _Reader(data, parse, max_depth).whole()


class _Reader:
    """Reads one text once."""

    def __init__(self, data: bytes, parse: Callable[[bytes], Any], max_depth: int) -> None:
        self.data = data
        self.parse = parse
        self.max_depth = max_depth
        self.items, self.pairs = _runs()
        self.at = 0
        self.values = 0
        self.containers = 0

    def whole(self) -> list[Any] | dict[str, Any]:
        self._skip()
        root = self._open()
        if root is None:
            raise self._wrong("an object or a list is expected")
        # The containers around the one that is being filled (``into``), outermost first.
        around: list[list[Any] | dict[str, Any]] = []
        into: list[Any] | dict[str, Any] | None = root
        is_new = True
        while into is not None:
            if is_new and self._takes(_CLOSES[type(into)]):
                is_new = False
            else:
                inner = self._more(into, len(around) + 2)
                if inner is not None:
                    around.append(into)
                    into, is_new = inner, True
                    continue
                is_new = False
                if self._takes(b","):
                    continue
                if not self._takes(_CLOSES[type(into)]):
                    raise self._wrong("a comma or the end of the list or object is expected")
            # ``into`` is closed, and perhaps so are the containers around it.
            into = around.pop() if around else None
            while into is not None and not self._takes(b","):
                if not self._takes(_CLOSES[type(into)]):
                    raise self._wrong("a comma or the end of the list or object is expected")
                into = around.pop() if around else None
        if self.at < len(self.data):
            raise self._wrong("something follows the end")
        return root

    def _more(self, into: list[Any] | dict[str, Any], depth: int) -> list[Any] | dict[str, Any] | None:
        """Add values to ``into``: as many small values as one step allows, or one value of any size.

        Returns the list or object that was opened, if the next value is one that must be read
        in steps itself. ``depth`` is the depth of a container inside ``into``.
        """
        run = (self.items if isinstance(into, list) else self.pairs).match(self.data, self.at, self.at + STEP)
        if run is not None:
            self._add_run(into, run[0], depth)
            self.at = run.end()
            self._skip()
            return None
        key = ""
        if isinstance(into, dict):
            key = self._text()
            self._skip()
            if not self._takes(b":"):
                raise self._wrong("a colon is expected")
        value: Any = self._open()
        is_open = value is not None
        if not is_open:
            value = self._single()
            self._skip()
        self._count(2 if key else 1, 1 if is_open else 0, depth if is_open else 0)
        if isinstance(into, dict):
            into[key] = value
        else:
            into.append(value)
        return value if is_open else None

    def _add_run(self, into: list[Any] | dict[str, Any], text: bytes, depth: int) -> None:
        if isinstance(into, list):
            items = self._parsed(b"[%b]" % text)
            into += items
        else:
            pairs = self._parsed(b"{%b}" % text)
            into.update(pairs)
            items = pairs.values()
            self._count(len(items), 0, 0)
        self._count(len(items), 0, 0)
        self._count_within(items, depth)

    def _count_within(self, items: Iterable[Any], depth: int) -> None:
        for item in items:
            if isinstance(item, list):
                self._count(len(item), 1, depth)
                self._count_within(item, depth + 1)
            elif isinstance(item, dict):
                self._count(2 * len(item), 1, depth)
                self._count_within(item.values(), depth + 1)

    def _count(self, values: int, containers: int, depth: int) -> None:
        if depth > self.max_depth:
            raise Malformed(f"nested more than {self.max_depth} deep")
        self.values += values
        self.containers += containers
        if self.values > MAX_VALUES or self.containers > MAX_CONTAINERS:
            raise TooMany(f"it holds more than {MAX_CONTAINERS} lists and objects, or more than {MAX_VALUES} values")

    def _open(self) -> list[Any] | dict[str, Any] | None:
        if self._takes(b"{"):
            return {}
        return [] if self._takes(b"[") else None

    def _single(self) -> Any:
        """A string of any length, a number, true, false or null."""
        if self.data[self.at : self.at + 1] == b'"':
            return self._text()
        found = _SINGLE.match(self.data, self.at)
        if found is None:
            raise self._wrong("a value is expected")
        value = self._parsed(found[0])
        self.at = found.end()
        return value

    def _text(self) -> str:
        """A string of any length."""
        data = self.data
        if data[self.at : self.at + 1] != b'"':
            raise self._wrong("a value is expected")
        self.at += 1
        pieces: list[str] = []
        while data[self.at : self.at + 1] != b'"':
            some = _SOME_TEXT.match(data, self.at)
            if some is None:
                raise self._wrong("a string has no end")
            end = some.end()
            while end < len(data) and 0x80 <= data[end] < 0xC0:
                end += 1  # the remaining bytes of a UTF-8 character
            pieces.append(self._parsed(b'"%b"' % data[self.at : end]))
            self.at = end
        self.at += 1
        return "".join(pieces)

    def _takes(self, mark: bytes) -> bool:
        """Is ``mark`` the next byte? If so, move past it and past the white space behind it."""
        if self.data[self.at : self.at + 1] != mark:
            return False
        self.at += 1
        self._skip()
        return True

    def _skip(self) -> None:
        space = _SPACE.match(self.data, self.at)
        assert space is not None  # the pattern matches an empty text, too
        self.at = space.end()

    def _parsed(self, text: bytes) -> Any:
        try:
            return self.parse(text)
        except ValueError as error:
            # The parser's position counts from the start of the piece, which would mislead the client.
            raise self._wrong(str(error).partition(": line ")[0]) from None

    def _wrong(self, why: str) -> Malformed:
        return Malformed(f"{why}: at byte {self.at} or after it")


def dumps(value: Any, write: Callable[[Any], bytes]) -> bytes:
    """The text that ``write(value)`` would give, made by calls of ``write`` for about LONG_TEXT characters each."""
    out: list[bytes] = []
    _put(value, write, out, DEPTH)
    return b"".join(out)


def _put(value: Any, write: Callable[[Any], bytes], out: list[bytes], depth: int) -> None:
    if isinstance(value, str):
        out.append(b'"')
        out += [write(value[at : at + LONG_TEXT])[1:-1] for at in range(0, len(value), LONG_TEXT)]
        out.append(b'"')
    elif isinstance(value, dict) and depth:
        _put_in_runs(value.items(), lambda run: write(dict(run)), b"{}", write, out, depth)
    elif isinstance(value, list) and depth:
        _put_in_runs(enumerate(value), lambda run: write([item for _at, item in run]), b"[]", write, out, depth)
    else:
        out.append(write(value))


def _put_in_runs(
    pairs: Iterable[tuple[Any, Any]],
    write_run: Callable[[list[tuple[Any, Any]]], bytes],
    ends: bytes,
    write: Callable[[Any], bytes],
    out: list[bytes],
    depth: int,
) -> None:
    """Write a list or object: small items together, many in one call of ``write``, and each large item by itself."""
    mark, run, size = ends[:1], list[tuple[Any, Any]](), 0
    for key, item in pairs:
        more = _size(item)
        if run and size + more > LONG_TEXT:
            out += (mark, write_run(run)[1:-1])
            mark, run, size = b",", [], 0
        if more <= LONG_TEXT:
            run.append((key, item))
            size += more
            continue
        out.append(mark)
        if ends == b"{}":
            out += (write(key), b":")
        _put(item, write, out, depth - 1)
        mark = b","
    if run:
        out += (mark, write_run(run)[1:-1])
        mark = b","
    out.append(ends[1:] if mark == b"," else ends)


def _size(value: Any) -> int:
    """About how many characters ``value`` takes; any number above LONG_TEXT for a value that is longer."""
    if isinstance(value, str):
        return len(value)
    size = 8
    if isinstance(value, dict):
        for key, item in value.items():
            size += len(key) + (len(item) if isinstance(item, str) else _size(item))
            if size > LONG_TEXT:
                break
    elif isinstance(value, list):
        for item in value:
            size += 8 + len(item) if isinstance(item, str) else _size(item)
            if size > LONG_TEXT:
                break
    return size
