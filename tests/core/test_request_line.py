"""The line of a request: every field of the JSON form, and the text for people."""

from __future__ import annotations

import time
from typing import Any

import pytest

from linx.core import jsontext
from linx.core.chat import Usage
from linx.core.errors import NotAsked
from linx.core.request_line import fields_of, text_of
from linx.core.telemetry import AttemptRecord, RequestRecord

AT = 1_700_000_000.0
CLOCK = time.strftime("%H:%M:%S", time.localtime(AT))
FIELDS = """ts level event id face method path model provider served_model local status outcome first_token_ms
duration_ms prompt_tokens completion_tokens cached_tokens cost_usd client key attempts not_asked"""


def record_of(**fields: Any) -> RequestRecord:
    record = RequestRecord("0123", AT - 9.8, 100.0, "POST", "/v1/chat/completions", model="gpt-4o", ended=109.8)
    record.client, record.face = "cursor", "openai"
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def attempt(provider: str, outcome: str, *, is_local: bool = True) -> AttemptRecord:
    return AttemptRecord(provider, "m", 100.0, is_local=is_local, outcome=outcome)


def answered(**fields: Any) -> RequestRecord:
    """By a paid provider, after the local one was not there."""
    usual: dict[str, Any] = {
        "provider": "openrouter",
        "served_model": "openai/gpt-4o",
        "is_local": False,
        "status": 200,
        "outcome": "ok",
        "first_token": 100.9,
        "usage": Usage(1204, 861, cached=1000),
        "cost_usd": 0.0131,
        "attempts": [attempt("ollama", "connect_failed"), attempt("openrouter", "ok", is_local=False)],
    }
    return record_of(**{**usual, **fields})


def same(text: str) -> str:
    return text


def shown(record: RequestRecord) -> str:
    return text_of(fields_of(record, same), AT).removeprefix(CLOCK + " ")


def test_the_line_of_the_contract() -> None:
    assert text_of(fields_of(answered(), same), AT) == (
        f"{CLOCK} gpt-4o → openrouter/openai/gpt-4o ↗  200  0.9 s first  9.8 s  1,204+861 tok  88 t/s  $0.013  cursor"
        "  (ollama: refused)"
    )


def test_the_fields_of_the_json_form() -> None:
    fields = fields_of(answered(key="key-2"), same)
    assert list(fields) == FIELDS.split()
    assert jsontext.loads(jsontext.dumps(fields)) == {
        "ts": "2023-11-14T22:13:20.000Z",
        "level": "info",
        "event": "request",
        "id": "0123",
        "face": "openai",
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "gpt-4o",
        "provider": "openrouter",
        "served_model": "openai/gpt-4o",
        "local": False,
        "status": 200,
        "outcome": "ok",
        "first_token_ms": 900.0,
        "duration_ms": 9800.0,
        "prompt_tokens": 1204,
        "completion_tokens": 861,
        "cached_tokens": 1000,
        "cost_usd": 0.0131,
        "client": "cursor",
        "key": "key-2",
        "attempts": [
            {"provider": "ollama", "model": "m", "local": True, "outcome": "connect_failed"},
            {"provider": "openrouter", "model": "m", "local": False, "outcome": "ok"},
        ],
        "not_asked": [],
    }


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            answered(
                provider="ollama", served_model="q", is_local=True, cost_usd=0.0, attempts=[attempt("ollama", "ok")]
            ),
            "gpt-4o → ollama/q  200  0.9 s first  9.8 s  1,204+861 tok  88 t/s  cursor",
        ),
        (
            record_of(status=401, outcome="invalid_api_key", model="", ended=100.0),
            "POST /v1/chat/completions  401  invalid_api_key  cursor",
        ),
        (record_of(status=404, outcome="model_not_found", client="-"), "gpt-4o  404  model_not_found"),
        (
            record_of(
                status=502,
                outcome="upstream_error",
                attempts=[attempt("ollama", "dns"), attempt("paid", "http_500", is_local=False)],
            ),
            "gpt-4o → ↗  502  upstream_error  9.8 s  cursor  (ollama: no such host, paid: 500)",
        ),
        (
            record_of(status=502, outcome="tls", attempts=[attempt("paid", "tls", is_local=False)]),
            "gpt-4o  502  tls  9.8 s  cursor  (paid: tls)",
        ),
        (
            record_of(outcome="cancelled", attempts=[attempt("ollama", "lost")]),
            "gpt-4o  499  cancelled  9.8 s  cursor  (ollama: cut)",
        ),
        (
            answered(attempts=[attempt("a", "lost"), attempt("openrouter", "ok")], cost_usd=None, usage=None),
            "gpt-4o → openrouter/openai/gpt-4o  200  0.9 s first  9.8 s  cursor  (a: slower)",
        ),
        (
            answered(
                provider="ollama",
                served_model="q",
                is_local=True,
                usage=None,
                cost_usd=None,
                attempts=[attempt("a", "connect_failed"), attempt("ollama", "ok")],
                not_asked=(NotAsked("openrouter", "secret in message 7"), NotAsked("paid", "budget")),
            ),
            "gpt-4o → ollama/q  200  0.9 s first  9.8 s  cursor"
            "  (openrouter: not asked (secret in message 7), paid: not asked (budget), a: refused)",
        ),
        (record_of(status=200, outcome="ok"), "gpt-4o → linx  200  cursor"),
        (record_of(method="-", path="-", model="", status=414, outcome="x", client="-"), "(unreadable)  414  x"),
    ],
    ids=[
        "local",
        "refused",
        "no-model",
        "failed-after-it-left",
        "never-left",
        "cancelled",
        "hedge",
        "not-asked",
        "counted",
        "unread",
    ],
)
def test_other_ends(record: RequestRecord, line: str) -> None:
    assert shown(record) == line


@pytest.mark.parametrize(
    ("cost", "text"),
    [(0.0, "$0"), (0.0000725, "$0.000073"), (0.013, "$0.013"), (0.5, "$0.50"), (1234.5, "$1,234.50")],
)
def test_money_in_two_digits(cost: float, text: str) -> None:
    assert f"  {text}  cursor" in shown(answered(cost_usd=cost))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.004, "0.00 s"), (0.09, "0.09 s"), (1.25, "1.2 s"), (99.9, "99.9 s"), (4000.0, "4,000 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert f"first  {text}  " in shown(answered(ended=100.0 + seconds))


def test_colours_mark_what_left_the_machine_and_what_failed() -> None:
    left = text_of(fields_of(answered(), same), AT, is_coloured=True)
    assert "\x1b[35mopenrouter/openai/gpt-4o ↗\x1b[0m" in left
    failed = text_of(fields_of(record_of(status=502, outcome="upstream_error"), same), AT, is_coloured=True)
    assert "\x1b[31m502\x1b[0m" in failed
    refused = text_of(fields_of(record_of(status=404, outcome="not_found"), same), AT, is_coloured=True)
    assert "\x1b[33m404\x1b[0m" in refused
    assert "\x1b" not in shown(answered())


def test_names_from_outside_are_cleaned() -> None:
    def clean(text: str) -> str:
        return text.replace("secret", "…")

    record = answered(model="secret-model", path="/secret", outcome="secret", served_model="secret", client="secret")
    record.attempts[0].model = "secret"
    fields = fields_of(record, clean)
    assert "secret" not in jsontext.dumps(fields).decode()
    assert "secret" not in text_of(fields, AT)
