"""The whole response of an answer; ``test_encoder`` holds it against the stream where both say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openai.types.responses import Response

from linx.core import jsontext
from linx.core.chat import Answer, Chunk, Usage
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.responses.response import Place, tool_object, whole_response
from tests.dialects.responses.test_encoder import PATCH, SPACE, STAMP, chat, detail, last, start
from tests.open_responses import check_response

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


BARE = {"type": "function", "name": "f", "description": None, "parameters": None, "strict": False}


@pytest.mark.parametrize(
    ("tool", "made"),
    [
        ({"type": "function", "name": "f"}, BARE),
        ({"type": "function", "name": "f", "strict": None}, BARE),
        ({"type": "function", "name": "f", "strict": True, "x": 1}, {**BARE, "strict": True, "x": 1}),
        ({"type": "function", "function": {"name": "f", "parameters": {}}}, {**BARE, "parameters": {}}),
        (PATCH, PATCH),
        (SPACE, SPACE),
    ],
    ids=["bare", "null", "strict", "nested", "custom", "namespace"],
)
def test_a_function_is_repeated_with_all_its_fields(tool: JsonObject, made: JsonObject) -> None:
    assert tool_object(tool) == made


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, {"type": "text"}),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "schema": {}},
            {"type": "json_schema", "name": "response", "description": None, "schema": {}, "strict": False},
        ),
    ],
    ids=["none", "object", "schema"],
)
def test_the_format_is_repeated_with_all_its_fields(given: JsonObject | None, made: JsonObject) -> None:
    response = whole_response(chat(text={"format": given}), Answer(), STAMP)
    assert response["text"]["format"] == made
    check_response(response)


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
    made = whole_response(chat(tools=[PATCH, {"type": "function", "name": "f"}]), answer, STAMP)
    check_response(made)
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
    check_response(made)
    assert made["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in made["output"]] == statuses


SIGNED = {"type": "reasoning.text", "signature": "EqQB", "format": "anthropic-claude-v1"}
HIDDEN = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "id": "call_0"}


@pytest.mark.parametrize("is_streamed", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    ("chunks", "thought", "details"),
    [
        ([detail("hm", **SIGNED), Chunk(text="Hi")], "hm", [{**SIGNED, "text": "hm"}]),
        ([detail(**HIDDEN), start(0, "{}")], None, [HIDDEN]),
        ([Chunk(reasoning="hm"), Chunk(text="Hi")], "hm", None),
    ],
    ids=["signature", "nothing else", "none"],
)
def test_signatures_are_kept_where_the_client_did_not_ask_for_them(
    chunks: list[Chunk], thought: str | None, details: list[JsonObject] | None, is_streamed: bool
) -> None:
    found: list[JsonObject] = []
    face = ResponsesFace(Place(None, lambda _id, text: found.append(jsontext.loads(text))))
    asked = chat()
    if is_streamed:
        encoder = face.encoder(asked, STAMP)
        shown = last(encoder.frames(chunks) + encoder.end())
    else:
        answer = Answer()
        for chunk in chunks:
            answer.add(chunk)
        shown = face.whole(asked, answer, STAMP)
    assert "encrypted_content" not in str(shown)
    (kept,) = found
    check_response(kept)
    assert len({item["id"] for item in kept["output"]}) == len(kept["output"])
    history = chat(input=kept["output"]).chat_body["messages"][0]
    assert history.get("reasoning_content") == thought
    assert history.get("reasoning_details") == details
