"""JSON in and out, and the edges of it that real clients and providers trip over.

The only file that names a JSON library. ``orjson`` does the work; the standard library
takes over for what orjson refuses and real providers send now and then: a lone surrogate
(half of an emoji), NaN, integers beyond 64 bit.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from linx.core import jsontext_pieces

MAX_DEPTH = 256
LARGE = 512 * 1024
"""Bytes beyond which JSON is no work for the event loop; see ``linx.core.worker``."""
HUGE = 16 * 2**20  # bytes that one call of a parser in C may get
MOST_MARKS = 100_000  # commas and brackets that one call of a parser in C may get
# Unrolled: a run of plain characters is one step of the matcher, not one each.
# The atomic groups are for Python before 3.11.5, whose possessive repeats keep the half of a round that did not match.
_STRING = re.compile(rb'"[^"\\]*+(?:(?>\\.[^"\\]*+))*+(?:"|\Z)', re.DOTALL)
_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_TO_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19  # digits, after that: an integer that may be beyond 64 bit
_LONG = 8 * 1024  # bytes from which on it is cheaper to look at the values than at the text
_BEYOND = 2.0**63  # minus this, and twice this: the first floats that may stand for an integer beyond 64 bit
_DEEP = f"nested more than {MAX_DEPTH} deep"
PLAIN = bytes(byte for byte in range(0x20, 0x80) if byte not in b'"\\')
"""Whatever of ASCII stands for itself in a JSON string."""
_TEXT = re.compile(rb'[^"\\\x00-\x1f]*+(?:(?>\\["\\/bfnrt][^"\\\x00-\x1f]*+))*+')
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))


class InvalidJSON(ValueError):
    """The text is not JSON; the message says where and why."""


class TooManyValues(InvalidJSON):
    """It may be JSON, but has more values than any real request."""


loads_plain = orjson.loads
"""The parser itself, which forgives nothing: for a hot path that falls back to ``loads`` on ValueError."""


def loads(data: bytes, *, keep_surrogates: bool = False) -> Any:
    """Parse a provider's JSON, forgiving what orjson refuses but the sender meant.

    Lone surrogates and bytes that are not UTF-8 become U+FFFD, NaN and the infinities
    None, big integers stay whole, and control characters may stand in strings.
    ``keep_surrogates`` leaves lone surrogates in, for a caller that joins them again and
    then calls ``scrub``.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        refused = error
    try:
        text = data.decode("utf-8-sig", "replace")
        value = json.loads(text, parse_constant=lambda _name: None, strict=False)
        return value if keep_surrogates else scrub(value)
    except (ValueError, RecursionError):
        raise InvalidJSON(str(refused)) from None


def loads_strict(data: bytes) -> Any:
    """Parse a client's body: strict UTF-8, no NaN, at most MAX_DEPTH deep.

    Integers beyond 64 bit stay whole and a lone surrogate becomes U+FFFD, since
    Python and JavaScript clients send both.
    """
    if len(data) > LARGE and _is_much(data):
        return _loads_in_pieces(data)
    is_long = len(data) >= _LONG
    if not is_long and too_deep(data):
        raise InvalidJSON(_DEEP)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if is_long and too_deep(data):
            raise InvalidJSON(_DEEP) from None
        return _mended(data, error)
    is_beyond = True
    if is_long:
        # orjson does not recurse, and gives up at four times MAX_DEPTH, so the values it read can be walked.
        is_deep, is_beyond = _survey(value)
        if is_deep:
            raise InvalidJSON(_DEEP)
    # orjson reads an integer beyond 64 bit as a float; only then is a second look worth its price.
    return loads_exact(data) if is_beyond and _LONG_NUMBER in data.translate(_TO_DIGITS) else value


def _survey(value: Any) -> tuple[bool, bool]:
    """Is the value nested too deep, and may it hold an integer beyond 64 bit?"""
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


