"""Raw prompts and prompts with a suffix, at providers that are no Ollama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.chat import Answer, ModelTraits
from linx.core.errors import Refused, StreamBroken
from linx.dialects.completions.text_completion import (
    USUAL_LENGTH,
    CompletionDecoder,
    InfillDecoder,
    completion_body,
    infill_body,
)
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.servers import LLAMACPP, OPENROUTER, PLAIN

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest

TRAITS = ModelTraits(thinking_mode=True)
OPTIONS = {"num_predict": 5, "temperature": 0, "top_k": 3, "repeat_penalty": 1.1, "stop": ["\n"], "num_ctx": 512}


def asked(**fields: Any) -> ChatRequest:
    return OllamaFace("generate").parse({"model": "m", "prompt": "def f(", **fields})


def event(value: Any) -> bytes:
    return b"data: " + jsontext.dumps(value) + b"\n\n"


def choice(text: str, finish: str | None = None, **more: Any) -> bytes:
    one = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish, **more}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [one]})


def fed(decoder: CompletionDecoder, wire: bytes, step: int) -> Answer:
    answer = Answer()
    for start in range(0, len(wire), step):
        for chunk in decoder.feed(wire[start : start + step]):
            answer.add(chunk)
    for chunk in decoder.end():
        answer.add(chunk)
    return answer


def test_a_prompt_goes_to_completions_past_the_template() -> None:
    body = completion_body(LLAMACPP, None, asked(raw=True, options=OPTIONS), "served", TRAITS)
    assert body == {
        "model": "served",
        "prompt": "def f(",
        "max_tokens": 5,
        "temperature": 0,
        "top_k": 3,
        "repeat_penalty": 1.1,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_each_kind_gets_what_it_knows() -> None:
    body = completion_body(PLAIN, None, asked(suffix=")", options=OPTIONS, system="be brief"), "served", TRAITS)
    assert "top_k" not in body
    assert "repeat_penalty" not in body
    assert (body["prompt"], body["suffix"]) == ("def f(", ")")
    body = completion_body(OPENROUTER, None, asked(suffix=")", options=OPTIONS), "served", TRAITS)
    assert (body["top_k"], body["repetition_penalty"]) == (3, 1.1)


def test_plain_openai_servers_are_told_a_length() -> None:
    assert completion_body(PLAIN, USUAL_LENGTH, asked(raw=True), "m", TRAITS)["max_tokens"] == USUAL_LENGTH
    assert "max_tokens" not in completion_body(LLAMACPP, None, asked(raw=True), "m", TRAITS)


def test_llama_cpp_puts_its_own_marks_around_a_suffix() -> None:
    body = infill_body(asked(suffix=")", options=OPTIONS), "served", TRAITS)
    assert (body["input_prefix"], body["input_suffix"], body["n_predict"]) == ("def f(", ")", 5)
    assert body["stream"] is True
    assert not {"prompt", "suffix", "max_tokens", "messages", "stream_options"} & body.keys()


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_completions_are_read_as_chunks(step: int) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}
    wire = choice("a") + choice(" b") + choice("", "length") + event(usage) + b"data: [DONE]\n\n"
    decoder = CompletionDecoder(lambda: "id")
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
    assert fed(CompletionDecoder(lambda: "id"), wire, step).choices[0].text == "x\N{GRINNING FACE}y"


@pytest.mark.parametrize("step", [1, 10_000])
def test_a_last_frame_need_not_hold_a_text(step: int) -> None:
    decoder = CompletionDecoder(lambda: "id")
    answer = fed(decoder, choice("a") + event({"choices": [{"index": 0, "finish_reason": "length"}]}), step)
    assert decoder.done
    assert (answer.choices[0].text, answer.choices[0].finish) == ("a", "length")


def test_a_whole_answer_is_read_too() -> None:
    one = {"text": "a b", "index": 0, "finish_reason": "stop", "logprobs": {"tokens": ["a"]}}
    decoder = CompletionDecoder(lambda: "id")
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
    decoder = InfillDecoder(lambda: "id")
    answer = fed(decoder, wire, step)
    assert decoder.done
    assert (answer.choices[0].text, answer.choices[0].finish) == ("a b", finish)
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (5, 2)
    assert answer.timings is not None
    assert answer.timings.eval == 1_000_000


def test_infill_cut_in_its_middle_is_broken() -> None:
    decoder = InfillDecoder(lambda: "id")
    fed(decoder, infill("a"), 1000)
    assert isinstance(decoder.problem, StreamBroken)


def test_an_error_in_the_stream_is_one() -> None:
    decoder = InfillDecoder(lambda: "id")
    fed(decoder, infill("a") + event({"error": {"code": 500, "message": "crashed", "type": "server_error"}}), 1000)
    assert isinstance(decoder.problem, Refused)
