"""Which row of the table a refusal asks for, and what a body looks like with rows applied."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.chat import Adapted
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import BY_NAME, ROWS, adapt, next_adaptation
from linx.dialects.failures.meaning import event_failure, failure
from linx.dialects.failures.reading import MAX_WORDS

if TYPE_CHECKING:
    from linx.dialects.adaptation.row import Row

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


def test_a_detail_with_other_signs_than_names_have_is_none() -> None:
    """It would go into a header and the log: the keyword of a client's own schema, or a digit of another script."""
    key = "x\r\nset-cookie: a"
    schema = {"type": "object", key: 1, "properties": {}}
    body = {**BODY, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    refusal = failure(400, f"Invalid schema: unknown keyword '{key}'".encode())
    assert refusal.words.count(key) == 1
    assert next_adaptation(refusal, BodyFormat.CHAT, body, ()) is None
    call = {"role": "assistant", "tool_calls": [{"id": "x" * 99, "function": {"name": "f"}}]}
    refusal = failure(400, "tool_calls[0].id: maximum length ٤٠".encode())
    assert next_adaptation(refusal, BodyFormat.CHAT, {**BODY, "messages": [call]}, ()) is None


def test_a_full_context_is_no_matter_of_how_it_was_asked() -> None:
    words = b"max_tokens must be less than or equal to 100: context length exceeded"
    assert next_adaptation(failure(400, words), BodyFormat.CHAT, {**BODY, "max_tokens": 500}, ()) is None


def test_what_was_known_may_be_tried_once_more_where_something_later_has_undone_it() -> None:
    known = (Adapted("answer_limit_name", "max_completion_tokens"), Adapted("answer_limit_name", "max_tokens"))
    body = adapt({**BODY, "max_tokens": 5}, known, [])
    refusal = failure(400, b"Unknown parameter: max_tokens")
    assert next_adaptation(refusal, BodyFormat.CHAT, body, ()) == known[0]
    assert next_adaptation(refusal, BodyFormat.CHAT, body, known) is None


ODD: list[Any] = [None, 5, "x", [], {}, [None], {"type": {}}, {"type": []}, {"role": {}, "content": [{"type": []}]}]
FIELDS = ("messages", "tools", "tool_choice", "response_format", "input", "thinking", "reasoning", "text", "format")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_odd_body_is_no_trouble_for_any_row(row: Row) -> None:
    """No face promises that what a client sent has any shape at all in its depths."""
    details = (
        "",
        "9",
        "64",
        "one",
        "demanded",
        "reasoning",
        "all",
        "strict",
        "root",
        "prompt",
        "json_object",
        "prefix",
    )
    refusal = failure(400, b"nothing that is known")
    for field in FIELDS:
        for value in (*ODD, ODD):
            body = {"model": "m", field: value}
            before = repr(body)
            row.recognise(refusal, body)
            for detail in details:
                row.change(body, detail)
                if row.restore is not None:
                    row.restore(body, detail)
            assert repr(body) == before


@pytest.mark.parametrize("words", ["functions.1", "tools[1]", "model ", "messages.1.a", "('body'", "tool call id"])
def test_no_words_keep_linx_busy(words: str) -> None:
    texts = [{"message": (words * 4096)[:4096]}] * 12
    began = time.perf_counter()
    refusal = failure(400, jsontext.dumps({"errors": texts}))
    for row in ROWS:
        row.recognise(refusal, BODY)
    assert len(refusal.words) <= MAX_WORDS
    assert time.perf_counter() - began < 0.3


@pytest.mark.parametrize("code", ["tool_use_failed", "json_validate_failed"])
def test_what_the_model_wrote_is_no_matter_of_how_it_was_asked(code: str) -> None:
    """Groq's 400 for a call that does not fit its schema: the next one may fit, which would teach something wrong."""
    words = "tool call validation failed: parameters for tool f did not match schema: [missing properties: 'a']"
    schema = {"type": "object", "properties": {"a": {"pattern": "x"}}}
    body = {**BODY, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}
    refusal = failure(400, f'{{"error":{{"message":"{words}","code":"{code}"}}}}'.encode())
    assert next_adaptation(refusal, BodyFormat.CHAT, body, ()) is None


@pytest.mark.parametrize(
    "error",
    [
        {"code": 429, "message": "Rate limited: temperature is not supported in the free tier"},
        {"code": 401, "message": "temperature is not supported without an account"},
        {"type": "overloaded_error", "message": "overloaded: stream_options are not supported now"},
        {"code": "content_filter", "message": "refused: temperature is not supported, they wrote"},
    ],
)
def test_an_error_inside_a_200_may_be_about_something_else_as_well(error: dict[str, Any]) -> None:
    assert next_adaptation(event_failure(error), BodyFormat.CHAT, {**BODY, "temperature": 1}, ()) is None
