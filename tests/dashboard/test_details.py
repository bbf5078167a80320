"""The bodies of a request as they are shown: whole, cut, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.kept_bodies import MAX_BODY, Kept, KeptBodies
from linx.core.redaction import Redactor
from linx.core.telemetry import AttemptRecord, RequestRecord
from linx.dashboard.details import bodies_of
from linx.upstream.pool import Sending as Asked
from tests.dashboard.records import Sending, record

SECRET = "linx-key-0123456789"
PROVIDER_SECRET = "sk-provider-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\n\r\n"


def redactor() -> Redactor:
    made = Redactor()
    made.add(SECRET, PROVIDER_SECRET)
    return made


def kept_in(one: RequestRecord, body: bytes = b"{}", **headers: str) -> Kept:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    KeptBodies().keep(one, Sending(), "/v1/chat/completions", "", fields, body)
    assert one.kept is not None
    return one.kept


def sent(attempt: AttemptRecord, kept: Kept, target: bytes, headers: Any, body: bytes) -> None:
    kept.note_asked(attempt, Asked(b"POST", target, headers, body), is_stream=False)


def test_all_three_are_shown_as_they_were() -> None:
    one = record(bytes_sent=12)
    body = '{ "model":"m",  "messages": [{"role":"user","content":"é 💡 </script>"}]}'
    kept = kept_in(one, body.encode(), content_type="application/json")
    one.attempts = [AttemptRecord("a", "m", 100.0), AttemptRecord("b", "m2", 100.1)]
    for attempt in reversed(one.attempts):
        sent(attempt, kept, b"/v1/x", ((b"accept", b"*/*"),), b'{"x":1}')
    kept.head = HEAD
    kept.answer += b'{"answer":1}'
    assert bodies_of(one, redactor()) == {
        "client_request": {"headers": [["content-type", "application/json"]], "body": body, "truncated": False},
        "provider_requests": [
            {
                "attempt": place,
                "provider": name,
                "model": model,
                "path": "/v1/x",
                "headers": [["accept", "*/*"]],
                "body": '{"x":1}',
                "truncated": False,
            }
            for place, name, model in ((1, "b", "m2"), (0, "a", "m"))
        ],
        "answer": {
            "status": 200,
            "headers": [["content-type", "application/json"], ["set-cookie", "…"]],
            "body": '{"answer":1}',
            "truncated": False,
        },
    }


def test_nothing_is_shown_of_what_is_not_kept() -> None:
    nothing: dict[str, object] = {"client_request": None, "provider_requests": [], "answer": None}
    one = record()
    assert bodies_of(one, redactor()) == nothing
    kept_in(one)
    assert bodies_of(one, redactor())["answer"] is None  # it has not begun


def test_secrets_are_taken_out_everywhere() -> None:
    one = record(bytes_sent=100)
    body = jsontext.dumps({"a": f"my key is {SECRET}", "b": [PROVIDER_SECRET], "c": "Authorization: Bearer abcdefghij"})
    kept = kept_in(
        one,
        body,
        authorization=f"Bearer {SECRET}",
        x_api_key="unknown-key-1",
        cookie="session=1",
        x_other=f"=={SECRET}",
    )
    attempt = AttemptRecord("a", SECRET, 100.0)
    one.attempts = [attempt]
    headers = ((b"authorization", b"Bearer other-key"), (b"x-goog-api-key", b"goog-key"), (b"api-key", b"azure-key"))
    sent(attempt, kept, f"/v1?key={PROVIDER_SECRET}".encode(), headers, body)
    kept.head = HEAD.replace(b"a=b", SECRET.encode())
    kept.answer += body
    shown = str(bodies_of(one, redactor()))
    for secret in (SECRET, PROVIDER_SECRET, "unknown-key-1", "session=1", "abcdefghij", "other-key", "goog-key"):
        assert secret not in shown
    assert "azure-key" not in shown


@pytest.mark.parametrize("left", [1, 4, 9, len(SECRET) - 1])
def test_the_beginning_of_a_key_where_a_body_was_cut_is_not_shown(left: int) -> None:
    one = record(bytes_sent=10**6)
    body = b"x" * (MAX_BODY - left) + SECRET.encode() + b"y" * 100
    kept = kept_in(one, body)
    kept.head = HEAD
    kept.answer += body[:MAX_BODY]
    shown = bodies_of(one, redactor())
    for part in (shown["client_request"], shown["answer"]):
        assert part["truncated"]
        assert not part["body"].endswith(SECRET[: max(4, left)])
        assert part["body"].startswith("xxx")


def test_no_more_of_an_answer_is_shown_than_the_bound() -> None:
    """The last read is kept whole, or its beginning, so a little more may be there."""
    one = record(bytes_sent=MAX_BODY + 10)
    kept = kept_in(one)
    kept.head = HEAD
    kept.answer += b"x" * (MAX_BODY + 10)
    shown: Any = bodies_of(one, redactor())["answer"]
    assert (len(shown["body"]), shown["truncated"]) == (MAX_BODY, True)


def test_no_field_is_shown_whose_name_says_that_it_holds_a_key() -> None:
    hidden = (
        *("Authorization", "x-api-key", "api-key", "X-Auth-Token", "openai-api-key", "helicone-auth", "Set-Cookie"),
        *("x-amz-security-token", "x-apikey", "proxy-authorization", "X-Client-Secret", "cookie", "x-goog-api-key"),
    )
    shown = ("x-ratelimit-remaining-tokens", "authority", "keep-alive", "x-monkey", "x-tokenizer", "x-key-name")
    one = record()
    kept_in(one).headers = [(name.encode(), b"opaque") for name in (*hidden, *shown)]
    request: Any = bodies_of(one, redactor())["client_request"]
    assert [name for name, value in request["headers"] if value == "opaque"] == list(shown)
