"""What a dialect is: a decoder for a provider's body, an encoder and a face for clients.

Nothing in ``dialects`` does I/O, reads a clock or draws a random number: ids and times enter
as values, so that a transcript replays byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.attempt_errors import AttemptError
    from linx.core.chat import Answer, ChatRequest, Chunk, Dialect, JsonObject, Stamp
    from linx.core.errors import LinxError

MAX_FRAME = 16 * 1024 * 1024  # bytes of one upstream frame; a longer one is Garbled (502)


class Decoder(Protocol):
    """Reads a provider's body, cut anywhere; keeps the beginning of a torn frame.

    ``problem`` is set, once and for good, when the body holds an error or cannot be the
    dialect; the chunks returned by the same call came before it. ``done`` is set when the
    answer is complete by the dialect's own end mark; what follows the mark is ignored.
    """

    problem: AttemptError | None
    done: bool

    def feed(self, data: bytes) -> list[Chunk]: ...

    def end(self) -> list[Chunk]:
        """EOF. Sets ``done`` if the answer may count as whole, else ``problem``."""


class Encoder(Protocol):
    """Writes the streamed body for a client. Each call returns bytes for one send, or b""."""

    def frames(self, chunks: Sequence[Chunk]) -> bytes: ...

    def heartbeat(self) -> bytes: ...

    def error(self, problem: LinxError) -> bytes:
        """The error frame; nothing follows it, and above all no normal end."""

    def end(self) -> bytes: ...


class Face(Protocol):
    """A dialect as clients speak it: their requests, and their answers whole, streamed and failed."""

    name: Dialect
    stream_type: bytes
    """Content-Type of a streamed answer."""
    is_failure_torn: bool
    """Whether a failed stream ends, after its error frame, by a connection that closes in the middle of the body.

    True where widely used clients overlook the error frame; docs/dead-streams.md has what was measured.
    """

    def parse(self, body: JsonObject) -> ChatRequest:
        """Check types and structure of what Linx reads; raises BadRequest."""

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> Encoder: ...

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject: ...

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject: ...

    def status_of(self, problem: LinxError) -> int:
        """The HTTP status of an error answer: ``problem.status``, but for a dialect that has one of its own."""
