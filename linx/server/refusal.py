"""Status lines, field values, and the error answers that the server makes by itself.

An endpoint answers in its client's dialect. For a request that never reaches an endpoint, the
server calls ``error_answer``, which is handed in; without one it answers in OpenAI's dialect.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import quote

if TYPE_CHECKING:
    from linx.core.errors import LinxError

_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
VISIBLE = bytes(range(0x20, 0x7F)) + b"\t"
"""The bytes that the value of a header field may have."""
_SAFE = bytes(byte if byte in VISIBLE else ord("?") for byte in range(256))
_MAX_MESSAGE = 900  # characters of an error's text


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def safe_value(value: bytes) -> bytes:
    """The value of a field with every byte that is not visible ASCII, blank or tab replaced by a question mark."""
    return value.translate(_SAFE) if value.translate(None, VISIBLE) else value


ErrorAnswer = Callable[["LinxError", str, bytes], tuple[int, list[tuple[bytes, bytes]], bytes]]
"""Makes status, fields and body of an error answer from the error, the request's id and its target (b"": unknown)."""


NoteUnread = Callable[["LinxError", str, bytes, bytes], None]
"""Told of a request that could not be read and is answered: the error, the id, and method and target, if known."""


def note_nothing(_problem: LinxError, _request_id: str, _method: bytes, _target: bytes) -> None:
    """For a server by itself."""


def usual_error_answer(
    problem: LinxError, request_id: str, _target: bytes
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """An error answer in OpenAI's dialect, for a server without an ``error_answer``; in ASCII, shorter than 2 KiB."""
    message = quote(problem.message, _MAX_MESSAGE).encode("ascii", "replace").decode("ascii")
    body = jsontext.dumps_ascii({"error": {**problem.fields(), "message": message}})
    return problem.status, [(b"x-request-id", request_id.encode()), *problem.answer_headers()], body


def last_answer(
    problem: LinxError, request_id: str, error_answer: ErrorAnswer = usual_error_answer, target: bytes = b""
) -> bytes:
    """The whole answer to a request that could not be read; the connection is closed after it."""
    status, headers, body = error_answer(problem, request_id, target)
    fields = b"".join(b"%b: %b\r\n" % (name, safe_value(value)) for name, value in headers)
    return (
        status_line(status)
        + b"content-type: application/json\r\nx-content-type-options: nosniff\r\n"
        + fields
        + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        + body
    )
