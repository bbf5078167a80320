"""The error answers that the server makes by itself."""

from __future__ import annotations

import json

import pytest

from linx.core.errors import BadRequest, LinxError, Overloaded, Unauthorized
from linx.server.refusal import last_answer, safe_value, status_line, usual_error_answer


@pytest.mark.parametrize("text", ["x" * 5000, '"' * 5000, "\x1b[31m" * 500, "\N{GRINNING FACE}" * 5000])
def test_small_and_ascii_whatever_the_message(text: str) -> None:
    _status, _headers, body = usual_error_answer(BadRequest(text), "abc", b"/")
    assert body.isascii()
    assert len(body) < 2048
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_a_whole_answer() -> None:
    head, _, body = last_answer(Overloaded("full", retry_after_s=0.2), "abc").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 503 Service Unavailable"
    assert {b"x-request-id: abc", b"retry-after: 1", b"connection: close", b"x-content-type-options: nosniff"} < set(
        lines
    )
    assert b"content-length: %d" % len(body) in lines
    assert json.loads(body)["error"]["code"] == "overloaded"


def test_the_fields_of_an_error() -> None:
    assert b"www-authenticate: Bearer\r\n" in last_answer(Unauthorized("no"), "abc")


def test_status_lines() -> None:
    assert status_line(200) == b"HTTP/1.1 200 OK\r\n"
    assert status_line(529) == b"HTTP/1.1 529 \r\n"


def test_values() -> None:
    assert safe_value(b"a b\tc~") == b"a b\tc~"
    assert safe_value(b"a\r\nb\x00\x7f\x80") == b"a??b???"


def test_the_answer_may_be_in_another_dialect() -> None:
    def other(problem: LinxError, request_id: str, target: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        return 529, [(b"request-id", request_id.encode()), (b"x-target", target + b"\r\n")], problem.message.encode()

    answer = last_answer(Overloaded("full"), "abc", other, b"/v1/messages")
    assert answer.startswith(b"HTTP/1.1 529 ")
    assert b"\r\nrequest-id: abc\r\nx-target: /v1/messages??\r\n" in answer
    assert answer.endswith(b"\r\n\r\nfull")
