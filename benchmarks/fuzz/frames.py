"""SSE, NDJSON and JSON: the same meaning as a short reference has, however the bytes are cut into reads."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.bodies import almost
from benchmarks.fuzz.choices import Broken, Choices
from linx.core import jsontext, jsontext_pieces
from linx.dialects.shared import ndjson
from linx.dialects.shared.ndjson import NDJSONDecoder
from linx.dialects.shared.sse import BOM, MAX_LINES, Event, SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# --- SSE ---

_ENDS = (b"\n", b"\n", b"\r\n", b"\r")
_SSE = (
    b"data: {}", b"data:x", b"data", b"event: ping", b"event:", b": comment", b":", b"id: 5", b"retry: 9", b"", b"",
    b'error: {"a":1}', b"error: x", b" data: x", b"data: \xff\xe2\x80\xa8", BOM, b"data: [DONE]", b"DATA: x", b"\x00",
)  # fmt: skip


def sse(data: bytes) -> None:
    choices = Choices(data)
    lines = []
    if choices.is_rare():
        lines.append(BOM)
    while not choices.is_spent and len(lines) < 40:
        lines.append(choices.take(9) if choices.is_rare() else choices.one_of(_SSE))
        lines.append(choices.one_of(_ENDS) * (1 + choices.is_rare()))
    text = b"".join(lines)
    wanted = reference_sse(text)
    for reads in ([text], choices.cuts(text), [text[at : at + 1] for at in range(len(text))]):
        if _sse(reads) != wanted:
            raise Broken(f"SSE: {_sse(reads)!r} instead of {wanted!r}, of {reads!r}")
    decoder = SSEDecoder()
    decoder.feed(b"\n")
    alone = decoder.only_frame(text)
    if alone is not None and [(b"", alone)] != decoder.feed(text):
        raise Broken(f"SSE: the fast path differs, of {text!r}")
    _limited(choices.cuts(text), text)


def _limited(reads: Sequence[bytes], text: bytes, limit: int = 20) -> None:
    """A frame beyond the bound is a problem; without one there is none."""
    decoder = SSEDecoder(limit)
    for read in reads:
        decoder.feed(read)
    blocks = _plain(text).split(b"\n\n")
    longest = max(map(len, blocks))
    if decoder.problem is not None and longest < limit - 2:  # a blank line that may still grow counts too
        raise Broken(f"SSE: a problem without a long event, of {reads!r}")
    if decoder.problem is None and longest > limit + 2 * max(map(len, reads)) + len(BOM):
        raise Broken(f"SSE: no problem, with an event of {longest} bytes, of {reads!r}")


def _sse(reads: Sequence[bytes]) -> list[Event]:
    decoder = SSEDecoder()
    events = [event for read in reads for event in decoder.feed(read)]
    return events + decoder.end()


def _plain(text: bytes) -> bytes:
    return text.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def reference_sse(text: bytes) -> list[Event]:
    """Line by line, as the WHATWG says it; but the last event needs no blank line, and ``error:`` is a field."""
    events: list[Event] = []
    name, lines, errors = b"", list[bytes](), list[bytes]()
    for line in [*_plain(text).split(b"\n"), b""]:
        if not line:
            if lines:
                events.append((name, b"\n".join(lines)))
            events += [(b"error", each) for each in errors]
            name, lines, errors = b"", [], []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value
        elif field == b"error" and value.lstrip().startswith(b"{"):
            errors.append(value)
    assert len(events) < MAX_LINES
    return events


# --- NDJSON ---

_NDJSON = (b"{}", b'{"a":1}', b"", b" ", b"\r", b"x", b"\xe2\x80\xa8", b"\x85", b"\x0b", b'"a\\nb"', b"\xff")


def nd_json(data: bytes) -> None:
    choices = Choices(data)
    text = b""
    while not choices.is_spent and len(text) < 400:
        text += choices.take(9) if choices.is_rare() else choices.one_of(_NDJSON)
        text += choices.one_of((b"\n", b"\n", b"\r\n", b""))
    wanted = [line for raw in text.split(b"\n") if (line := raw.strip())]
    for reads in ([text], choices.cuts(text), [text[at : at + 1] for at in range(len(text))]):
        decoder = NDJSONDecoder()
        lines = [line for read in reads for line in decoder.feed(read)] + decoder.end()
        if lines != wanted or decoder.problem is not None:
            raise Broken(f"NDJSON: {lines!r} instead of {wanted!r}, of {reads!r}")
    limit = 1 + choices.below(20)
    good = []
    for raw in text.split(b"\n"):
        if len(raw) > limit:
            break
        good.append(raw.strip())
    with _set(ndjson, MAX_FRAME=limit):
        decoder = NDJSONDecoder()
        lines = [line for read in choices.cuts(text) for line in decoder.feed(read)]
        is_whole = len(good) == text.count(b"\n") + 1
        lines += decoder.end() if is_whole else []
    if (decoder.problem is None) != is_whole or lines != [line for line in good if line]:
        raise Broken(f"NDJSON, lines of at most {limit}: {lines!r}, {decoder.problem}, of {text!r}")


# --- JSON ---

_JSON: tuple[Any, ...] = (
    {"a": [1, 2.5, -3, {"b": None, "c": [True, False]}], "d": "é\u2028\"\\/\b", "": {}, "e": [[], [[]], {}]},
    [10**18, 10**19, 2**64, -(2**63), -(2**63) - 1, 1e300, 5e-324, "😀", "\u0085", "\x7f"],
    {"messages": [{"role": "user", "content": "x" * 70}] * 3, "n": {"n": {"n": {"n": {"n": {"n": {"n": 5}}}}}}},
    "text", 5, None,
)  # fmt: skip
_PIECES = (
    b"\\ud83d", b"\\ude00", b"\\u0000", b"\\n", b"\\x", b"NaN", b"Infinity", b"1e400", b"-0", b"01", b"1.", b".5",
    b"1e5",    b"18446744073709551616", b"-", b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\x00", b"\xff",
    b"\xed\xa0\x80", b" ", b"\n", b"\xef\xbb\xbf", b"\xc2\x85", b"null", b"tru", b"[[[[[[[[[[[[[[[[[[[[[[",
    b"]]]]]]]]]]]]]]]]]]]]]]", b'{"a":',
)  # fmt: skip


def json_text(data: bytes) -> None:
    choices = Choices(data)
    text = jsontext.dumps(almost(_JSON, choices))
    if choices.is_rare(8):
        text = b"[" * choices.below(300) + text + b"]" * choices.below(300)
    for _ in range(choices.below(4)):
        at = choices.below(len(text) + 1)
        text = text[:at] + choices.one_of(_PIECES) + text[at + choices.below(3) :]
    wanted, got = _reference_json(text), _strict(text)
    if got != wanted or repr(got) != repr(wanted):
        raise Broken(f"JSON: {got!r} instead of {wanted!r}, of {text!r}")
    with _set(jsontext, LARGE=0, HUGE=0), _set(jsontext_pieces, STEP=1 + choices.below(64), LONG_TEXT=8):
        pieces = _strict(text)
        if repr(pieces) != repr(wanted):
            raise Broken(f"JSON in pieces: {pieces!r} instead of {wanted!r}, of {text!r}")
        if wanted is not _REFUSED:
            written = jsontext.dumps_in_pieces(wanted)
            if repr(jsontext.loads_exact(written)) != repr(wanted):  # a number may be written in another way
                raise Broken(f"JSON is written as {written!r} in pieces, of {wanted!r}")
    if wanted is not _REFUSED:
        again = jsontext.loads_strict(jsontext.dumps(wanted))
        if repr(again) != repr(wanted):
            raise Broken(f"JSON: {wanted!r} is written and read as {again!r}")
        limit = choices.below(12)
        if jsontext.too_deep(text, limit) != (_depth(wanted) > limit):
            raise Broken(f"JSON: not told that the depth of {text!r} is {_depth(wanted)}, against {limit}")
    _lenient(text, wanted)


def _lenient(text: bytes, wanted: Any) -> None:
    try:
        loose = jsontext.loads(text)
    except jsontext.InvalidJSON:
        loose = _REFUSED
    if wanted is not _REFUSED and not jsontext.has_long_number(text) and repr(loose) != repr(wanted):
        raise Broken(f"JSON of a provider: {loose!r} instead of {wanted!r}, of {text!r}")
    if loose is not _REFUSED:
        jsontext.dumps(loose)
    try:
        jsontext.split_values(text)
        jsontext.check_weight(text, 10)
    except jsontext.InvalidJSON:
        pass
    if jsontext.is_text(text):
        value = json.loads(b'"' + text + b'"')
        if jsontext.loads_strict(jsontext.dumps(value)) != value:
            raise Broken(f"JSON: not a text: {text!r}")


_REFUSED = "<refused>"


def _strict(text: bytes) -> Any:
    try:
        return jsontext.loads_strict(text)
    except jsontext.InvalidJSON:
        return _REFUSED


def _reference_json(text: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    def finite(number: str) -> float:
        value = float(number)
        if math.isinf(value):
            raise ValueError(number)
        return value

    try:
        value = json.loads(text.decode(), parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError):
        return _REFUSED
    return jsontext.scrub(value) if _depth(value) <= jsontext.MAX_DEPTH else _REFUSED


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return depth


@contextmanager
def _set(module: Any, **values: int) -> Iterator[None]:
    """Bounds that real texts would have to be megabytes long to reach."""
    before = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
