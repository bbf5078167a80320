"""Which row of the table a refusal asks for, and what a body looks like with rows applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import BY_NAME, ROWS, adapt, next_adaptation
from linx.dialects.failures.meaning import event_failure, failure

BODY = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
STREAM_OPTIONS = Adapted("stream_options")


def test_each_row_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(ROWS)


DOCS = Path(__file__).parents[3] / "docs" / "adaptations.md"


@pytest.mark.parametrize("name", BY_NAME)
def test_each_row_is_in_the_docs(name: str) -> None:
    """A row of the table there: its name, or several with a detail each."""
    assert any(line.startswith((f"| `{name}`", f"| `{name}:")) for line in DOCS.read_text().splitlines())


def test_a_body_is_not_changed_in_place() -> None:
    before = dict(BODY)
    assert adapt(BODY, [STREAM_OPTIONS], []) == {"model": "m", "messages": [], "stream": True}
    assert before == BODY


def test_a_row_is_applied_to_the_bodies_that_it_is_for_and_tells_whether_it_changed_something() -> None:
    steps = (STREAM_OPTIONS, Adapted("parameter", "seed"), Adapted("answer_limit", "5"))
    used: list[Adapted] = []
    body = {**BODY, "max_tokens": 9}
    assert adapt(body, steps, [], BodyFormat.OLLAMA, used) is body
    assert used == []
    assert adapt(body, steps, [], BodyFormat.CHAT, used)["max_tokens"] == 5
    assert used == [STREAM_OPTIONS, Adapted("answer_limit", "5")]


def test_a_row_that_another_version_has_learnt_is_passed_over() -> None:
    assert adapt(BODY, [Adapted("of tomorrow", "x")], []) is BODY


def test_a_row_is_not_tried_twice_nor_where_it_changes_nothing() -> None:
    refusal = failure(400, b"stream_options")
    assert next_adaptation(refusal, BodyFormat.CHAT, BODY, ()) == STREAM_OPTIONS
    assert next_adaptation(refusal, BodyFormat.CHAT, BODY, (STREAM_OPTIONS,)) is None
    assert next_adaptation(refusal, BodyFormat.CHAT, {"model": "m"}, ()) is None
    assert next_adaptation(refusal, BodyFormat.MESSAGES, BODY, ()) is None


SHAPES = {
    "openai": b'{"error": {"message": "Unknown parameter: \'stream_options\'.", "type": "invalid_request_error"}}',
    "text": b"unknown field stream_options",
    "error as text": b'{"error": "stream_options is not supported"}',
    "fastapi": b'{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}',
    "detail as text": b'{"detail": "stream_options: not permitted"}',
    "json in a text": b'{"error": "upstream said: {\\"error\\": {\\"message\\": \\"stream_options?\\"}}"}',
}


@pytest.mark.parametrize("status", [400, 404, 415, 422, 500, 501, 502])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_is_recognised_in_every_shape(shape: str, status: int) -> None:
    assert next_adaptation(failure(status, SHAPES[shape]), BodyFormat.CHAT, BODY, ()) == STREAM_OPTIONS


def test_and_inside_a_200() -> None:
    assert next_adaptation(event_failure("stream_options"), BodyFormat.CHAT, BODY, ()) == STREAM_OPTIONS


EVERYTHING: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b", "name": "x"},
        {"role": "assistant", "content": "c", "reasoning_content": "h"},
        {"role": "system", "content": "d"},
    ],
    **dict.fromkeys(("temperature", "top_p", "seed", "user", "metadata", "store", "service_tier", "verbosity"), 1),
    "stream": True,
    "stream_options": {},
    "reasoning_effort": "high",
    "think": "high",
    "max_tokens": 100_000,
    "tools": [{}],
    "tool_choice": "auto",
    "output_config": {"effort": "max"},
    "encoding_format": "float",
    "thinking": {"type": "enabled"},
    "dimensions": 5,
}
OF_OTHER_THINGS = (
    b"",
    b"Internal Server Error",
    b"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    b"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
    b"The model `x` does not exist or you do not have access to it.",
    b"model 'x' not found, try pulling it first",
    b"Your request was flagged by our content management policy.",
    b"the system is loading the model",
    b"'m' does not support tools",
    b"Field 'json_schema': JSON schema conversion failed:\nUnrecognized schema: {}",
    b"messages: at least one message is required",
    b"Invalid value for 'content': expected a string, got null.",
    b"Incorrect API key provided",
    b"CUDA error: out of memory",
    b"unexpected EOF",
    b"No endpoints found that support tool use",
    b"prompt is too long: 210000 tokens > 200000 maximum",
    b"max_tokens must be greater than thinking.budget_tokens",
    b"tool_choice forces tool use is not compatible with this model",
    b"An assistant message with 'tool_calls' must be followed by tool messages",
    b"The request was rejected as a result of the safety system",
    b"llama runner process has terminated: exit status 2",
)


@pytest.mark.parametrize("words", OF_OTHER_THINGS)
@pytest.mark.parametrize("form", BodyFormat)
def test_what_is_said_of_other_things_asks_for_none_of_these_rows(words: bytes, form: BodyFormat) -> None:
    for status in (400, 404, 422, 500):
        found = next_adaptation(failure(status, words), form, EVERYTHING, ())
        assert found is None, found
