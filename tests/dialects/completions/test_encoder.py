"""What goes out to clients of /v1/completions: streams, log probabilities, whole answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import Answer, Chunk, Stamp, Usage
from linx.dialects.completions.client_request import parse
from linx.dialects.completions.encoder import CompletionsEncoder, legacy_logprobs, whole_answer

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest

STAMP = Stamp("ab12", 1000.5, lambda: 1001.0)
HEAD = {"id": "cmpl-ab12", "object": "text_completion", "created": 1000, "model": "m"}


def encoder_for(chat: ChatRequest) -> CompletionsEncoder:
    return CompletionsEncoder(chat, STAMP)


def events(data: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line.startswith(b"data: ")]
    return [line.decode() if line == b"[DONE]" else jsontext.loads(line) for line in lines]


def test_a_stream() -> None:
    chat = parse({"model": "m", "prompt": "a", "stream": True, "stream_options": {"include_usage": True}})
    encoder = encoder_for(chat)
    data = encoder.frames([Chunk(text="x\u2028"), Chunk(reasoning="dropped"), Chunk(text="y", index=1)])
    assert "\u2028".encode() not in data
    data += encoder.frames([Chunk(finish="tool_calls", usage=Usage(3, 2))]) + encoder.end()
    text = {"logprobs": None, "finish_reason": None}
    assert events(data) == [
        {**HEAD, "usage": None, "choices": [{"text": "x\u2028", "index": 0, **text}]},
        {**HEAD, "usage": None, "choices": [{"text": "y", "index": 1, **text}]},
        {**HEAD, "usage": None, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}]},
        {**HEAD, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
        "[DONE]",
    ]


def test_without_usage_asked_for_none_is_sent() -> None:
    encoder = encoder_for(parse({"model": "m", "prompt": "a"}))
    assert encoder.frames([Chunk(usage=Usage(1, 1))]) == b""
    assert events(encoder.end()) == ["[DONE]"]
    assert encoder.heartbeat() == b": linx\n\n"
    name, line, end = encoder.error(Garbled("sent nonsense")).split(b"\n", 2)
    assert (name, end) == (b"event: error", b"\n")
    assert jsontext.loads(line.removeprefix(b"data: "))["error"]["message"] == "sent nonsense"


def entry(token: str, value: float, **top: float) -> dict[str, Any]:
    tops = [{"token": name, "logprob": number, "bytes": None} for name, number in top.items()]
    return {"token": token, "logprob": value, "bytes": None, "top_logprobs": tops}


def test_log_probabilities_go_side_by_side() -> None:
    found = legacy_logprobs([entry("ab", -1.0, ab=-1.0, c=-2.0), entry("c", -3.0)], 1, 5)
    assert found == {
        "tokens": ["ab", "c"],
        "token_logprobs": [-1.0, -3.0],
        "top_logprobs": [{"ab": -1.0}, {}],
        "text_offset": [5, 7],
    }


def test_offsets_of_a_stream_go_on_for_each_choice() -> None:
    encoder = encoder_for(parse({"model": "m", "prompt": "a", "logprobs": 0}))
    data = encoder.frames([Chunk(text="ab", logprobs=[entry("ab", -1.0)])])
    data += encoder.frames([Chunk(text="c", logprobs=[entry("c", -1.0)])])
    data += encoder.frames([Chunk(text="d", index=1, logprobs=[entry("d", -1.0)])])
    offsets = [event["choices"][0]["logprobs"]["text_offset"] for event in events(data)]
    assert offsets == [[0], [2], [0]]
    assert events(data)[0]["choices"][0]["logprobs"]["top_logprobs"] is None


def test_log_probabilities_that_nobody_asked_for_stay_out() -> None:
    encoder = encoder_for(parse({"model": "m", "prompt": "a"}))
    (event,) = events(encoder.frames([Chunk(text="ab", logprobs=[entry("ab", -1.0)])]))
    assert event["choices"][0]["logprobs"] is None


def test_a_whole_answer_has_one_choice_a_prompt_and_the_provider_s_extras() -> None:
    chat = parse({"model": "m", "prompt": ["a", "b"], "logprobs": 1})
    answer = Answer()
    answer.add(Chunk(text="x", logprobs=[entry("x", -1.0, x=-1.0)]))
    answer.add(Chunk(text="y", index=1))
    answer.add(Chunk(finish="length", source={"choices": [], "timings": {"cache_n": 1}, "id": "theirs"}))
    answer.add(Chunk(finish="stop", index=1, usage=Usage(4, 2)))
    logprobs = {"tokens": ["x"], "token_logprobs": [-1.0], "top_logprobs": [{"x": -1.0}], "text_offset": [0]}
    assert whole_answer(chat, answer, STAMP) == {
        **HEAD,
        "choices": [
            {"text": "x", "index": 0, "logprobs": logprobs, "finish_reason": "length"},
            {"text": "y", "index": 1, "logprobs": None, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
        "timings": {"cache_n": 1},
    }
