"""The old completions dialect: what is taken, and what goes out."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.chat import Answer, Chunk, Stamp, Task, TextCompletion, Usage
from linx.core.errors import BadRequest, Garbled
from linx.dialects.completions.face import CompletionsFace, legacy_logprobs, prompts_of

FACE = CompletionsFace()
STAMP = Stamp("ab12", 1000.5, lambda: 1001.0)
HEAD = {"id": "cmpl-ab12", "object": "text_completion", "created": 1000, "model": "m"}


def events(data: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line.startswith(b"data: ")]
    return [line.decode() if line == b"[DONE]" else jsontext.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_prompts_come_in_four_shapes(prompt: Any, found: Any) -> None:
    assert prompts_of(prompt) == found


@pytest.mark.parametrize("prompt", [None, 5, [], [[]], ["a", 1], [True], {"a": 1}, [["a"]]])
def test_other_prompts_are_refused(prompt: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        FACE.parse({"model": "m", "prompt": prompt})
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", None),
        ("n", 0),
        ("max_tokens", -1),
        ("logprobs", 21),
        ("logprobs", True),
        ("best_of", 1),
        ("suffix", 3),
        ("echo", "yes"),
        ("stream", 1),
        ("stop", 5),
        ("temperature", "hot"),
        ("n", 129),
    ],
)
def test_wrong_types_are_named(field: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        FACE.parse({"model": "m", "prompt": "a", "n": 2, field: value})
    assert caught.value.param in (field, "prompt")


def test_a_request_keeps_the_client_s_own_body() -> None:
    body = {"model": "m", "prompt": ["a", "b"], "max_tokens": 7, "stream": True, "grammar": "root ::= x"}
    chat = FACE.parse(body)
    assert chat.client_body is body
    assert (chat.dialect, chat.stream, chat.include_usage) == ("completions", True, False)
    assert chat.asked == TextCompletion(prompts=["a", "b"], fields={"max_tokens": 7, "grammar": "root ::= x"})
    assert chat.task is Task.COMPLETE
    assert FACE.parse({**body, "stream_options": {"include_usage": True}}).include_usage


def test_what_has_a_place_of_its_own_is_no_other_field() -> None:
    own = {"suffix": "b", "n": 2, "best_of": 3, "echo": True, "logprobs": 0}
    chat = FACE.parse({"model": "m", "prompt": "a", "stream": False, "stop": None, "seed": 1, **own})
    assert chat.asked == TextCompletion(
        prompts=["a"], suffix="b", count=2, best_of=3, has_echo=True, logprobs=0, fields={"seed": 1}
    )
    assert chat.task is Task.INSERT


def test_a_stream() -> None:
    chat = FACE.parse({"model": "m", "prompt": "a", "stream": True, "stream_options": {"include_usage": True}})
    encoder = FACE.encoder(chat, STAMP)
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
    encoder = FACE.encoder(FACE.parse({"model": "m", "prompt": "a"}), STAMP)
    assert encoder.frames([Chunk(usage=Usage(1, 1))]) == b""
    assert events(encoder.end()) == ["[DONE]"]
    assert encoder.heartbeat() == b": linx\n\n"
    (error,) = events(encoder.error(Garbled("sent nonsense")))
    assert error["error"]["message"] == "sent nonsense"


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
    encoder = FACE.encoder(FACE.parse({"model": "m", "prompt": "a", "logprobs": 0}), STAMP)
    data = encoder.frames([Chunk(text="ab", logprobs=[entry("ab", -1.0)])])
    data += encoder.frames([Chunk(text="c", logprobs=[entry("c", -1.0)])])
    data += encoder.frames([Chunk(text="d", index=1, logprobs=[entry("d", -1.0)])])
    offsets = [event["choices"][0]["logprobs"]["text_offset"] for event in events(data)]
    assert offsets == [[0], [2], [0]]
    assert events(data)[0]["choices"][0]["logprobs"]["top_logprobs"] is None


def test_log_probabilities_that_nobody_asked_for_stay_out() -> None:
    encoder = FACE.encoder(FACE.parse({"model": "m", "prompt": "a"}), STAMP)
    (event,) = events(encoder.frames([Chunk(text="ab", logprobs=[entry("ab", -1.0)])]))
    assert event["choices"][0]["logprobs"] is None


def test_a_whole_answer_has_one_choice_a_prompt_and_the_provider_s_extras() -> None:
    chat = FACE.parse({"model": "m", "prompt": ["a", "b"], "logprobs": 1})
    answer = Answer()
    answer.add(Chunk(text="x", logprobs=[entry("x", -1.0, x=-1.0)]))
    answer.add(Chunk(text="y", index=1))
    answer.add(Chunk(finish="length", source={"choices": [], "timings": {"cache_n": 1}, "id": "theirs"}))
    answer.add(Chunk(finish="stop", index=1, usage=Usage(4, 2)))
    logprobs = {"tokens": ["x"], "token_logprobs": [-1.0], "top_logprobs": [{"x": -1.0}], "text_offset": [0]}
    assert FACE.whole(chat, answer, STAMP) == {
        **HEAD,
        "choices": [
            {"text": "x", "index": 0, "logprobs": logprobs, "finish_reason": "length"},
            {"text": "y", "index": 1, "logprobs": None, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
        "timings": {"cache_n": 1},
    }


def test_errors_have_openai_s_shape() -> None:
    assert FACE.error_body(BadRequest("no", param="x"), "id")["error"]["param"] == "x"
