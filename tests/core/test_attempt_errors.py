from __future__ import annotations

from typing import Any

import pytest

from linx.core import attempt_errors
from linx.core.attempt_errors import CANNOT, AttemptError, Fallback, Refused, RouteExhausted
from linx.dialects.failures.meaning import unsupported


@pytest.mark.parametrize(
    ("kind", "status", "code", "outcome"),
    [
        (attempt_errors.ConnectFailed, 502, "upstream_unreachable", "connect_failed"),
        (attempt_errors.NameNotFound, 502, "upstream_dns", "dns"),
        (attempt_errors.TLSFailed, 502, "upstream_tls", "tls"),
        (attempt_errors.ConnectTimeout, 504, "upstream_timeout", "timeout"),
        (attempt_errors.Reset, 502, "upstream_disconnected", "reset"),
        (attempt_errors.Stalled, 504, "upstream_timeout", "timeout"),
        (attempt_errors.Garbled, 502, "upstream_bad_response", "bad_response"),
        (attempt_errors.EmptyAnswer, 502, "upstream_truncated", "empty"),
        (attempt_errors.StreamBroken, 502, "upstream_error", "reset"),
    ],
)
def test_what_a_failed_attempt_means(kind: type[AttemptError], status: int, code: str, outcome: str) -> None:
    error = kind("the problem")
    assert (error.status, error.code, error.outcome) == (status, code, outcome)
    assert error.fallback is Fallback.YES
    assert error.blames_provider
    assert not error.is_pause


def test_the_providers_name_comes_first_once_it_is_known() -> None:
    error = attempt_errors.Reset("closed the connection")
    assert str(error) == error.message == "closed the connection"
    error.provider = "ollama"
    assert str(error) == "ollama: closed the connection"
    error.reason = "closed"  # the attempt redacts it
    assert error.message == "ollama: closed"


def test_a_providers_words_are_for_its_client_alone() -> None:
    error = attempt_errors.Garbled("said nonsense", said="of cats\nand " + "dogs " * 100, advice="ask the vet")
    error.provider = "box"
    assert str(error).startswith("box: said nonsense: of cats\N{REPLACEMENT CHARACTER}and dogs")
    assert str(error).endswith("…; ask the vet")
    assert len(str(error)) < 250
    assert (error.summary, error.for_log) == ("said nonsense; ask the vet", "box: said nonsense; ask the vet")
    all_of_them = attempt_errors.RouteExhausted("m", [error, attempt_errors.Reset("hung up")])
    assert "cats" in str(all_of_them)
    assert all_of_them.for_log == (
        "No provider could answer for model 'm'. Tried: box: said nonsense; ask the vet; hung up"
    )


def test_secrets_are_taken_out_before_words_are_cut() -> None:
    def clean(text: str) -> str:
        return text.replace("Correct-Horse", "***")

    said = "x" * 195 + "Correct-Horse"
    error = attempt_errors.Refused("refused", status=400, said=said)
    error.own_param, error.code, error.own_code = "y" * 70 + "Correct-Horse", "correct-horse", "Correct-Horse"
    error.redact(clean)
    assert "Corr" not in str(error)
    assert error.param == "y" * 70 + "***"
    assert error.code is None


def refused(status: int, provider: str = "p", **more: Any) -> Refused:
    error = Refused(f"said {status}", status=status, **more)
    error.provider = provider
    return error


def down(provider: str = "d") -> AttemptError:
    error = attempt_errors.ConnectFailed("refused the connection")
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
    bad.param, bad.n_prompt_tokens, bad.n_ctx = "messages", 9, 8
    error = RouteExhausted("m", [down(), bad])
    assert (error.kind, error.code, error.param) == ("invalid_request_error", "x", "messages")
    assert (error.n_prompt_tokens, error.n_ctx) == (9, 8)


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


@pytest.mark.parametrize("failed", [attempt_errors.Reset("gone"), attempt_errors.ConnectTimeout("silent")])
def test_a_provider_that_could_not_anyway_does_not_hide_why_the_others_failed(failed: AttemptError) -> None:
    cannot = unsupported("does not support text completion")
    assert RouteExhausted("m", [cannot, failed]).status == failed.status
    assert RouteExhausted("m", [failed, cannot]).code == failed.code
    alone = RouteExhausted("m", [cannot, unsupported("does not support n > 1")])
    assert (alone.status, alone.code) == (400, CANNOT)
