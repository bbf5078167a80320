"""Sends an answer in one piece: the whole answer is collected, then sent as one JSON text.

The client receives nothing before the end, so after a failure at any time before it the next
candidate can be tried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, Garbled
from linx.core.chat import Answer

if TYPE_CHECKING:
    from linx.core.chat import Chunk
    from linx.handlers.answers.job import Job
    from linx.providers.pace import Pace
    from linx.routing.chunk_reader import ChunkSource
    from linx.routing.race import Race
    from linx.routing.roles import Try

MAX_WHOLE = 64 * 2**20
"""Bytes of a provider's answer that are collected for a client that asked for no stream."""

Write = Callable[["Job", Answer], Awaitable[bytes]]
"""Makes the whole answer. Raises AttemptError if the client's dialect cannot express it."""


async def whole(job: Job, race: Race[Try[ChunkSource]], write: Write | None = None) -> None:
    """Run the race until an attempt has come to its end, and send its answer.

    ``write`` is for what is no text in the client's dialect, or takes so long that other clients must have their turns.
    """
    while True:
        attempt = await race.winner()
        try:
            with attempt:
                job.won(attempt)
                answer = await _collect(job, attempt.reader, attempt.candidate.provider.pace)
                try:
                    if write is None:
                        body = jsontext.dumps(job.face.whole(job.chat, answer, job.stamp()))
                    else:
                        body = await write(job, answer)
                except AttemptError as error:
                    raise _unfit(error) from None
        except AttemptError as error:
            race.lost(error, attempt.candidate)
        else:
            break
    job.record_usage(attempt, answer.usage)
    record = job.record
    record.status = 200
    own_s = record.own_s(job.clock())
    job.context.telemetry.added.add(own_s)
    headers = job.headers(own_s)
    if record.cost_usd is not None:
        headers.append((b"x-linx-cost-usd", f"{record.cost_usd:.9f}".rstrip("0").rstrip(".").encode()))
    await job.reply.whole(200, body, headers=headers)


async def _collect(job: Job, reader: ChunkSource, pace: Pace) -> Answer:
    answer = Answer()
    chunks = reader.first
    is_patient = reader.be_patient()
    began, reads = job.clock(), 0
    while True:
        for chunk in chunks:
            answer.add(chunk)
        if job.stake is not None:
            job.stake.reported = answer.usage
        if reader.received > MAX_WHOLE:
            raise _unfit(Garbled(f"sent an answer of more than {MAX_WHOLE // 2**20} MiB"))
        if reader.is_done:
            if not answer.has_choice_0:
                raise Garbled("sent no choice with the index 0")
            if is_patient:
                pace.was_awaited(job.clock() - began, is_late=reader.is_late)
            else:
                pace.was_read(reads)
            return answer
        reads += 1
        chunks = await _more(job, reader)


async def _more(job: Job, reader: ChunkSource) -> list[Chunk]:
    """The next chunks. The wait for them is counted as the provider's time and not as Linx's own."""
    job.record.wait_begins(job.clock())
    try:
        return await reader.more()
    finally:
        job.record.reads += reader.pieces
        job.record.wait_ends(job.clock())


def _unfit(error: AttemptError) -> AttemptError:
    """``error`` without blame: the provider's server did its work, but its answer cannot be sent."""
    error.blames_provider = False
    return error
