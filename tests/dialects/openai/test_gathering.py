"""Gathering must never be seen: with it and without it the same answer is collected."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core.chat import Answer
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.openai.gathering import FEW
from linx.routing.short_ways import gathering_for
from tests.dialects.openai.help import DONE, TRANSCRIPTS, call, frame, request, sse, stamp, text, tools

if TYPE_CHECKING:
    from collections.abc import Iterable

ROLE = frame({"role": "assistant", "content": ""})
END = sse(frame(finish="stop")) + DONE
USAGE: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}


def collected(reads: Iterable[bytes], *, is_gathered: bool = True) -> tuple[Any, str, int]:
    """The whole answer that a client gets, the problem, and the frames that were joined."""
    numbers = itertools.count()
    decoder = OpenAIDecoder(lambda: f"made{next(numbers)}")
    gathering = gathering_for(decoder) if is_gathered else None
    answer, joined = Answer(), 0
    for data in (*reads, b""):
        if gathering is None:
            chunks = decoder.feed(data) if data else decoder.end()
        elif data:
            chunks = []
            for part in gathering.samples(data):
                given_on = gathering.join(part)
                some = decoder.feed(given_on) if given_on else []
                joined += gathering.joined
                gathering.learn(given_on, some)
                chunks += some
                if decoder.problem is not None:
                    break
        else:
            kept = gathering.flush()
            chunks = (decoder.feed(kept) if kept else []) + decoder.end()
        for chunk in chunks:
            answer.add(chunk)
    whole = OpenAIFace("reasoning_content").whole(request(), answer, stamp()) if decoder.done else None
    return whole, repr(decoder.problem), joined


def same(reads: Iterable[bytes]) -> int:
    """Check, and return how many frames were joined."""
    reads = list(reads)
    whole, problem, joined = collected(reads)
    assert (whole, problem) == collected(reads, is_gathered=False)[:2]
    return joined


def test_reads_of_many_frames_become_one_each() -> None:
    words = [f"word {number} \n ☕ " for number in range(40)]
    reads = [sse(ROLE, *text(*words[:10])), sse(*text(*words[10:20])), sse(*text(*words[20:])) + END]
    assert same(reads) == 4 + 9 + 19, "the first frames of the first read show what the next ones look like"


def test_frames_that_end_anywhere() -> None:
    wire = sse(ROLE, *text(*map(str, range(200)))) + sse(USAGE) + END
    for size in (300, 1000, 1777):
        assert same(wire[at : at + size] for at in range(0, len(wire), size)) > 100 or size == 300


def test_reads_of_few_frames_are_left_alone() -> None:
    assert same([sse(ROLE, *text(*"abcdef")), *(sse(*text("x")) for _ in range(FEW)), END]) == 0


def test_other_frames_between() -> None:
    many = sse(*text(*"abcdefgh"))
    thoughts = sse(*[frame({"reasoning_content": each}) for each in "ijklmnop"])
    calls = sse(tools(call(0, "a", "f", "{}")))
    second = sse(*[frame({"content": each}, index=1) for each in "qrstuvwx"])
    for one, other in itertools.product((many, thoughts, calls, second), repeat=2):
        same([sse(ROLE) + one, one + other, one + other + one, other, many + one, many, many[:-40], many[-40:] + END])


def changing(start: int, count: int, **fields: Any) -> bytes:
    """Frames as OpenAI (``obfuscation``), Mistral (``p``) and Ollama (``created``) send them."""
    return sse(
        *[
            frame({"content": f"t{at} "}, created=1700000000 + at, obfuscation="x" * (at % 7), **fields)
            for at in range(start, start + count)
        ]
    )


def test_fields_that_change_in_each_frame() -> None:
    reads = [sse(ROLE) + changing(0, 9), changing(9, 9), changing(18, 9), changing(27, 9) + END]
    assert same(reads) == 3 + 4 + 8 + 8, "the first frames of the first read show what changes"
    for size in (900, 2000, 5000):
        wire = sse(ROLE) + changing(0, 150, p="q") + sse(USAGE) + END
        assert same(wire[at : at + size] for at in range(0, len(wire), size)) > 30 or size == 900


def test_fields_that_change_oddly() -> None:
    usual = [sse(ROLE) + changing(0, 9), changing(9, 9), changing(18, 9)]
    many = changing(27, 9)
    for odd in (
        many.replace(b'"x"', b"7"),
        many.replace(b'"xx"', b"null"),
        many.replace(b'"xx"', b'"\\u0041"'),
        many.replace(b'"xx"', b'"a","obfuscation":"b"'),
        many.replace(b'"xx"', b'"a","error":{"message":"crash"}'),
        many.replace(b"1700000030", b"07"),
        many.replace(b"1700000030", b"1.5"),
        many.replace(b"t30", b'"'),
        many.replace(b"t30", b"\\n\xe2\x98\x95"),
        many.replace(b"t30 ", b""),
        many[:-30],
        many + sse(*text(*"abcdefgh")),
        sse(*[frame({"reasoning_content": each}, obfuscation=each) for each in "ijklmnop"]),
    ):
        same([*usual, odd, changing(40, 9), END])
        same([*usual, odd + changing(40, 9) + END])


def test_what_is_no_text_is_for_the_decoder() -> None:
    many = sse(*text(*"abcdefgh"))
    bad = many.replace(b'"c"', b'"c","x":"d"')
    for odd in (bad, many.replace(b"c", b"\xff"), many.replace(b"c", b"\\ud83d"), many.replace(b"d", b"\\u0041")):
        same([many, odd, many, END])
    same([many, many.replace(b"\n", b"\r\n"), many, b": comment\n\n" + many, many + b"data: {\n\n", END])
    same([many, many + b'data: {"error": {"message": "crash"}}\n\n', many])
    same([many, many[:-3]])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_texts_cut_anywhere(data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.text(max_size=12), max_size=40))
    padding: list[Any] = data.draw(st.sampled_from([[""], ["ab", "c"], ["ab", "c", "", "é", 7]]))
    frames = [
        {**item, "obfuscation": chosen} if (chosen := padding[at % len(padding)]) else item
        for at, item in enumerate(text(*pieces))
    ]
    wire = sse(ROLE, *frames) + sse(USAGE) + END
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    same(wire[start:end] for start, end in itertools.pairwise([0, *cuts, len(wire)]) if start < end)


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.sse")), ids=lambda path: path.stem)
def test_recorded_streams(path: Any) -> None:
    wire = path.read_bytes()
    rng = random.Random(7)
    for _ in range(4):
        cuts = sorted(rng.choices(range(len(wire) + 1), k=rng.randrange(6)))
        same(wire[start:end] for start, end in itertools.pairwise([0, *cuts, len(wire)]) if start < end)


def test_only_for_this_dialect() -> None:
    assert gathering_for(OllamaDecoder(str, generate=True)) is None
    assert gathering_for(OpenAIDecoder(str, lambda value: value)) is None
