"""Cuts a frame at the values that change from frame to frame: its text, and fields such as OpenAI's ``obfuscation``.

The bytes between these values are the same in all frames of such a stream, so the next frame is known by them, and
only its values are looked at.

The rule: a cut is tried out. With other values in its holes the frame must be the same JSON but for these values.
A value fits into a hole only if it is the whole inside of a JSON string, or a plain number, so no value that fits
reaches beyond its hole.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from linx.core import jsontext
from linx.core.jsontext import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import JsonObject

TEXT = ""
"""The name of the hole of the text. Each other hole has the name of a field of the frame."""
MOST_DIGITS = 15  # of a number; every JSON library reads and writes such an integer exactly
_PROBE = "linx \u2603 probe"
_NUMBER_PROBE = 7919
_ZERO = 0x30


Value = str | int


class Cut(NamedTuple):
    """A frame without its values. ``between`` has one piece more than ``names``; quotes belong to the pieces."""

    names: tuple[str, ...]
    between: tuple[bytes, ...]
    numbers: frozenset[str]
    """The holes for numbers; all others are for the insides of strings."""


def is_simple(value: Any) -> bool:
    """Can ``value`` be told from its place alone: a string without escapes, or a plain number?"""
    if type(value) is int:
        return bool(0 < value < 10**MOST_DIGITS)
    return isinstance(value, str) and value.isascii() and value.encode().translate(None, PLAIN) == b""


class Framed(Protocol):
    """A decoder in which a frame of text changes nothing, once there was such a frame."""

    @property
    def is_between_frames(self) -> bool:
        """Does the next byte begin a frame, and is nothing of the frames before kept for it?"""


class Shape(NamedTuple):
    """How one dialect writes a frame of text."""

    start: bytes
    """What stands before the frame's JSON."""
    end: bytes
    passed_on: Mapping[str, bool]
    """The fields that may change from frame to frame: does a client of the same dialect get the provider's value?
    Decoder and encoder do nothing else with them."""
    find_text: Callable[[JsonObject, int], tuple[JsonObject, str]]
    """Gives the object that holds the text of a choice, and the text's key there. Raises ValueError (or what a frame of
    another form raises) for a frame in which another text would change more than the text."""


def last_event(events: bytes, end: bytes) -> bytes:
    at = events.rfind(end, 0, -len(end))
    return events[at + len(end) :] if at >= 0 else events


def cut(event: bytes, shape: Shape, text: str, index: int, fields: Mapping[str, Value]) -> Cut | None:
    """One event cut at the text of choice ``index`` and at the values of ``fields``; None where that is not safe."""
    start, end = len(shape.start), -len(shape.end)
    try:
        # Were ``event`` more than one event, this would be no JSON.
        frame = jsontext.loads_plain(event[start:end])
        holder, key = shape.find_text(frame, index)
        if holder[key] != text or any(
            frame[name] != value or type(frame[name]) is not type(value) for name, value in fields.items()
        ):
            return None
        values = {TEXT: text, **fields}
        places = sorted(_place(event, name, value) for name, value in values.items())
        names = tuple(name for _start, _end, name in places)
        edges = [0, *(edge for place in places for edge in place[:2]), len(event)]
        if edges != sorted(edges):
            return None  # one value was found inside another
        between = tuple(event[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2))
        probes = {name: _NUMBER_PROBE if type(value) is int else _PROBE for name, value in values.items()}
        holder[key] = _PROBE
        frame.update({name: probes[name] for name in fields})
        probed = (
            b"".join(piece + _inside(probes[name]) for piece, name in zip(between, names, strict=False)) + between[-1]
        )
        if jsontext.loads_plain(probed[start:end]) != frame:
            return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Cut(names, between, frozenset(name for name, value in values.items() if type(value) is int))


class Changes:
    """Which of the fields that may change do so in one stream."""

    __slots__ = ("_changing", "_shape", "_values")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._values: JsonObject = {}  # in the frame that was looked at last
        self._changing: set[str] = set()

    def holes_of(self, event: bytes) -> dict[str, Value]:
        """The values in ``event`` that are to be holes: of the fields that have changed so far."""
        shape = self._shape
        try:
            frame = jsontext.loads_plain(event[len(shape.start) : -len(shape.end)])
        except ValueError:
            return {}
        values = {name: frame[name] for name in shape.passed_on if name in frame} if isinstance(frame, dict) else {}
        self._changing |= {name for name, value in values.items() if self._values.get(name, value) != value}
        self._values = values
        return {name: value for name, value in values.items() if name in self._changing and is_simple(value)}


def _place(event: bytes, name: str, value: Value) -> tuple[int, int, str]:
    """Where ``value`` stands first in ``event``, without quotes. Raises ValueError if it does not."""
    key = b"" if name == TEXT else jsontext.dumps(name) + b":"
    written = jsontext.dumps(value)
    quotes = type(value) is str
    try:
        at = event.index(key + written) + len(key)
    except ValueError:
        if not key:
            raise
        key += b" "  # as Python's own library writes JSON
        at = event.index(key + written) + len(key)
    return at + quotes, at + len(written) - quotes, name


