"""Sends an answer as a stream of frames: one send for each read of the provider's answer.

Nothing of a provider's answer reaches the client before the gate, the first meaningful chunk.
After the gate no other provider is tried, and a failure is sent as an error frame. A client
that has received nothing for a while gets heartbeats. The first heartbeat sends the head with
status 200; before the gate other providers can still be tried after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.attempt_errors import AttemptError, RouteExhausted
from linx.core.chat import Dialect
from linx.handlers.heartbeat import JUST_NOW

if TYPE_CHECKING:
    from linx.core.chat import Chunk, Usage
    from linx.core.errors import LinxError
    from linx.handlers.answers.job import Headers, Job
    from linx.routing.chunk_reader import ChunkSource, SplicedReader
    from linx.routing.race import Race
    from linx.routing.roles import Try

TOLD_IN_STREAM = frozenset(((Dialect.RESPONSES, "context_length_exceeded"),))
"""Errors that a client of a dialect understands only where they come inside a stream with status 200, as OpenAI sends
them: Codex shortens a conversation after ``response.failed`` with this code, and takes a 400 for the end of its work
(codex-rs, codex-api/src/api_bridge.rs and sse/responses.rs)."""
WITH_COMMENTS = frozenset((Dialect.OPENAI, Dialect.COMPLETIONS, Dialect.RESPONSES))
"""The dialects whose clients expect comments: OpenRouter fills the time before the first token with them. A comment is
no part of Anthropic's streams, NDJSON has none, and some clients refuse a field that they do not know."""
STREAM_HEADERS = ((b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no"))


async def stream(job: Job, race: Race[Try[ChunkSource]]) -> None:
    """Run the race, and stream the winner's answer."""
    streams = job.context.heartbeats.streams
    answer = StreamedAnswer(job)
    streams.add(answer)
    try:
        try:
            attempt = await race.winner()
        except RouteExhausted as error:
            if (job.face.name, error.code) in TOLD_IN_STREAM:
                answer.start_for(error)
            raise
        with attempt:
            job.won(attempt)
            own_s = job.record.own_s(job.clock())
            job.context.telemetry.added.add(own_s)
            answer.start(own_s)
            usage = await answer.pass_on(attempt.reader)
    finally:
        streams.discard(answer)
    job.record_usage(attempt, usage)


class StreamedAnswer:
    """One streamed answer, from its first heartbeat to its last frame."""

    __slots__ = ("_encoder", "_job", "_reply", "heard_at")

    def __init__(self, job: Job) -> None:
        self.heard_at = job.record.started
        self._job = job
        self._reply = job.reply
        self._encoder = job.face.encoder(job.chat, job.stamp())

    def beat(self) -> None:
        """See ``heartbeat.Stream``."""
        self.start()
        frame = self._encoder.heartbeat()
        place = self._job.record.place_now()
        if frame and place is not None and self._job.face.name in WITH_COMMENTS:
            frame = b": queued, place %d\n\n%b" % (place, frame)
        self._reply.try_send(frame)

    def start(self, own_s: float | None = None) -> None:
        """Begin the answer, unless a heartbeat has begun it."""
        if not self._reply.is_started:
            self._start(self._job.headers(own_s))

    def start_for(self, error: LinxError) -> None:
        """Begin the answer that will consist of an error alone, unless a heartbeat has begun it."""
        if not self._reply.is_started:
            self._start(self._job.error_headers(error))

    def _start(self, headers: Headers) -> None:
        self._job.record.status, self._job.record.is_streamed = 200, True
        self._reply.on_error = self._encoder.error
        self._reply.is_torn_on_error = self._job.face.is_failure_torn
        self._reply.start(200, self._job.face.stream_type, (*STREAM_HEADERS, *headers))

    async def pass_on(self, reader: ChunkSource) -> Usage | None:
        """Send the whole answer; the last frames are sent together with the end of the body."""
        reply, encoder = self._reply, self._encoder
        splice = reader.splice_to(encoder)
        usage: Usage | None = None
        chunks = reader.first
        while True:
            for chunk in chunks:
                if chunk.usage is not None:
                    usage = chunk.usage
                    if self._job.stake is not None:
                        self._job.stake.reported = usage
            try:
                frames = encoder.frames(chunks)
            except AttemptError as error:
                # The client's dialect cannot express the answer. That is no fault of the provider's server.
                error.blames_provider = False
                raise
            if splice is not None:
                splice.learn(chunks, frames)
            if reader.is_done:
                await reply.end(frames + encoder.end())
                return usage
            if frames:
                waiting = reply.send_soon(frames)
                if waiting is not None:
                    frames, chunks = b"", []  # nobody needs them, and the client may stall for minutes
                    await waiting
                self.heard_at = JUST_NOW
            frames, chunks = b"", []  # of one long read, they would stay as long as the splice goes on
            chunks = await (reader.more() if splice is None else self._splice(splice))

    async def _splice(self, splice: SplicedReader) -> list[Chunk]:
        """Pass on reads that need not be decoded. Returns the chunks of the first read that must be decoded."""
        read, try_frame, send_soon = splice.read, splice.try_frame, self._reply.send_soon
        while (frame := try_frame(await read())) is not None:
            if frame:
                waiting = send_soon(frame)
                if waiting is not None:
                    frame = b""  # as above
                    await waiting
                self.heard_at = JUST_NOW
        return splice.decode()
