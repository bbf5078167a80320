"""Reads and writes JSON, including the irregular JSON that real clients and providers send.

This is the only file that imports a JSON library. ``orjson`` does the work. The standard
library takes over for texts that orjson refuses and that real providers send now and then:
with a lone surrogate (half of an emoji), NaN, or an integer beyond 64 bit.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from itertools import accumulate
from typing import Any

import orjson

from linx.core import jsontext_pieces

MAX_DEPTH = 256
LARGE = 512 * 1024
"""A body of more bytes is read in a thread and not in the event loop; see ``linx.core.worker``."""
HUGE = 16 * 2**20  # bytes of a text that orjson may parse in one call
LONGEST_GLUED = 2 * 2**20  # bytes of JSON texts on one line, each of which is read by itself
MOST_GLUED = 1024  # JSON texts on one line
MOST_MARKS = 100_000  # commas and brackets of a text that orjson may parse in one call
_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_TO_STEPS = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes: one level down, one level up
_ROUNDS = 16
_BACKSLASH = 0x5C
_QUOTES_A_MARK = 8  # a key and a text have four, and there are more in a text that holds JSON
_TO_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19  # 19 digits in a row, after _TO_DIGITS: they may be an integer beyond 64 bit
_MOST_LOOKS = 100  # at places that may be in a long number, before the whole text is looked at
_LONG = 8 * 1024  # bytes; for longer texts it is cheaper to check the parsed values than the text
_BEYOND = 2.0**63  # a float of at most minus this, or at least twice this, may stand for an integer beyond 64 bit
_DEEP = f"nested more than {MAX_DEPTH} deep"
PLAIN = bytes(byte for byte in range(0x20, 0x80) if byte not in b'"\\')
"""The ASCII characters that need no escape in a JSON string."""
# The pattern matches a run of plain characters in one step, not character by character.
# The atomic groups are needed before Python 3.11.5: there a possessive repeat whose last round fails half-way
# keeps what that round had matched.
_TEXT = re.compile(rb'[^"\\\x00-\x1f]*+(?:(?>\\["\\/bfnrt][^"\\\x00-\x1f]*+))*+')
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


class InvalidJSON(ValueError):
    """The text is not JSON; the message says where and why."""


class TooManyValues(InvalidJSON):
    """The text has more values than Linx reads in one request; whether it is JSON was not checked to its end."""


class Raw:
    """A value that ``dumps`` writes as it came, in its own words: nobody needs to read and write its numbers."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raw) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


_NO_MEMORY = "Not enough memory"
"""How orjson's JSONDecodeError begins where the text is not at fault."""

loads_plain = orjson.loads
"""orjson's own parser, for a hot path that falls back to ``loads`` on ValueError."""


def loads(data: bytes, *, keep_surrogates: bool = False) -> Any:
    """Parse a provider's JSON, also where it breaks the rules but can be understood.

    Lone surrogates and bytes that are not UTF-8 become U+FFFD, NaN and the infinities
    become None, large integers stay exact, and strings may contain control characters.
    ``keep_surrogates`` leaves lone surrogates in, for a caller that joins them with the next
    text and then calls ``scrub``.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        refused = str(error)  # the error itself would refer to this frame, and the frame to it: a reference cycle
    try:
        text = data.decode("utf-8-sig", "replace")
        value = json.loads(text, parse_constant=lambda _name: None, strict=False)
        return value if keep_surrogates else scrub(value)
    except (ValueError, RecursionError):
        raise InvalidJSON(refused) from None


def loads_strict(data: bytes) -> Any:
    """Parse a client's body: strict UTF-8, no NaN, at most MAX_DEPTH deep. Raises InvalidJSON.

    Integers beyond 64 bit stay exact and a lone surrogate becomes U+FFFD, since Python and
    JavaScript clients send both.
    """
    if len(data) > LARGE and _needs_pieces(data):
        return _loads_in_pieces(data)
    is_long = len(data) >= _LONG
    if not is_long and too_deep(data):
        raise InvalidJSON(_DEEP)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if is_long and too_deep(data):
            raise InvalidJSON(_DEEP) from None
        return _loads_with_surrogates(data, error)
    is_beyond = True
    if is_long:
        if len(data) <= LARGE and _is_flat(value) and not has_long_number(data):
            return value
        # orjson refuses texts that are more than four times MAX_DEPTH deep, so the loop over the levels ends soon.
        is_deep, is_beyond = _check_values(value)
        if is_deep:
            raise InvalidJSON(_DEEP)
    # orjson reads an integer beyond 64 bit as a float. Only if there is such a float is the text parsed again.
    return loads_exact(data) if is_beyond and has_long_number(data) else value


def _is_flat(value: Any) -> bool:
    """Is the value certainly not nested too deep? orjson writes none that is more than 254 deep, two less than
    MAX_DEPTH, and writes faster than a loop in Python looks at every value."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _check_values(value: Any) -> tuple[bool, bool]:
    """Is the value nested too deep, and may it contain an integer beyond 64 bit? Goes level by level."""
    is_beyond = False
    level: list[Any] = [[value]]
    for _depth in range(MAX_DEPTH + 1):
        held: list[Any] = []
        for holder in level:
            held += holder.values() if type(holder) is dict else holder
        is_beyond = is_beyond or any(not -_BEYOND < each < 2 * _BEYOND for each in held if type(each) is float)
        level = [each for each in held if type(each) is dict or type(each) is list]
        if not level:
            return False, is_beyond
    return True, is_beyond


