"""Which row of the table a refusal asks for, and what a body looks like with rows applied."""

from __future__ import annotations

from pathlib import Path

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
