"""An answer as a stream of frames: one send for each read of the provider's answer.

Nothing of a provider reaches the client before the gate, the first meaningful chunk. From
there on no other provider is tried: a failure goes out as an error frame. While the client
has heard nothing for a while it gets heartbeats; they spend the status code and nothing
else, so before the gate fallback goes on behind them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import AttemptError
from linx.handlers.heartbeat import JUST_NOW

if TYPE_CHECKING:
    from linx.core.chat import Chunk, Usage
    from linx.handlers.answers.job import Job
    from linx.routing.attempt import Try
    from linx.routing.chunk_reader import ChunkSource, SplicedReader
    from linx.routing.race import Race

STREAM_HEADERS = ((b"cache-control", b"no-cache, no-transform"), (b"x-accel-buffering", b"no"))


async def stream(job: Job, race: Race[Try[ChunkSource]]) -> None:
    """Run the race and stream what its winner says."""
    streams = job.context.heartbeats.streams
    answer = StreamedAnswer(job)
    streams.add(answer)
    try:
        attempt = await race.winner()
        with attempt:
            job.won(attempt)
            own_s = job.record.own_s(job.clock())
            job.context.telemetry.added.add(own_s)
            answer.start(own_s)
            usage = await answer.pass_on(attempt.reader)
    finally:
        streams.discard(answer)
    job.used(attempt, usage)


class StreamedAnswer:
    """One streamed answer, from its first heartbeat to its last frame."""

    __slots__ = ("_encoder", "_job", "_reply", "heard_at")

    def __init__(self, job: Job) -> None:
        self.heard_at = job.record.started
        self._job = job
        self._reply = job.reply
        self._encoder = job.face.encoder(job.chat, job.stamp())

    def beat(self) -> None:
        """A keep-alive, now."""
        self.start()
        self._reply.try_send(self._encoder.heartbeat())

    def start(self, own_s: float | None = None) -> None:
        """Begin the answer, unless a heartbeat has."""
        job, reply = self._job, self._reply
        if not reply.is_started:
            job.record.status = 200
            reply.on_error = self._encoder.error
            reply.start(200, job.face.stream_type, (*STREAM_HEADERS, *job.headers(own_s)))

    async def pass_on(self, reader: ChunkSource) -> Usage | None:
        """All of the answer, to its end; the last frames and the end of the body go together."""
        reply, encoder = self._reply, self._encoder
        splice = reader.splice_to(encoder)
        usage: Usage | None = None
        chunks = reader.first
        while True:
            for chunk in chunks:
                if chunk.usage is not None:
                    usage = chunk.usage
            try:
                frames = encoder.frames(chunks)
            except AttemptError as error:
                # The answer cannot be said in the client's dialect: the model's fault, not the server's.
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
                    await waiting
                self.heard_at = JUST_NOW
            chunks = await (reader.more() if splice is None else self._splice(splice))

    async def _splice(self, splice: SplicedReader) -> list[Chunk]:
        """Pass on what need not be decoded; the chunks of the first read that must be."""
        read, try_frame, send_soon = splice.read, splice.try_frame, self._reply.send_soon
        while (frame := try_frame(await read())) is not None:
            if frame:
                waiting = send_soon(frame)
                if waiting is not None:
                    await waiting
                self.heard_at = JUST_NOW
        return splice.decode()
