"""Heads of requests and responses as h11 reads them: the one file that names h11.

The rule: h11 is asked below its public interface, for a head alone. Its state machine costs
twice what its parser does and adds no rule there. What is private in h11 may change with
each version, so the version is pinned; ``tests/http1/test_h11_heads.py`` holds this file
against h11's public interface, and to raise the pin is to change this file until it passes.

The bytes must be one whole head, its blank line included, and nothing more.
"""

from __future__ import annotations

import h11
import msgspec
from h11._connection import _body_framing
from h11._readers import maybe_read_from_IDLE_client, maybe_read_from_SEND_RESPONSE_server
from h11._receivebuffer import ReceiveBuffer

Fields = list[tuple[bytes, bytes]]


# Values of msgspec and no dataclasses: a frozen one of those takes 2 µs to make, each of these 0.15 µs.
class ParsedRequest(msgspec.Struct, frozen=True, gc=False):
    """The names of ``fields`` are in lower case, and so is the value of Transfer-Encoding."""

    method: bytes
    target: bytes
    http_version: bytes
    """``1.1`` or ``1.0``, as h11 writes it."""
    fields: Fields
    is_chunked: bool
    content_length: int
    """0 where no body is announced, or a chunked one."""


class ParsedResponse(msgspec.Struct, frozen=True, gc=False):
    """See ParsedRequest. How the body is framed is left to the caller, whose rules are stricter than h11's."""

    status: int
    http_version: bytes
    fields: Fields


class HeadRefused(Exception):
    """h11 does not take the bytes for one whole head. The text says why, and repeats none of the bytes."""


def read_request(head: bytes) -> ParsedRequest:
    """The head of a request. Raises HeadRefused."""
    reader = ReceiveBuffer()
    reader += head
    try:
        event = maybe_read_from_IDLE_client(reader)
    except h11.ProtocolError as error:
        raise HeadRefused(_reason(error)) from None
    if event is None or reader:
        raise HeadRefused("it ends elsewhere")
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
        raise HeadRefused("it ends elsewhere")
    if not isinstance(event, h11.Response):
        raise HeadRefused("it is an interim response")
    return ParsedResponse(event.status_code, event.http_version, _fields(event))


def _fields(event: h11.Request | h11.Response) -> Fields:
    # The public iteration makes each pair by a call of a method in Python, which costs three times as much.
    items = event.headers._full_items  # noqa: SLF001 - see above; the test holds it against the public iteration
    return [(name, value) for _raw, name, value in items]


def _reason(error: h11.ProtocolError) -> str:
    """The part of h11's message before the colon: what follows repeats the other side's bytes."""
    return str(error).partition(":")[0]
