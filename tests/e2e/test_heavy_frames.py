"""What a provider sends can neither hold up the event loop nor take much memory, whatever it is made of.

Each attack is as long as a frame may be (16 MiB). Read without a bound, some of them took 1.5 GB and five seconds, in
which every other client waited.
"""

from __future__ import annotations

import gc
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linx.core import jsontext
from linx.core.chat import Dialect
from linx.dialects.anthropic.decoder import anthropic_decoder
from linx.dialects.base import MAX_FRAME
from linx.dialects.completions.decoder import CompletionsDecoder
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.untranslated.decoder import untranslated_decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.dialects.base import Decoder

STALL_S = 0.25
MOST_MEMORY = 64 * 2**20
SLACK = 4 * 2**20  # that the allocator takes beyond
READ = 64 * 1024
SHORT = 4 * READ
STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
LENGTH = MAX_FRAME - 64


def long(start: bytes, piece: bytes, end: bytes, length: int = LENGTH) -> bytes:
    return start + piece * ((length - len(start) - len(end)) // len(piece)) + end


def weighty(start: bytes, piece: bytes, end: bytes) -> bytes:
    """Just as many values as a frame may have."""
    marks = sum(map(piece.count, (b",", b"[", b"{")))
    return start + piece * ((jsontext.MOST_MARKS - 50) // marks) + end


CHOICE = b'{"index":0,"delta":{"content":"a"}},'
LAST = CHOICE[:-1] + b"]}"
CALL = b'{"index":%d,"function":{"name":"f","arguments":"1"}},'
CALLS = b"".join(CALL % (number % 1000) for number in range(16_000))
LOGPROB = b'{"token":"a","logprob":0,"bytes":[1],"top_logprobs":[]},'
LOGPROBS = b'{"choices":[{"index":0,"delta":{},"logprobs":{"content":['
DEEP = b"[" * 250 + b"]" * 250 + b","
ATTACKS: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: b"[" * LENGTH,
    "braces": lambda: long(b"", b'{"a":', b""),
    "lists": lambda: long(b"[", b"[],", b"0]"),
    "objects": lambda: long(b"[", b"{},", b"0]"),
    "texts": lambda: long(b'["a"', b',"a"', b"]"),
    "numbers": lambda: long(b"[0", b",0", b"]"),
    "pairs of quotes": lambda: long(b"[" * 300, b'""', b""),
    "numbers in a row": lambda: long(b"", b"1 ", b""),
    "objects in a row": lambda: long(b"", b"{}", b""),
    "digits": lambda: long(b'{"message":{"tool_calls":[],"content":"', b"123456789012345678 ", b'"}}'),
    "choices": lambda: long(b'{"choices":[', CHOICE, LAST),
    "some choices": lambda: weighty(b'{"choices":[', CHOICE, LAST),
    "tool calls": lambda: long(b'{"choices":[{"index":0,"delta":{"tool_calls":[', CALL % 1, CALL[:-1] % 1 + b"]}}]}"),
    "some tool calls": lambda: b'{"choices":[{"index":0,"delta":{"tool_calls":[' + CALLS[:-1] + b"]}}]}",
    "Ollama's calls": lambda: weighty(b'{"message":{"tool_calls":[', b'{"function":{"name":"f"}},', b"0]}}"),
    "log probabilities": lambda: long(LOGPROBS, LOGPROB, b"0]}}]}"),
    "some log probabilities": lambda: weighty(
        b'{"choices":[{"index":0,"delta":{},"logprobs":{"content":[', LOGPROB, b"0]}}]}"
    ),
    "not a number": lambda: weighty(b"[NaN,", b"[],", b"0]"),
    "nested": lambda: weighty(b'{"x":[', DEEP, b"0]}"),
    "an error": lambda: weighty(b'{"error":{"errors":[', b'{"message":"a"},', b"0]}}"),
    "a token": lambda: long(b'{"choices":[{"text":"a","logprobs":{"tokens":["', b"a", b'"],"token_logprobs":[0]}}]}'),
    "a text": lambda: long(b'{"choices":[{"index":0,"delta":{"content":"', b"a", b'"}}]}'),
}
LINES: dict[str, Callable[[], bytes]] = {
    "comments": lambda: long(b"", b":\n", b"\n"),
    "data": lambda: long(b"", b"data\n", b"\n"),
    "named data": lambda: long(b"event: x\n", b"data: a\n", b"\n"),
    "fields": lambda: long(b"", b"a\n", b"\n"),
    "empty events": lambda: long(b"", b"data:\n\n", b"", SHORT),
    "returns": lambda: b"\r" * LENGTH,
}


def openai() -> Decoder:
    return OpenAIDecoder(lambda: "0")


def ollama() -> Decoder:
    return OllamaDecoder(lambda: "0")


SSE: dict[str, Callable[[], Decoder]] = {
    "openai": openai,
    "anthropic": lambda: anthropic_decoder(lambda: "0"),
    "responses": lambda: untranslated_decoder(Dialect.RESPONSES),
}


def longest_call(decoder: Decoder, data: bytes) -> float:
    """The seconds of this thread that the longest call of the decoder takes."""
    longest = 0.0
    for start in range(0, len(data), READ):
        read = data[start : start + READ]
        began = time.thread_time()
        chunks = decoder.feed(read)
        longest = max(longest, time.thread_time() - began)
        del chunks
    began = time.thread_time()
    decoder.end()
    return max(longest, time.thread_time() - began)


def rss(field: str) -> int:
    """Bytes of this process's memory: VmRSS now, VmHWM the most since ``forget_peak``."""
    return int(re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())[1]) * 1024  # type: ignore[index] # always there


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def check(new: Callable[[], Decoder], data: bytes) -> None:
    # The collector would look through all that the tests before have left, which a Linx does not have.
    gc.collect()
    gc.freeze()
    times, peaks = [], []
    # The least of three runs, since the machine may be busy, and the allocator may give back or take a heap just now.
    for _ in range(3):
        forget_peak()
        before = rss("VmRSS")
        times.append(longest_call(new(), data))
        peaks.append(rss("VmHWM") - before)
        if times[-1] < longest_s() and peaks[-1] < MOST_MEMORY + SLACK:
            break
    assert min(peaks) < MOST_MEMORY + SLACK
    assert min(times) < longest_s()


def longest_s() -> float:
    """A tracer, such as that of coverage, takes about as long as the lines that it counts."""
    return STALL_S if sys.gettrace() is None else 2 * STALL_S


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("dialect", SSE)
def test_an_event(dialect: str, attack: str) -> None:
    check(SSE[dialect], b'data: {"choices":[]}\n\ndata: ' + ATTACKS[attack]() + b"\n\n")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_in_one_piece(attack: str) -> None:
    check(openai, ATTACKS[attack]())


@pytest.mark.parametrize("lines", LINES)
@pytest.mark.parametrize("dialect", SSE)
def test_an_event_of_many_lines(dialect: str, lines: str) -> None:
    check(SSE[dialect], b"data: {}\n\n" + LINES[lines]())


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_line(attack: str) -> None:
    check(ollama, ATTACKS[attack]() + b"\n")


def test_the_log_probabilities_of_a_completion() -> None:
    check(lambda: CompletionsDecoder(lambda: "0"), b"data: " + ATTACKS["a token"]() + b"\n\n")


@pytest.mark.parametrize("new", [openai, ollama])
def test_many_tiny_frames(new: Callable[[], Decoder]) -> None:
    for data in (long(b"", b"{}\n", b"", SHORT), long(b"", b"data:{}\n\n", b"", SHORT), b"\n" * LENGTH):
        check(new, data)
