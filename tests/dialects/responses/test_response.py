"""The whole response of an answer; ``test_encoder`` holds it against the stream where both say the same."""

from __future__ import annotations

import pytest
from openai.types.responses import Response

from linx.core.chat import Answer, Chunk, Usage
from linx.dialects.responses.response import custom_input, whole_response
from tests.dialects.responses.test_encoder import PATCH, STAMP, chat, start


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ('{"input":"x"}', "x"),
        ('{"input":""}', ""),
        ("{}", ""),
        ("", ""),
        ('{"patch":"x"}', '{"patch":"x"}'),
        ('{"input":5}', '{"input":5}'),
        ("*** Begin", "*** Begin"),
    ],
)
def test_the_text_for_a_custom_tool_is_what_the_model_meant(arguments: str, made: str) -> None:
    assert custom_input(arguments) == made


def test_a_whole_response() -> None:
    answer = Answer()
    chunks = [
        Chunk(reasoning="hm"),
        Chunk(text="Hi"),
        Chunk(refusal="no"),
        start(0, " "),
        start(1, '{"input":"x"}', "apply_patch"),
        Chunk(finish="tool_calls", usage=Usage(prompt=3, completion=2)),
    ]
    for chunk in chunks:
        answer.add(chunk)
    made = whole_response(chat(tools=[PATCH]), answer, STAMP)
    assert [item["type"] for item in made["output"]] == [
        "reasoning",
        "message",
        "message",
        "function_call",
        "custom_tool_call",
    ]
    assert made["output"][3]["arguments"] == "{}"
    assert (made["status"], made["usage"]["total_tokens"]) == ("completed", 5)
    assert Response.model_validate(made).output_text == "Hi"
    assert whole_response(chat(), Answer(), STAMP)["output"] == []


@pytest.mark.parametrize(
    ("chunks", "statuses"),
    [
        ([start(0, '{"a":1}'), start(1, '{"b":"x')], ["completed", "incomplete"]),
        ([start(0, '{"a":1}')], ["completed"]),
        ([Chunk(text="so far")], ["incomplete"]),
    ],
)
def test_a_whole_response_may_be_incomplete(chunks: list[Chunk], statuses: list[str]) -> None:
    answer = Answer()
    for chunk in [*chunks, Chunk(finish="length")]:
        answer.add(chunk)
    made = whole_response(chat(), answer, STAMP)
    assert made["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in made["output"]] == statuses
