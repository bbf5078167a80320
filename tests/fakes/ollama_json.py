"""JSON as Go's ``encoding/json`` reads it into a struct, with the words in which it complains.

Ollama binds every body to a struct, so a wrong type is a 400 such as ``json: cannot unmarshal
string into Go struct field ChatRequest.stream of type bool``. The rules of that package that a
client can notice: keys match in any case, unknown keys and ``null`` are skipped, what follows the
first value is not read, and of several wrong types the first one is told. A ``Shape`` is one Go
type; ``ollama_requests`` has the structs.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JsonObject = dict[str, Any]


class GoError(Exception):
    """What Go's decoder says, word for word."""


class NoBody(GoError):
    """io.EOF: there is not even the start of a value."""


# --- the text -------------------------------------------------------------------------------

_WHERE = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}
"""Python's complaints in Go's words; a missing comma depends on the bracket around it."""
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def _syntax_error(text: str, error: json.JSONDecodeError) -> GoError:
    place = error.pos
    while place < len(text) and text[place] in " \t\r\n" and "in string" not in _WHERE.get(error.msg, ""):
        place += 1
    if place >= len(text) or error.msg.startswith("Unterminated string"):
        return GoError("unexpected EOF")
    literal = _LITERALS.get(text[place]) if error.msg == "Expecting value" else None
    if literal is not None:
        wrong = next((n for n, mark in enumerate(literal) if text[place + n : place + n + 1] != mark), 0)
        if place + wrong >= len(text):
            return GoError("unexpected EOF")
        return GoError(
            f"invalid character {_quoted(text[place + wrong])} in literal {literal} (expecting '{literal[wrong]}')"
        )
    where = _WHERE.get(error.msg)
    if where is None:
        brackets = [mark for mark in _STRINGS.sub("", text[:place]) if mark in "[]{}"]
        open_ones: list[str] = []
        for mark in brackets:
            if mark in "[{":
                open_ones.append(mark)
            elif open_ones:
                open_ones.pop()
        where = "after array element" if open_ones and open_ones[-1] == "[" else "after object key:value pair"
    return GoError(f"invalid character {_quoted(text[place])} {where}")


def _quoted(character: str) -> str:
    first = chr(character.encode()[0])  # Go looks at bytes
    return {"'": "'\\''", '"': "'\"'"}.get(first) or "'" + first.encode("unicode_escape").decode() + "'"


def _no_constant(name: str) -> NoReturn:
    raise GoError(f"invalid character {_quoted(name[0])} looking for beginning of value")


def parsed(body: bytes) -> Any:
    """The first JSON value of a body. Raises GoError."""
    text = body.decode(errors="replace").lstrip(" \t\r\n")
    if not text:
        raise NoBody("EOF")
    try:
        value, _end = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from None
    except RecursionError:
        raise GoError("exceeded max depth") from None
    return value


# --- the types ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where in the structs a value stands: the struct's name and the names of all fields above."""

    struct: str = ""
    path: str = ""
    is_named: bool = False
    """Inside a type that reads itself: an error keeps the name of the struct around that type."""

    def mismatch(self, value: Any, go_type: str, kind: str | None = None) -> GoError:
        got = kind or kind_of(value)
        if not self.path:
            return GoError(f"json: cannot unmarshal {got} into Go value of type {go_type}")
        return GoError(f"json: cannot unmarshal {got} into Go struct field {self.struct}.{self.path} of type {go_type}")


class Shape(Protocol):
    """One Go type: ``read`` gives the value that Go would hold, or raises GoError."""

    @property
    def go_type(self) -> str: ...

    def read(self, value: Any, place: Place) -> Any: ...


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Scalar:
    go_type: str
    zero: Any

    def read(self, value: Any, place: Place) -> Any:
        kind = kind_of(value)
        if kind != kind_of(self.zero):
            raise place.mismatch(value, self.go_type)
        if isinstance(self.zero, bool | str) or _is_whole(value):
            return value
        if isinstance(self.zero, float) and abs(value) <= _LARGEST:
            return value
        raise place.mismatch(value, self.go_type, f"number {value}")


STRING, BOOL, INT, FLOAT = Scalar("string", ""), Scalar("bool", False), Scalar("int", 0), Scalar("float64", 0.0)


@dataclass(frozen=True)
class AnyValue:
    go_type: str = "interface {}"

    def read(self, value: Any, place: Place) -> Any:
        return value


ANY = AnyValue()


@dataclass(frozen=True)
class ListOf:
    of: Shape
    go_type: str

    def read(self, value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            raise place.mismatch(value, self.go_type)
        return [None if one is None else self.of.read(one, place) for one in value]


@dataclass(frozen=True)
class MapOf:
    of: Shape
    go_type: str

    def read(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise place.mismatch(value, self.go_type)
        return {name: None if one is None else self.of.read(one, place) for name, one in value.items()}


@dataclass(frozen=True)
class Struct:
    go_type: str
    fields: Mapping[str, Shape]
    reads_itself: bool = False
    """It has an UnmarshalJSON of its own."""

    def read(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise place.mismatch(value, self.go_type)
        is_named = place.is_named or (self.reads_itself and bool(place.path))
        struct = place.struct if is_named else self.go_type.rpartition(".")[2]
        known = {name.lower(): name for name in self.fields}
        held: JsonObject = {}
        for key, one in value.items():
            name = key if key in self.fields else known.get(key.lower())
            if name is not None and one is not None:
                path = f"{place.path}.{name}" if place.path else name
                held[name] = self.fields[name].read(one, Place(struct, path, is_named))
        return held


@dataclass(frozen=True)
class Custom:
    """A type with an UnmarshalJSON of its own."""

    go_type: str
    reader: Callable[[Any, Place], Any]

    def read(self, value: Any, place: Place) -> Any:
        return self.reader(value, replace(place, is_named=True))


@dataclass(frozen=True)
class Later:
    """A type that contains itself."""

    find: Callable[[], Shape]
    go_type: str

    def read(self, value: Any, place: Place) -> Any:
        return self.find().read(value, place)


def decoded(body: bytes, shape: Shape) -> JsonObject:
    """A body as the handler sees it: the fields that were given and known. Raises GoError."""
    value = parsed(body)
    held = {} if value is None else shape.read(value, Place())
    assert isinstance(held, dict)
    return held


def go_dumps(value: Any) -> bytes:
    """JSON as Go writes it: no space, and what HTML or JavaScript could take for markup is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode(errors="replace")
