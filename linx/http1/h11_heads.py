"""Heads of requests and responses as h11 reads them. This is the only file that imports h11.

The rule: only h11's parser for heads is used, which is below h11's public interface. The
public interface adds a state machine that costs as much time as the parser and has no
further rule for a head. Private names of h11 may change with each version, so the version is
pinned; ``tests/http1/test_h11_heads.py`` compares this file with h11's public interface, and
must pass before the pin is raised.

The bytes must be one whole head with its blank line, and nothing more.
"""

from __future__ import annotations

import h11
import msgspec
from h11._connection import _body_framing
from h11._readers import maybe_read_from_IDLE_client, maybe_read_from_SEND_RESPONSE_server
from h11._receivebuffer import ReceiveBuffer

Fields = list[tuple[bytes, bytes]]


# Structs of msgspec, since making a frozen dataclass takes 2 µs, and making one of these 0.15 µs.
class ParsedRequest(msgspec.Struct, frozen=True, gc=False):
    """A request head. The names of ``fields`` are in lower case, and so is the value of Transfer-Encoding."""

    method: bytes
    target: bytes
    http_version: bytes
    """``1.1`` or ``1.0``."""
    fields: Fields
    is_chunked: bool
    content_length: int
    """0 if no body is announced, or if the body is chunked."""


class ParsedResponse(msgspec.Struct, frozen=True, gc=False):
    """A response head; see ParsedRequest. The caller decides how the body is framed, by stricter rules than h11's."""

    status: int
    http_version: bytes
    fields: Fields


class HeadRefused(Exception):
    """For h11 the bytes are not one whole head. The text says why, and repeats none of the bytes."""


def read_request(head: bytes) -> ParsedRequest:
    """The head of a request. Raises HeadRefused."""
    reader = ReceiveBuffer()
    reader += head
    try:
        event = maybe_read_from_IDLE_client(reader)
    except h11.ProtocolError as error:
        raise HeadRefused(_reason(error)) from None
    if event is None or reader:
        raise HeadRefused("the head ends at another place")
    framing, numbers = _body_framing(event.method, event)
    return ParsedRequest(
        event.method,
        event.target,
        event.http_version,
        _fields(event),
        framing == "chunked",
        numbers[0] if numbers else 0,
    )


def read_response(head: bytes) -> ParsedResponse:
    """The head of a final response, whose status is 200 or more. Raises HeadRefused."""
    reader = ReceiveBuffer()
    reader += head
    try:
        event = maybe_read_from_SEND_RESPONSE_server(reader)
    except h11.ProtocolError as error:
        raise HeadRefused(_reason(error)) from None
    if event is None or reader:
        raise HeadRefused("the head ends at another place")
    if not isinstance(event, h11.Response):
        raise HeadRefused("the response is an interim response")
    return ParsedResponse(event.status_code, event.http_version, _fields(event))


def _fields(event: h11.Request | h11.Response) -> Fields:
    # h11's public iteration calls a Python method for each field, which takes three times as long.
    items = event.headers._full_items  # noqa: SLF001 - see above; the test holds it against the public iteration
    return [(name, value) for _raw, name, value in items]


def _reason(error: h11.ProtocolError) -> str:
    """The part of h11's message before the colon. What follows the colon repeats bytes of the head."""
    return str(error).partition(":")[0]
