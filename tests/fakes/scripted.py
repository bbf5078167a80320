"""What the fake provider does with a request: an answer, with or without a fault, or raw bytes.

``Answer`` covers every fault that happens inside a dialect (cut after n frames or n bytes,
an error frame, no end mark …), ``Whole`` every answer of another kind (a status, HTML, an
error inside a 200), ``Raw`` every fault below HTTP. The functions at the end give the usual
ones their names.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from linx.core import jsontext
from tests.fakes import wire_anthropic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

After = Literal["close", "end", "reset", "hang", "error", "garble"]
"""What follows the last frame of a cut answer: a FIN in the middle of the body, a proper end
of the body without the dialect's end, a reset, silence, the dialect's error frame, rubbish."""


@dataclass(frozen=True)
class Call:
    """A tool call; ``arguments`` as an object, or as the exact text (OpenAI kinds only)."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else jsontext.dumps(dict(self.arguments)).decode()


@dataclass(frozen=True)
class Answer:
    """A model's answer, streamed or whole as the request asks."""

    tokens: Sequence[str] = ("Hello", " from", " the", " fake", ".")
    reasoning: Sequence[str] = ()
    calls: Sequence[Call] = ()
    finish: str | None = None
    """The finish reason in the kind's own words; None: the one that fits."""
    first_s: float = 0.0
    """Silence before the first token (the head is sent at once)."""
    head_s: float = 0.0
    """Silence before the head."""
    interval_s: float = 0.0
    prompt_tokens: int = 9
    cached_tokens: int = 0
    written_tokens: int = 0
    """Of the prompt, written to the cache (Anthropic)."""
    cost_usd: float = 0.00042
    cut: int | None = None
    """Only so many frames, counting those with data; then ``after``."""
    cut_bytes: int | None = None
    """Only so many bytes of the body; then ``after``."""
    after: After = "close"
    error: str = "the model crashed"
    error_code: int | str = 500
    done_marks: int = 1
    """How often ``[DONE]`` is sent."""
    stamped: bool = False
    """Each token is the clock's reading when it was sent (``time.monotonic_ns``)."""


@dataclass(frozen=True)
class Whole:
    """Any other response: a status and a body."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    """Empty: no such header."""
    headers: Sequence[tuple[str, str]] = ()
    head_s: float = 0.0
    is_chunked: bool = False
    """Framed by chunks instead of a length; a HEAD is told neither."""


@dataclass(frozen=True)
class Send:
    data: bytes


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Close:
    """A FIN, and the connection is over."""


@dataclass(frozen=True)
class Reset:
    """An RST."""


@dataclass(frozen=True)
class Stall:
    """Nothing more, until the other side gives up."""


@dataclass(frozen=True)
class ReadRequest:
    """Wait for the request. A script that does not start with it may speak before it is asked."""


Step = Send | Sleep | Close | Reset | Stall | ReadRequest


@dataclass(frozen=True)
class Raw:
    """Exactly these bytes and events after the request; the connection ends with the script."""

    steps: Sequence[Step]


Reply = Answer | Whole | Raw


def steps_from(entries: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The steps of a corpus case: ``send_b64``, ``send_z_b64``, ``send_parts``, ``sleep_ms`` …"""
    return [_step(name, value) for entry in entries for name, value in entry.items()]


def _step(name: str, value: Any) -> Step:
    match name:
        case "send_b64":
            return Send(base64.b64decode(value))
        case "send_z_b64":
            return Send(zlib.decompress(base64.b64decode(value)))
        case "send_parts":
            return Send(b"".join(_part(part) for part in value))
        case "sleep_ms":
            return Sleep(value / 1000)
        case "close":
            return Close()
        case "reset":
            return Reset()
        case "stall":
            return Stall()
        case "read_request":
            return ReadRequest()
    raise ValueError(f"no such step: {name}")


def _part(part: Any) -> bytes:
    if isinstance(part, str):
        return base64.b64decode(part)
    return base64.b64decode(part["repeat_b64"]) * int(part["times"])


# --- the usual faults, by name ----------------------------------------------------------


def reset() -> Raw:
    """RST after the request, before a byte of the head."""
    return Raw([Reset()])


def closed() -> Raw:
    """FIN after the request, before a byte of the head."""
    return Raw([Close()])


def hang() -> Raw:
    """The request is taken and never answered."""
    return Raw([Stall()])


def slow_head(interval_s: float = 1.0) -> Raw:
    """A head that comes byte by byte, and then an empty body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
    return Raw([step for byte in head for step in (Sleep(interval_s), Send(bytes([byte])))])


def garbage() -> Raw:
    """Not HTTP at all."""
    return Raw([Send(b"\x16\x03\x01\x00\xa5 this is not HTTP\r\n\r\n"), Close()])


def html(status: int = 200) -> Whole:
    return Whole(status, b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>", "text/html; charset=utf-8")


def status(
    code: int, message: str = "it failed", *, retry_after: str | None = None, body: bytes | None = None, **extra: Any
) -> Whole:
    """An error answer in OpenAI's shape (``extra`` goes into the error), or with ``body`` as it is."""
    if body is None:
        body = jsontext.dumps({"error": {"message": message, "type": "server_error", "code": code, **extra}})
    return Whole(code, body, headers=[("Retry-After", retry_after)] if retry_after else [])


def ollama_status(code: int, message: str) -> Whole:
    return Whole(code, jsontext.dumps({"error": message}), "application/json; charset=utf-8")


def anthropic_status(code: int, message: str, *, kind: str | None = None, retry_after: str | None = None) -> Whole:
    """An error answer in Anthropic's shape; ``kind`` is its type where the status does not tell."""
    headers = [("request-id", wire_anthropic.REQUEST_ID), *([("retry-after", retry_after)] if retry_after else [])]
    return Whole(code, jsontext.dumps(wire_anthropic.error_body(code, message, kind)), headers=headers)


def error_in_200(message: str = "it failed", code: int | str = 500) -> Whole:
    return Whole(200, jsontext.dumps({"error": {"message": message, "code": code}}))


def error_first(message: str = "the model crashed", code: int | str = 500) -> Answer:
    """A stream whose first event is an error."""
    return Answer(cut=0, after="error", error=message, error_code=code)


def error_after(frames: int, answer: Answer | None = None, message: str = "the model crashed") -> Answer:
    return replace(answer or Answer(), cut=frames, after="error", error=message)


def runner_killed(frames: int, answer: Answer | None = None) -> Answer:
    """Ollama's llama-server is gone in the middle of an answer."""
    return error_after(frames, answer, "an error was encountered while running the model: unexpected EOF")


def cut_after(frames: int, after: After = "close", answer: Answer | None = None) -> Answer:
    return replace(answer or Answer(), cut=frames, after=after)


def torn(at_byte: int, after: After = "close", answer: Answer | None = None) -> Answer:
    return replace(answer or Answer(), cut_bytes=at_byte, after=after)


def empty_stream() -> Answer:
    """A 200 and a stream that ends properly without one event."""
    return Answer(cut=0, after="end")


def role_only() -> Answer:
    """The role chunk (OpenAI kinds), and then the end of the body."""
    return Answer(cut=1, after="end")


def no_done() -> Answer:
    return Answer(done_marks=0)


def done_twice() -> Answer:
    return Answer(done_marks=2)