def _inside(value: Value) -> bytes:
    written = jsontext.dumps(value)
    return written[1:-1] if type(value) is str else written


def _is_number(value: bytes) -> bool:
    return value.isdigit() and value[0] != _ZERO and len(value) <= MOST_DIGITS


class Template:
    """``theirs`` is a frame as the provider writes it, ``ours`` the same frame as it is written on."""

    __slots__ = ("_first", "_form", "_from", "_last", "_middles", "_numbers_at", "_pick", "_rest", "_text_at", "_to")

    def __init__(self, theirs: Cut, ours: Cut) -> None:
        self._first, *self._middles, self._last = theirs.between
        self._from, self._to = len(self._first), -len(self._last)
        self._numbers_at = tuple(theirs.names.index(name) for name in theirs.numbers)
        kinds = ((name == TEXT, name in theirs.numbers) for name in theirs.names)
        self._rest = tuple((*kind, end) for kind, end in zip(kinds, theirs.between[1:], strict=True))
        self._text_at = theirs.names.index(TEXT)
        self._pick = itemgetter(*(theirs.names.index(name) for name in ours.names))
        self._form = b"%b".join(piece.replace(b"%", b"%%") for piece in ours.between)

    def frames(self, data: bytes) -> bytes | None:
        """The frames of ``data`` as they are written on; None unless it is nothing but frames that fit."""
        if not data.startswith(self._first):
            return None
        if data.endswith(self._last):  # one frame whose text has no escapes: the commonest of all reads
            values: list[bytes] = []
            rest = data[self._from : self._to]
            for middle in self._middles:
                value, found, rest = rest.partition(middle)
                if not found:
                    break
                values.append(value)
            else:
                values.append(rest)
                if values[self._text_at] and not b"".join(values).translate(None, PLAIN):
                    for at in self._numbers_at:
                        if not _is_number(values[at]):
                            return None
                    one: bytes = self._form % self._pick(values)
                    return one
        if (pairs := self._pairs(data)) is not None:
            return b"".join([self._form % self._pick(pair) for pair in pairs])
        made: list[bytes] = []
        start, size = 0, len(data)
        while start < size:
            values, start = self._values(data, start)
            if not start:
                return None
            made.append(self._form % self._pick(values))
        return b"".join(made)

    def text_in(self, data: bytes) -> bytes:
        """What ``data`` has in the place of the text, whether it fits or not; b"" for a frame of another form."""
        if not (data.startswith(self._first) and data.endswith(self._last)):
            return b""
        values: list[bytes] = []
        rest = data[self._from : self._to]
        for middle in self._middles:
            value, found, rest = rest.partition(middle)
            if not found:
                return b""
            values.append(value)
        return [*values, rest][self._text_at]

    def joined(self, data: bytes) -> tuple[bytes, int, int]:
        """One frame for the frames that fit at the beginning of ``data``, how many these are, and where they end.

        It has the texts of all of them, and of the last one all other values.
        """
        if pairs := self._pairs(data):
            values = list(pairs[-1])
            values[self._text_at] = b"".join([pair[self._text_at] for pair in pairs])
            return self._form % self._pick(values), len(pairs), len(data)
        texts: list[bytes] = []
        end, last = 0, [b""] * len(self._rest)
        while True:
            values, behind = self._values(data, end)
            if not behind:
                break
            texts.append(values[self._text_at])
            end, last = behind, values
        last[self._text_at] = b"".join(texts)
        return self._form % self._pick(last) if texts else b"", len(texts), end

    def _pairs(self, data: bytes) -> list[tuple[bytes, bytes]] | None:
        """The values of each frame, if there are two holes for strings and ``data`` is nothing but frames that fit.

        This looks at all frames together, since one read may have hundreds of them.
        """
        if len(self._middles) != 1 or self._numbers_at:
            return None
        if not (data.startswith(self._first) and data.endswith(self._last)):
            return None
        one, *rest = data[self._from : self._to].split(self._middles[0])
        if not rest:
            return None
        seams = [piece.partition(self._last + self._first) for piece in rest[:-1]]
        if any(not seam for _other, seam, _one in seams):
            return None
        columns = [one, *[behind for _other, _seam, behind in seams]], [*[seam[0] for seam in seams], rest[-1]]
        texts, fields = columns[self._text_at], columns[1 - self._text_at]
        if not all(texts) or b"".join(fields).translate(None, PLAIN) or not jsontext.is_text(b" ".join(texts)):
            return None
        return list(zip(*columns, strict=True))

    def _values(self, data: bytes, start: int) -> tuple[list[bytes], int]:
        """The values of the frame that begins at ``start``, and where it ends: 0 for a frame that does not fit."""
        values: list[bytes] = []
        if not data.startswith(self._first, start):
            return values, 0
        start += len(self._first)
        for is_text, is_number, end in self._rest:
            stop = data.find(end, start)
            if stop < 0:
                return values, 0
            value = data[start:stop]
            if is_number:
                if not _is_number(value):
                    return values, 0
            elif value.translate(None, PLAIN):
                if not is_text or not jsontext.is_text(value):
                    return values, 0
            elif is_text and not value:
                return values, 0
            values.append(value)
            start = stop + len(end)
        return values, start