def _mended(data: bytes, error: orjson.JSONDecodeError) -> Any:
    """The value that orjson refused to read, if the reason is a lone surrogate; else raise InvalidJSON."""
    refused = str(error)
    if "surrogate" in refused:
        try:
            text = data.decode("utf-8")
            return scrub(json.loads(text, parse_constant=_no_constant, parse_float=_finite))
        except (ValueError, RecursionError):
            pass
    raise InvalidJSON(refused) from None


def _loads_piece(data: bytes) -> Any:
    """``loads_strict`` of a text that is known not to be deep."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _mended(data, error)
    return loads_exact(data) if _LONG_NUMBER in data.translate(_TO_DIGITS) else value


def _is_much(data: bytes) -> bool:
    return len(data) > HUGE or data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_MARKS


def _loads_in_pieces(data: bytes) -> Any:
    """``loads_strict`` without one long call into C, for a thread that shares the interpreter."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return _loads_piece(data)  # one string or number
    try:
        return jsontext_pieces.loads(data, _loads_piece, MAX_DEPTH)
    except jsontext_pieces.TooMany as error:
        raise TooManyValues(str(error)) from None
    except jsontext_pieces.Malformed as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: Any) -> bytes:
    """Compact JSON on one line, also for a client that splits lines at U+2028, U+2029 or U+0085.

    Several do, so these are escaped.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:
        # Lone surrogates, integers beyond 64 bit, keys that are no strings.
        clean = json.dumps(scrub(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text = clean.encode()
    if text.isascii():
        return text
    for raw, escaped in _SEPARATORS:
        if raw in text:
            text = text.replace(raw, escaped)
    return text


def is_text(data: bytes) -> bool:
    """May ``data`` stand between the quotes of a JSON string that is sent to a client without being parsed?

    It may if it is strict UTF-8 with the usual escapes (none by number), and holds nothing
    that ``dumps`` would have escaped.
    """
    if not data.translate(None, PLAIN):
        return True  # as nearly always, and much quicker to see
    if _TEXT.fullmatch(data) is None:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return not any(raw in data for raw, _escaped in _SEPARATORS)


def dumps_in_pieces(value: Any) -> bytes:
    """``dumps`` without one long call into C; slower."""
    return jsontext_pieces.dumps(value, dumps)


def dumps_ascii(value: Any) -> bytes:
    """JSON in ASCII alone, for errors: they may repeat foreign text, and a terminal may show them."""
    return json.dumps(scrub(value), allow_nan=False, separators=(",", ":")).encode()


def dumps_pretty(value: Any) -> bytes:
    """Indented JSON with a final newline, for files that people edit."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def split_values(text: str) -> list[Any]:
    """The values of several JSON texts glued together on one line; raises InvalidJSON."""
    decoder = json.JSONDecoder(parse_constant=lambda _name: None)
    values, start = [], 0
    try:
        while start < len(text):
            value, end = decoder.raw_decode(text, start)
            values.append(scrub(value))
            start = end
            while start < len(text) and text[start] in " \t\r\n":
                start += 1
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None
    return values


def too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Is the JSON text nested deeper than ``limit``? Linear, in C, without parsing."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    nesting = _STRING.sub(b"", data).translate(_TO_BRACKETS, _NO_BRACKETS)
    for _level in range(limit):
        if not nesting:
            return False
        inner = nesting.replace(b"[]", b"")
        if len(inner) == len(nesting):
            break
        nesting = inner
    return nesting.count(b"[") > 0


def loads_exact(data: bytes) -> Any:
    """Parse valid JSON keeping integers beyond 64 bit whole; slower. Raises InvalidJSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def repeated_key(data: bytes) -> tuple[str | int, ...] | None:
    """The path of a key that stands twice in one object of this valid JSON, if one does."""
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
    # The last repeat noted is surely in the tree: an object around it that was replaced would be noted after it.
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
    """The same value without what JSON cannot carry: lone surrogates, NaN, odd keys."""
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
