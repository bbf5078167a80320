"""Everything that can be fuzzed, by name: a function of some bytes that raises Broken where a rule does not hold."""

from __future__ import annotations

import random
import zlib
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.fuzz import framing
from benchmarks.fuzz.answers import ANSWERS
from benchmarks.fuzz.frames import json_text, nd_json, sse
from benchmarks.fuzz.requests import REQUESTS, config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _framed(judge: Callable[[bytes, random.Random], int], data: bytes) -> None:
    judge(data, random.Random(zlib.crc32(data)))


HTTP: Mapping[str, tuple[Callable[[random.Random], bytes], Callable[[bytes, random.Random], int]]] = {
    "request head": (framing.request_head, framing.try_request),
    "response head": (framing.response_head, framing.try_response),
    "chunked request": (framing.chunked_body, framing.try_chunked_request),
    "chunked response": (framing.chunked_body, framing.try_chunked_response),
}
"""What takes raw bytes: how a case is made, and how it is judged."""
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **{name: partial(_framed, judge) for name, (_make, judge) in HTTP.items()},
    "sse": sse,
    "ndjson": nd_json,
    "json": json_text,
    "config": config,
    **REQUESTS,
    **ANSWERS,
}


def new_case(name: str, chance: random.Random) -> bytes:
    """Bytes to begin with."""
    if name in HTTP:
        return HTTP[name][0](chance)
    return chance.randbytes(chance.choice((8, 24, 60, 160)))
