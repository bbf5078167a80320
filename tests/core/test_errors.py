from __future__ import annotations

import pytest

from linx.core import errors
from linx.core.errors import LinxError, RequestError, quote


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.BadRequest("x"), 400, "invalid_request_error", None),
        (errors.BadRequest("x", code="invalid_json"), 400, "invalid_request_error", "invalid_json"),
        (errors.Unauthorized("x"), 401, "authentication_error", "invalid_api_key"),
        (errors.Forbidden("x"), 403, "permission_error", None),
        (errors.UnknownEndpoint("x"), 404, "invalid_request_error", None),
        (errors.UnknownModel("x"), 404, "invalid_request_error", "model_not_found"),
        (errors.MethodNotAllowed("x", "GET"), 405, "invalid_request_error", "method_not_supported"),
        (errors.RequestTimeout("x"), 408, "invalid_request_error", None),
        (errors.BodyTooLarge("x"), 413, "invalid_request_error", "request_too_large"),
        (errors.TargetTooLong("x"), 414, "invalid_request_error", None),
        (errors.UnsupportedEncoding("x"), 415, "invalid_request_error", None),
        (errors.ExpectationFailed("x"), 417, "invalid_request_error", None),
        (errors.HeadTooLarge("x"), 431, "invalid_request_error", None),
        (errors.TooManyWrongKeys("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
        (errors.NotImplementedHere("x"), 501, "invalid_request_error", None),
        (errors.VersionNotSupported("x"), 505, "invalid_request_error", None),
        (errors.LoopDetected("x"), 508, "server_error", "loop_detected"),
        (errors.Overloaded("x"), 503, "server_error", "overloaded"),
        (errors.ShuttingDown("x"), 503, "server_error", "shutting_down"),
        (errors.NoLocalProvider("x"), 503, "server_error", "no_local_provider"),
        (errors.SecretInPrompt("x"), 503, "server_error", "secret_in_prompt"),
    ],
)
def test_what_a_client_sees_of_its_own_mistakes(error: RequestError, status: int, kind: str, code: str | None) -> None:
    assert (error.status, error.kind, error.code, error.message) == (status, kind, code, "x")


def test_details_belong_to_one_error_only() -> None:
    error = errors.BadRequest("x", param="model", code="c", headers=((b"a", b"b"),))
    assert (error.param, error.code, error.headers) == ("model", "c", ((b"a", b"b"),))
    assert (errors.BadRequest("x").param, errors.BadRequest("x").code, errors.BadRequest("x").headers) == (
        None,
        None,
        (),
    )
    assert errors.UnknownModel("x").param == "model"
    assert errors.MethodNotAllowed("x", "GET, HEAD").headers == ((b"allow", b"GET, HEAD"),)
    assert errors.Unauthorized("x").headers == ((b"www-authenticate", b"Bearer"),)
    assert errors.Overloaded("x").retry_after_s == 5
    assert errors.Overloaded("x", 1).retry_after_s == 1
    assert errors.NoLocalProvider("x").may_retry is False
    assert errors.BadRequest("x").may_retry is None


def test_what_an_error_says_to_a_client() -> None:
    error = errors.BadRequest("no such thing", param="model", code="c")
    fields = {"message": "no such thing", "type": "invalid_request_error", "param": "model", "code": "c"}
    assert error.fields() == fields
    assert error.openai_object() == {"error": fields}
    error.n_prompt_tokens = 9000
    assert error.fields() == fields, "one count alone says nothing"
    error.n_ctx = 8192
    assert error.fields() == {**fields, "n_prompt_tokens": 9000, "n_ctx": 8192}
    assert LinxError("x").fields() == {"message": "x", "type": "server_error", "param": None, "code": None}


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.BadRequest("x"), []),
        (errors.Unauthorized("x"), [(b"www-authenticate", b"Bearer"), (b"x-should-retry", b"false")]),
        (errors.Forbidden("x"), [(b"x-should-retry", b"false")]),
        (errors.NotImplementedHere("x"), [(b"x-should-retry", b"false")]),
        (errors.LoopDetected("x"), [(b"x-should-retry", b"false")]),
        (errors.TooManyWrongKeys("x"), []),
        (errors.MethodNotAllowed("x", "GET"), [(b"allow", b"GET")]),
        (errors.Overloaded("x", 0.2), [(b"retry-after", b"1")]),
        (errors.Overloaded("x", 2.1), [(b"retry-after", b"3")]),
        (errors.NoLocalProvider("x"), [(b"x-should-retry", b"false")]),
    ],
)
def test_the_headers_of_an_error(error: LinxError, headers: list[tuple[bytes, bytes]]) -> None:
    assert error.answer_headers() == headers


def test_the_headers_of_an_error_come_in_one_order() -> None:
    error = LinxError("x")
    error.headers, error.retry_after_s, error.may_retry = ((b"x-more", b"1"),), 3, True
    assert error.answer_headers() == [(b"x-more", b"1"), (b"retry-after", b"3"), (b"x-should-retry", b"true")]
    assert error.headers == ((b"x-more", b"1"),), "asked twice, they are the same"


def test_a_config_error_names_the_place() -> None:
    error = errors.ConfigError("config.json: server.port", "must be a number")
    assert str(error) == "config.json: server.port: must be a number"
    assert (error.where, error.problem) == ("config.json: server.port", "must be a number")


def test_a_hang_up_is_no_error_to_tell() -> None:
    assert not issubclass(errors.HangUp, LinxError)


@pytest.mark.parametrize(
    ("text", "limit", "safe"),
    [
        ("plain", 80, "plain"),
        ("é☃", 80, "é☃"),
        ("a\r\n\x1b[1m", 80, "a\ufffd\ufffd\ufffd[1m"),
        ("\ud800", 80, "\ufffd"),
        ("x" * 80, 80, "x" * 80),
        ("x" * 81, 80, "x" * 79 + "…"),
        ("abcdef", 3, "ab…"),
        ("", 80, ""),
    ],
)
def test_foreign_text_is_made_safe_to_repeat(text: str, limit: int, safe: str) -> None:
    assert quote(text, limit) == safe


def test_memory_may_run_out_in_one_of_several_tasks() -> None:
    group = ExceptionGroup("", [ValueError(), ExceptionGroup("", [MemoryError()])])
    assert errors.is_out_of_memory(MemoryError())
    assert errors.is_out_of_memory(group)
    for other in (ValueError(), ExceptionGroup("", [ValueError()]), BaseExceptionGroup("", [KeyboardInterrupt()])):
        assert not errors.is_out_of_memory(other)
