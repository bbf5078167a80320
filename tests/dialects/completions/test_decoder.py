"""Frames of /v1/completions and of llama.cpp's /infill, read as chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import Refused, StreamBroken
from linx.core.chat import Answer
from linx.dialects.completions.decoder import CompletionsDecoder, infill_decoder

if TYPE_CHECKING:
    from linx.core.chat import Chunk, JsonObject
    from linx.dialects.base import Decoder


def frame(text: str, index: int = 0, finish: str | None = None, **more: Any) -> JsonObject:
    top = {"usage": more.pop("usage")} if "usage" in more else {}
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish, **more}
    return {"id": "x", "object": "text_completion", "choices": [choice], **top}


def read(*frames: Any) -> tuple[list[Chunk], CompletionsDecoder]:
    decoder = CompletionsDecoder(lambda: "id")
    wire = b"".join(b"data: %b\n\n" % jsontext.dumps(one) for one in frames) + b"data: [DONE]\n\n"
    chunks = [chunk for byte in range(len(wire)) for chunk in decoder.feed(wire[byte : byte + 1])]
    return chunks + decoder.end(), decoder


def test_a_read_that_is_one_frame_says_the_same() -> None:
    decoder = CompletionsDecoder(lambda: "id")
    frames = [frame("a"), frame("b"), frame("c"), frame("", finish="stop")]
    chunks = [chunk for one in frames for chunk in decoder.feed(b"data: %b\n\n" % jsontext.dumps(one))]
    chunks += decoder.feed(b"data: [DONE]\n\n")
    assert [chunk.text for chunk in chunks] == ["a", "b", "c", ""]


def test_texts_of_several_choices() -> None:
    chunks, decoder = read(None, frame("a"), frame("b", 1), frame("", 1, "length"), frame("", 0, "stop"))
    assert [(chunk.index, chunk.text, chunk.finish) for chunk in chunks] == [
        (0, "a", None),
        (1, "b", None),
        (1, "", "length"),
        (0, "", "stop"),
    ]
    assert decoder.done
    assert decoder.problem is None


@pytest.mark.parametrize(
    "logprobs",
    [
        {
            "content": [
                {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2.0}]}
            ]
        },
        {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -2.0}], "text_offset": [0]},
    ],
    ids=["llama.cpp", "openai"],
)
def test_log_probabilities_in_both_shapes(logprobs: Any) -> None:
    chunks, _decoder = read(frame("a", logprobs=logprobs), frame("", finish="stop"))
    assert chunks[0].logprobs is not None
    (found,) = chunks[0].logprobs
    assert (found["token"], found["logprob"]) == ("a", -1.0)
    assert [(top["token"], top["logprob"]) for top in found["top_logprobs"]] == [("b", -2.0)]


@pytest.mark.parametrize("odd", [5, {"tokens": ["a"]}, {"tokens": ["a"], "token_logprobs": []}])
def test_odd_log_probabilities_are_none(odd: Any) -> None:
    chunks, _decoder = read(frame("a", logprobs=odd), frame("", finish="stop"))
    assert chunks[0].logprobs is None


def test_usage_of_each_choice_adds_up_and_a_total_is_the_total() -> None:
    first = frame("", 0, "stop", usage={"prompt_tokens": 5, "completion_tokens": 1})
    details = {"prompt_tokens_details": {"cached_tokens": 3}}
    second = frame("", 1, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2, **details})
    chunks, _decoder = read(frame("a"), frame("b", 1), first, second)
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [(usage.prompt, usage.completion) for usage in usages] == [(5, 1), (12, 3)]
    assert usages[-1].cached == 3
    whole = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "cost": 0.5}}
    chunks, _decoder = read(frame("a"), first, whole)
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt, chunks[-1].usage.cost_usd) == (9, 0.5)


def test_a_last_frame_need_not_hold_a_text() -> None:
    chunks, decoder = read(frame("a"), {"choices": [{"index": 0, "finish_reason": "length"}]})
    assert [(chunk.text, chunk.finish) for chunk in chunks] == [("a", None), ("", "length")]
    assert decoder.done


def test_what_each_choice_costs_adds_up() -> None:
    frames = [frame("ab"[index], index) for index in (0, 1)]
    for index, cost in enumerate((0.25, 0.5)):
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost": cost}
        frames.append(frame("", index, "stop", usage=usage))
    chunks, _decoder = read(*frames)
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [(usage.prompt, usage.completion, usage.cost_usd) for usage in usages] == [(5, 1, 0.25), (10, 2, 0.75)]


# --- in pieces of any size, and /infill -----------------------------------------------


def event(value: Any) -> bytes:
    return b"data: " + jsontext.dumps(value) + b"\n\n"


def choice(text: str, finish: str | None = None, **more: Any) -> bytes:
    one = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish, **more}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [one]})


def fed(decoder: Decoder, wire: bytes, step: int) -> Answer:
    answer = Answer()
    for start in range(0, len(wire), step):
        for chunk in decoder.feed(wire[start : start + step]):
            answer.add(chunk)
    for chunk in decoder.end():
        answer.add(chunk)
    return answer


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_completions_are_read_as_chunks(step: int) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}
    wire = choice("a") + choice(" b") + choice("", "length") + event(usage) + b"data: [DONE]\n\n"
    decoder = CompletionsDecoder(lambda: "id")
    answer = fed(decoder, wire, step)
    assert decoder.done
    assert decoder.problem is None
    assert (answer.choices[0].text, answer.choices[0].finish) == ("a b", "length")
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (4, 2)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_half_an_emoji_waits_for_the_other(step: int) -> None:
    half = b'data: {"choices":[{"text":"%s","index":0,"finish_reason":null}]}\n\n'
    wire = half % b"x\\ud83d" + half % b"\\ude00y" + choice("", "stop")
    assert fed(CompletionsDecoder(lambda: "id"), wire, step).choices[0].text == "x\N{GRINNING FACE}y"


@pytest.mark.parametrize("step", [1, 10_000])
def test_a_last_frame_in_pieces_need_not_hold_a_text(step: int) -> None:
    decoder = CompletionsDecoder(lambda: "id")
    answer = fed(decoder, choice("a") + event({"choices": [{"index": 0, "finish_reason": "length"}]}), step)
    assert decoder.done
    assert (answer.choices[0].text, answer.choices[0].finish) == ("a", "length")


def test_a_whole_answer_is_read_too() -> None:
    one = {"text": "a b", "index": 0, "finish_reason": "stop", "logprobs": {"tokens": ["a"]}}
    decoder = CompletionsDecoder(lambda: "id")
    answer = fed(decoder, jsontext.dumps({"choices": [one]}), 100_000)
    assert decoder.done
    assert answer.choices[0].text == "a b"


def infill(text: str, **more: Any) -> bytes:
    return event({"index": 0, "content": text, "tokens": [], "stop": False, "id_slot": 0, **more})


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(("kind", "finish"), [("limit", "length"), ("eos", "stop"), ("word", "stop")])
def test_infill_ends_with_its_stop_and_no_mark(step: int, kind: str, finish: str) -> None:
    timings = {"prompt_n": 4, "prompt_ms": 2.0, "predicted_n": 2, "predicted_ms": 1.0, "cache_n": 1}
    wire = infill("a") + infill(" b") + infill("", stop=True, stop_type=kind, timings=timings)
    decoder = infill_decoder(lambda: "id")
    answer = fed(decoder, wire, step)
    assert decoder.done
    assert (answer.choices[0].text, answer.choices[0].finish) == ("a b", finish)
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (5, 2)
    assert answer.timings is not None
    assert answer.timings.eval == 1_000_000


def test_infill_cut_in_its_middle_is_broken() -> None:
    decoder = infill_decoder(lambda: "id")
    fed(decoder, infill("a"), 1000)
    assert isinstance(decoder.problem, StreamBroken)


def test_an_error_in_the_stream_is_one() -> None:
    decoder = infill_decoder(lambda: "id")
    fed(decoder, infill("a") + event({"error": {"code": 500, "message": "crashed", "type": "server_error"}}), 1000)
    assert isinstance(decoder.problem, Refused)
