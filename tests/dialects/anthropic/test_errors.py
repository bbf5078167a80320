from __future__ import annotations

import pytest

from linx.core import attempt_errors, errors
from linx.core.attempt_errors import Refused
from linx.core.errors import LinxError
from linx.dialects.anthropic.errors import error_object, status_of


def refused(status: int, code: str | None = "upstream_error", text: str = "no") -> Refused:
    return Refused(text, status=status, code=code)


@pytest.mark.parametrize(
    ("problem", "status", "kind"),
    [
        (errors.BadRequest("x"), 400, "invalid_request_error"),
        (errors.Unauthorized("x"), 401, "authentication_error"),
        (refused(402), 402, "billing_error"),
        (errors.Forbidden("x"), 403, "permission_error"),
        (errors.UnknownModel("x"), 404, "not_found_error"),
        (errors.MethodNotAllowed("x", "GET"), 405, "invalid_request_error"),
        (errors.RequestTimeout("x"), 408, "timeout_error"),
        (errors.BodyTooLarge("x"), 413, "request_too_large"),
        (errors.TooManyWrongKeys("x"), 429, "rate_limit_error"),
        (LinxError("x"), 500, "api_error"),
        (refused(502), 502, "api_error"),
        (refused(502, "upstream_credit"), 502, "billing_error"),
        (attempt_errors.Stalled("x"), 504, "timeout_error"),
        (errors.Overloaded("x"), 529, "overloaded_error"),
        (refused(503, "overloaded"), 529, "overloaded_error"),
        (refused(529), 529, "overloaded_error"),
        (errors.NoLocalProvider("x"), 503, "api_error"),
        (errors.SecretInPrompt("x"), 503, "api_error"),
        (errors.ShuttingDown("x"), 503, "api_error"),
        (errors.LoopDetected("x"), 508, "api_error"),
    ],
)
def test_a_failure_has_a_status_and_a_type(problem: LinxError, status: int, kind: str) -> None:
    assert status_of(problem) == status
    assert error_object(problem) == {"type": kind, "message": problem.message}


def test_counts_that_are_known_are_told_as_they_are() -> None:
    """claude-code's own pattern: prompt is too long[^0-9]*([0-9]+) *tokens? *> *([0-9]+)."""
    problem = refused(400, "context_length_exceeded", "request (9 tokens) of 7 tokens")
    problem.n_prompt_tokens, problem.n_ctx = 9000, 8192
    assert error_object(problem)["message"].startswith("prompt is too long: 9000 tokens > 8192 maximum (")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            "prompt is too long: 9000 tokens > 8192 maximum (",
        ),
        (
            "maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages)",
            "prompt is too long: 9000 tokens > 8192 maximum (",
        ),
        ("the input length exceeds the context length", "prompt is too long: the input length exceeds"),
        ("8192 tokens are all, all of the 8192 tokens", "prompt is too long: 8192 tokens are all"),
        ("Prompt is too long: 5 tokens > 4 maximum", "Prompt is too long: 5 tokens > 4 maximum"),
    ],
)
def test_a_prompt_that_does_not_fit_is_worded_so_that_clients_shorten_it(text: str, message: str) -> None:
    problem = refused(413, "context_length_exceeded", text)
    problem.provider = ""
    assert status_of(problem) == 400
    made = error_object(problem)
    assert made["type"] == "invalid_request_error"
    assert made["message"].startswith(message)
    assert text in made["message"]