def _loads_with_surrogates(data: bytes, error: orjson.JSONDecodeError) -> Any:
    """The value of a text that orjson refused because of a lone surrogate; raises InvalidJSON for other reasons."""
    refused = str(error)
    if refused.startswith(_NO_MEMORY):
        raise MemoryError(refused)
    if "surrogate" in refused:
        try:
            text = data.decode("utf-8")
            return scrub(json.loads(text, parse_constant=_no_constant, parse_float=_finite))
        except (ValueError, RecursionError):
            pass
    raise InvalidJSON(refused) from None


def _loads_piece(data: bytes) -> Any:
    """``loads_strict`` for a text that is known not to be nested too deep."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _loads_with_surrogates(data, error)
    return loads_exact(data) if has_long_number(data) else value


def _needs_pieces(data: bytes) -> bool:
    """Would one call of orjson hold the interpreter for too long?"""
    return len(data) > HUGE or data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_MARKS


def _loads_in_pieces(data: bytes) -> Any:
    """``loads_strict`` in many short calls into C, so that other threads get their turns in between."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return _loads_piece(data)  # one string or number
    try:
        return jsontext_pieces.loads(data, _loads_piece, MAX_DEPTH)
    except jsontext_pieces.TooMany as error:
        raise TooManyValues(str(error)) from None
    except jsontext_pieces.Malformed as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: Any) -> bytes:
    """Compact JSON on one line.

    U+2028, U+2029 and U+0085 are escaped, since several clients take them for line ends.
    """
    try:
        text = orjson.dumps(value, default=_fragment)
    except TypeError:
        text = _dumps_odd(value)
    if text.isascii():
        return text
    for raw, escaped in _SEPARATORS:
        if raw in text:
            text = text.replace(raw, escaped)
    return text


