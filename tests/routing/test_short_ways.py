"""The short ways of an Ollama's answers must never be seen. For those of OpenAI-shaped providers see ``openai``."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.core.chat import Answer
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.face import OpenAIFace
from linx.routing.short_ways import gathering_for, splice_between
from tests.dialects.openai.help import payloads, request, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import Chunk, JsonObject

RECORDED = sorted((Path(__file__).parents[1] / "transcripts").glob("ollama-*.ndjson"))
COUNTERS = {"total_duration": 9, "prompt_eval_count": 3, "eval_count": 2, "eval_duration": 4}
END = jsontext.dumps({"model": "m", "created_at": "z", "message": {}, "done": True, **COUNTERS}) + b"\n"
_TIMES = itertools.count(1)


def line(text: str, *, done: bool = False, **message: Any) -> bytes:
    """A frame as Ollama sends it, with a time of its own."""
    at = f"2026-01-02T03:04:05.{next(_TIMES):09d}Z"
    whole = {"role": "assistant", "content": text, **message}
    return jsontext.dumps({"model": "m", "created_at": at, "message": whole, "done": done}) + b"\n"


def relay(reads: Iterable[bytes], *, is_spliced: bool) -> tuple[list[Any], str, int]:
    """What a client got, the problem, and the reads that were not decoded."""
    numbers = itertools.count()
    decoder = OllamaDecoder(lambda: f"made{next(numbers)}")
    encoder = OpenAIEncoder(request(), stamp(), "reasoning_content")
    splice = splice_between(decoder, encoder) if is_spliced else None
    out, spliced = b"", 0
    for data in (*reads, b"", b""):
        known = splice.try_frame(data) if splice is not None else None
        if known is not None:
            spliced += 1
            out += known
            continue
        data = splice.data if splice is not None else data
        chunks: list[Chunk] = decoder.feed(data) if data else decoder.end()
        encoded = encoder.frames(chunks)
        if splice is not None:
            splice.learn(chunks, encoded)
        out += encoded
    return payloads(out + (encoder.end() if decoder.done else b"")), repr(decoder.problem), spliced


def collected(reads: Iterable[bytes], *, is_gathered: bool) -> tuple[list[Any], str, int]:
    """The whole answers of two kinds of clients, the problem, and the frames that were joined."""
    numbers = itertools.count()
    decoder = OllamaDecoder(lambda: f"made{next(numbers)}")
    gathering = gathering_for(decoder) if is_gathered else None
    answer, joined = Answer(), 0
    for data in (*reads, b""):
        if gathering is None:
            chunks = decoder.feed(data) if data else decoder.end()
        elif data:
            given_on = gathering.join(data)
            chunks = decoder.feed(given_on) if given_on else []
            joined += gathering.joined
            gathering.learn(given_on, chunks)
        else:
            kept = gathering.flush()
            chunks = (decoder.feed(kept) if kept else []) + decoder.end()
        for chunk in chunks:
            answer.add(chunk)
    faces = (OpenAIFace("reasoning_content"), OllamaFace("chat"))
    whole = [face.whole(request(), answer, stamp()) for face in faces] if decoder.done else []
    return whole, repr(decoder.problem), joined


def same(*reads: bytes) -> tuple[int, int]:
    """Check; how many reads were spliced, and how many frames were joined."""
    *told, spliced = relay(reads, is_spliced=True)
    assert told == list(relay(reads, is_spliced=False)[:2])
    *told, joined = collected(reads, is_gathered=True)
    assert told == list(collected(reads, is_gathered=False)[:2])
    return spliced, joined


def test_an_answer_of_ollama() -> None:
    words = ["Hel", "lo", " world", "\n", 'a "quote"', "é", "back\\slash", " "]
    assert same(*map(line, words), END)[0] == len(words) - 3, "the first has the role, the next two show what changes"
    assert same(*map(line, words[:3]), b"".join(map(line, words)), END)[0] == 1
    many = [b"".join(line(f"{word} ") for word in range(10)) for _ in range(5)]
    assert same(*many[:-1], many[-1] + END)[1] == 9 * 3


def test_what_go_writes_by_number_costs_one_frame_the_short_way() -> None:
    words = [line(word).replace(b"<", b"\\u003c") for word in ("a", "b", "c", "d", "<p>", "e", "a < b", "f", "g")]
    assert same(*words, END)[0] == 4


def test_thinking_and_then_text() -> None:
    thoughts = [line("", thinking=f"thought {number}") for number in range(9)]
    assert same(*thoughts, *map(line, "abcdefgh"), END)[0] == 6 + 7
    both = [line("a", thinking="b") for _ in range(9)]
    assert same(*both, END)[0] == 0
    many = [b"".join(line("", thinking=f"thought {number}") for number in range(9)) for _ in range(3)]
    assert same(*many[:2], many[2] + b"".join(map(line, "abcdefgh")), END)[1] == 8


@pytest.mark.parametrize(
    "odd",
    [
        line("a", tool_calls=[{"function": {"name": "f", "arguments": {"a": 1}}}]),
        line("a", images=["x"]),
        line("a").replace(b'"m"', b'"n"'),
        line("HOLE").replace(b"HOLE", b"\\u0041"),
        line("HOLE").replace(b"HOLE", b"\\ud83d"),
        line("HOLE").replace(b"HOLE", b"\xff"),
        line("HOLE").replace(b"HOLE", b"\\"),
        line("HOLE").replace(b'"HOLE"', b"7"),
        line("a").replace(b"2026-", b'a","error":"crash","b":"'),
        line("a").replace(b"2026-", b"\\u0041"),
        line("a").replace(b"2026-", b"\xff"),
        line("a").replace(b'"done":false', b'"done":true'),
        line("a").replace(b'"done":false', b'"logprobs":[{"token":"a","logprob":-1}],"done":false'),
        line(""),
        line("a")[:-1],
        line("a")[:-1] + line("b"),
        line("a").replace(b"\n", b"\r\n"),
        b"\n",
        b"garbage\n",
        b'{"error":"crash"}\n',
        END,
    ],
)
def test_another_line_between(odd: bytes) -> None:
    usual = [line(f"t{number}") for number in range(6)]
    same(*usual, odd, *usual, END)
    same(*usual, odd + line("a"), line("b") + odd, *usual, END)
    same(*usual, b"".join(usual) + odd + b"".join(usual), b"".join(usual) + END)
    many = b"".join(line(f"t{number}") for number in range(12))
    same(many, many, many + odd, many, odd + many, many[:-30], many[-30:], END)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_streams(path: Path) -> None:
    wire = path.read_bytes()
    same(*wire.splitlines(keepends=True))
    rng = random.Random(7)
    for _ in range(4):
        cuts = sorted(rng.choices(range(len(wire) + 1), k=rng.randrange(6)))
        same(*(wire[start:end] for start, end in itertools.pairwise([0, *cuts, len(wire)]) if start < end))


_MESSAGES: st.SearchStrategy[JsonObject] = st.one_of(
    st.text(max_size=6).map(lambda text: {"content": text}),
    st.sampled_from(["a", "b c", "\n", '"', "<b>", "created_at", "%b"]).map(lambda text: {"content": text}),
    st.sampled_from(["a", "b c"]).map(lambda text: {"content": "", "thinking": text}),
    st.just({"content": "a", "thinking": "b"}),
    st.just({}),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_MESSAGES, max_size=14), st.integers(0, 2**32))
def test_any_answer(messages: list[JsonObject], seed: int) -> None:
    chance = random.Random(seed)
    reads: list[bytes] = []
    for message in messages:
        data = line("", **message)
        if chance.random() < 0.2:  # as Go writes it
            data = data.replace(b"<", b"\\u003c")
        if chance.random() < 0.1:  # a fault
            at = chance.randrange(len(data))
            data = data[:at] + chance.choice((b"", b'"', b"\\", b"\n", b"\r", b"}", b"\x00")) + data[at + 1 :]
        if reads and chance.random() < 0.4:
            at = chance.randrange(len(data) + 1)
            reads[-1] += data[:at]
            data = data[at:]
        reads.append(data)
    same(*filter(None, reads), END)
