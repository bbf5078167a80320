from __future__ import annotations

from typing import Any

import pytest

from linx.core import errors
from linx.core.errors import AttemptError, Fallback, LinxError, Refused, RequestError, RouteExhausted, quote


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
    ],
)
def test_what_a_client_sees_of_its_own_mistakes(error: RequestError, status: int, kind: str, code: str | None) -> None:
    assert (error.status, error.kind, error.code, error.message) == (status, kind, code, "x")


@pytest.mark.parametrize(
    ("kind", "status", "code", "outcome"),
    [
        (errors.ConnectFailed, 502, "upstream_unreachable", "connect_failed"),
        (errors.NameNotFound, 502, "upstream_dns", "dns"),
        (errors.TLSFailed, 502, "upstream_tls", "tls"),
        (errors.ConnectTimeout, 504, "upstream_timeout", "timeout"),
        (errors.Reset, 502, "upstream_disconnected", "reset"),
        (errors.Stalled, 504, "upstream_timeout", "timeout"),
        (errors.Garbled, 502, "upstream_bad_response", "bad_response"),
        (errors.EmptyAnswer, 502, "upstream_truncated", "empty"),
        (errors.StreamBroken, 502, "upstream_error", "reset"),
    ],
)
def test_what_a_failed_attempt_means(kind: type[AttemptError], status: int, code: str, outcome: str) -> None:
    error = kind("the problem")
    assert (error.status, error.code, error.outcome) == (status, code, outcome)
    assert error.fallback is Fallback.YES
    assert error.blames_provider
    assert not error.is_pause


def test_the_providers_name_comes_first_once_it_is_known() -> None:
    error = errors.Reset("closed the connection")
    assert str(error) == error.message == "closed the connection"
    error.provider = "ollama"
    assert str(error) == "ollama: closed the connection"
    error.reason = "closed"  # the attempt redacts it
    assert error.message == "ollama: closed"


def test_a_providers_words_are_for_its_client_alone() -> None:
    error = errors.Garbled("said nonsense", said="of cats\nand " + "dogs " * 100, advice="ask the vet")
    error.provider = "box"
    assert str(error).startswith("box: said nonsense: of cats\N{REPLACEMENT CHARACTER}and dogs")
    assert str(error).endswith("…; ask the vet")
    assert len(str(error)) < 250
    assert (error.summary, error.for_log) == ("said nonsense; ask the vet", "box: said nonsense; ask the vet")
    all_of_them = errors.RouteExhausted("m", [error, errors.Reset("hung up")])
    assert "cats" in str(all_of_them)
    assert all_of_them.for_log == (
        "No provider could answer for model 'm'. Tried: box: said nonsense; ask the vet; hung up"
    )


def test_secrets_are_taken_out_before_words_are_cut() -> None:
    def clean(text: str) -> str:
        return text.replace("Correct-Horse", "***")

    said = "x" * 195 + "Correct-Horse"
    error = errors.Refused("refused", status=400, said=said)
    error.own_param, error.code, error.own_code = "y" * 70 + "Correct-Horse", "correct-horse", "Correct-Horse"
    error.redact(clean)
    assert "Corr" not in str(error)
    assert error.param == "y" * 70 + "***"
    assert error.code is None


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
    assert LinxError("x").fields() == {"message": "x", "type": "server_error", "param": None, "code": None}


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.BadRequest("x"), []),
        (errors.Unauthorized("x"), [(b"www-authenticate", b"Bearer")]),
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


def refused(status: int, provider: str = "p", **more: Any) -> Refused:
    error = Refused(f"said {status}", status=status, **more)
    error.provider = provider
    return error


def down(provider: str = "d") -> AttemptError:
    error = errors.ConnectFailed("refused the connection")
    error.provider = provider
    return error


def test_one_failure_speaks_for_itself() -> None:
    error = RouteExhausted("m", [down()])
    assert (error.message, error.status, error.code) == ("d: refused the connection", 502, "upstream_unreachable")
    assert error.may_retry is False
    assert error.telling is error.failures[0]


def test_several_failures_are_listed_in_order() -> None:
    error = RouteExhausted("m\x1b", [down("a"), down("b")])
    assert error.message == (
        "No provider could answer for model 'm\N{REPLACEMENT CHARACTER}'. "
        "Tried: a: refused the connection; b: refused the connection"
    )


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        ([down(), refused(404)], 404),
        ([refused(404), refused(429)], 429),
        ([refused(503), refused(404)], 404),
        ([refused(502), refused(503)], 503),
        ([refused(429), refused(400, fallback=Fallback.LARGER)], 400),
        ([refused(400), refused(413, fallback=Fallback.NO)], 413),
        ([refused(504), refused(502)], 504),
    ],
)
def test_the_most_telling_failure_gives_the_status(failures: list[AttemptError], status: int) -> None:
    assert RouteExhausted("m", failures).status == status


def test_it_takes_over_what_belongs_to_that_failure() -> None:
    bad = refused(400, kind="invalid_request_error", code="x", fallback=Fallback.NO)
    bad.param = "messages"
    error = RouteExhausted("m", [down(), bad])
    assert (error.kind, error.code, error.param) == ("invalid_request_error", "x", "messages")


@pytest.mark.parametrize(
    ("failures", "wait", "may_retry"),
    [
        ([refused(429, retry_after_s=60.0), refused(429, retry_after_s=7.0)], 7.0, None),
        ([refused(429, retry_after_s=60.0), refused(503, retry_after_s=5.0)], 5.0, None),
        ([refused(429, retry_after_s=60.0), down()], 60.0, None),
        ([refused(429), down()], None, False),
        ([refused(503, retry_after_s=5.0), refused(404)], None, False),
    ],
)
def test_the_client_waits_for_the_first_that_is_back(
    failures: list[AttemptError], wait: float | None, may_retry: bool | None
) -> None:
    error = RouteExhausted("m", failures)
    assert (error.retry_after_s, error.may_retry) == (wait, may_retry)


def test_refused_has_defaults_for_an_error_inside_a_200() -> None:
    error = Refused("x", status=502)
    assert (error.outcome, error.code, error.kind) == ("error_event", "upstream_error", "server_error")
    assert (error.retry_after_s, error.upstream_status) == (None, None)


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