def _dumps_odd(value: Any) -> bytes:
    """``dumps`` of what orjson refuses: lone surrogates, integers beyond 64 bit, keys that are no text."""
    clean = json.dumps(scrub(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_value)
    return clean.encode()


def _fragment(value: object) -> orjson.Fragment:
    return orjson.Fragment(_text_of(value))


def _value(value: object) -> Any:
    return loads(_text_of(value))


def _text_of(value: object) -> bytes:
    if isinstance(value, Raw):
        return value.text
    raise TypeError(f"{type(value).__name__} is no JSON value")


def first_value(data: bytes) -> bytes | None:
    """The text of the JSON value with which ``data`` begins, whatever follows it; None if there is none. Slow.

    ``data`` may end within a character.
    """
    try:
        text = data.decode("utf-8", "ignore")
        _value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return text[:end].encode()


def is_text(data: bytes) -> bool:
    """Can ``data`` be sent to a client between the quotes of a JSON string without being parsed?

    It can if it is valid UTF-8, has no escapes but those of one letter, and contains nothing
    that ``dumps`` would have escaped.
    """
    if not data.translate(None, PLAIN):
        return True  # the commonest case, found by the cheapest test
    if _TEXT.fullmatch(data) is None:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return not any(raw in data for raw, _escaped in _SEPARATORS)


def loads_in_steps(data: bytes) -> Any:
    """``loads`` of an object or a list, in many short calls into C, so that other threads get their turns in between.

    Raises InvalidJSON where it is nested too deep, and also for some of the breaches that ``loads`` forgives.
    """
    try:
        return jsontext_pieces.loads(data, loads, MAX_DEPTH)
    except (jsontext_pieces.Malformed, jsontext_pieces.TooMany) as error:
        raise InvalidJSON(str(error)) from None


def dumps_in_pieces(value: Any) -> bytes:
    """``dumps`` in many short calls into C, so that other threads get their turns in between; slower."""
    return jsontext_pieces.dumps(value, dumps)


def dumps_ascii(value: Any) -> bytes:
    """JSON in ASCII only, for errors: they may repeat foreign text, and a terminal may show them."""
    return json.dumps(scrub(value), allow_nan=False, separators=(",", ":")).encode()


def dumps_pretty(value: Any) -> bytes:
    """Indented JSON with a final newline, for files that people edit."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def has_long_number(data: bytes) -> bool:
    """May an integer beyond 64 bit be in the text? Takes linear time, whatever the digits.

    Among 19 bytes in a row are three whose places are multiples of six, so every sixth byte tells where to look.
    """
    if len(data) < _LONG:
        return _LONG_NUMBER in data.translate(_TO_DIGITS)
    sixths = data[::6].translate(_TO_DIGITS)
    place = -1
    for _look in range(_MOST_LOOKS):
        place = sixths.find(b"000", place + 1)
        if place < 0:
            return False
        # The first of the three is among the first six of the 19.
        if _LONG_NUMBER in data[max(0, 6 * place - 5) : 6 * place + 19].translate(_TO_DIGITS):
            return True
    return _LONG_NUMBER in data.translate(_TO_DIGITS)


def split_values(data: bytes, errors: str = "strict") -> list[Any]:
    """The values of several JSON texts that follow each other on one line; raises InvalidJSON, also for too many.

    ``errors``: what becomes of bytes that are not UTF-8, as for ``bytes.decode``.
    """
    if len(data) > LONGEST_GLUED:
        raise InvalidJSON(f"not JSON, and longer than {LONGEST_GLUED >> 20} MiB")
    try:
        text = data.decode("utf-8", errors)
    except UnicodeDecodeError as error:
        raise InvalidJSON(str(error)) from None
    decoder = json.JSONDecoder(parse_constant=lambda _name: None)
    values: list[Any] = []
    start = 0
    try:
        while start < len(text) and len(values) <= MOST_GLUED:
            value, end = decoder.raw_decode(text, start)
            values.append(scrub(value))
            start = end
            while start < len(text) and text[start] in " \t\r\n":
                start += 1
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None
    if len(values) > MOST_GLUED:
        raise TooManyValues(f"more than {MOST_GLUED} texts on one line")
    return values


def too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Is the JSON text nested deeper than ``limit``? Found in linear time without parsing."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    if _BACKSLASH in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # What is left of the quotes begins and ends strings in turn.
    nesting = b"".join(data.split(b'"')[::2]).translate(_TO_BRACKETS, _NO_BRACKETS)
    # Each round takes off the innermost level. Most texts have few, and only for others the levels are counted singly.
    for _level in range(_ROUNDS if nesting else 0):
        inner = nesting.replace(b"[]", b"")
        if not inner:
            return limit < 1
        if len(inner) == len(nesting):
            break
        nesting = inner
        limit -= 1
    return max(accumulate(array("b", nesting.translate(_TO_STEPS))), default=0) > limit


def check_weight(data: bytes, most_marks: int = MOST_MARKS) -> None:
    """Refuse a provider's text of which too many objects would be made, or that is nested too deep.

    An object takes up to 250 bytes and its making a microsecond, so 16 MiB of brackets would take gigabytes, and hold
    up the event loop for seconds. Raises TooManyValues or InvalidJSON.
    """
    check_marks(data, most_marks)
    if too_deep(data):
        raise InvalidJSON(_DEEP)


def check_marks(data: bytes, most_marks: int) -> None:
    """The part of ``check_weight`` that counts. Raises TooManyValues."""
    if len(data) > most_marks:
        if data.count(b",") + data.count(b"[") + data.count(b"{") > most_marks:
            raise TooManyValues(f"more than {most_marks:,} values")
        if data.count(b'"') > _QUOTES_A_MARK * most_marks:
            raise TooManyValues(f"more than {_QUOTES_A_MARK * most_marks:,} quotes")


def loads_exact(data: bytes) -> Any:
    """Parse valid JSON and keep integers beyond 64 bit exact; slower. Raises InvalidJSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def repeated_key(data: bytes) -> tuple[str | int, ...] | None:
    """The path of a key that occurs twice in one object of this valid JSON; None if no key does."""
    repeated: list[tuple[dict[str, Any], str]] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                repeated.append((found, key))
            found[key] = value
        return found

    tree = json.loads(data, object_pairs_hook=build)
    if not repeated:
        return None
    # An object that a repeated key replaced is no longer in the tree. The last repeat found is always in the tree: if
    # an object around it had been replaced, that repeat would have been found later.
    holder, key = repeated[-1]
    return (*(_path_to(tree, holder) or ()), key)


def _path_to(value: Any, wanted: object) -> tuple[str | int, ...] | None:
    if value is wanted:
        return ()
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        rest = _path_to(child, wanted)
        if rest is not None:
            return (step, *rest)
    return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is out of range")
    return value


def scrub(value: Any) -> Any:
    """The value without what JSON cannot represent: lone surrogates, NaN, keys that are not strings."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, dict):
        return {scrub(key) if isinstance(key, str) else str(key): scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
