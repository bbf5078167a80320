"""An answer in one piece: everything is collected, and goes out as one JSON text.

Its client has seen nothing before the end, so a failure anywhere before it falls over to
the next candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.chat import Answer, JsonObject
from linx.core.errors import AttemptError, Garbled

if TYPE_CHECKING:
    from linx.core.chat import Chunk
    from linx.handlers.answers.job import Job
    from linx.routing.attempt import Try
    from linx.routing.chunk_reader import ChunkSource
    from linx.routing.race import Race

MAX_WHOLE = 64 * 2**20
"""Bytes of a provider's answer that are collected for a client that asked for no stream."""

Fold = Callable[["Job", Answer], JsonObject]
"""Makes a whole answer. Raises AttemptError where the client's dialect cannot carry it."""


def fold_by_face(job: Job, answer: Answer) -> JsonObject:
    """As the client's dialect has it."""
    return job.face.whole(job.chat, answer, job.stamp())


async def whole(job: Job, race: Race[Try[ChunkSource]], fold: Fold = fold_by_face) -> None:
    """Run the race until one attempt has come to its end, and send what it said."""
    while True:
        attempt = await race.winner()
        try:
            with attempt:
                job.won(attempt)
                answer = await _collect(job, attempt.reader)
                body = _written(job, answer, fold)
        except AttemptError as error:
            race.lost(error, attempt.candidate)
        else:
            break
    job.used(attempt, answer.usage)
    record = job.record
    record.status = 200
    own_s = record.own_s(job.clock())
    job.context.telemetry.added.add(own_s)
    headers = job.headers(own_s)
    if record.cost_usd is not None:
        headers.append((b"x-linx-cost-usd", f"{record.cost_usd:.9f}".rstrip("0").rstrip(".").encode()))
    await job.reply.whole(200, body, headers=headers)


async def _collect(job: Job, reader: ChunkSource) -> Answer:
    answer = Answer()
    chunks = reader.first
    while True:
        for chunk in chunks:
            answer.add(chunk)
        if reader.received > MAX_WHOLE:
            raise _unfit(Garbled(f"sent an answer of more than {MAX_WHOLE // 2**20} MiB"))
        if reader.is_done:
            return answer
        chunks = await _more(job, reader)


async def _more(job: Job, reader: ChunkSource) -> list[Chunk]:
    """The provider's time, which is not Linx's own."""
    job.record.wait_begins(job.clock())
    try:
        return await reader.more()
    finally:
        job.record.wait_ends(job.clock())


def _written(job: Job, answer: Answer, fold: Fold) -> bytes:
    try:
        return jsontext.dumps(fold(job, answer))
    except AttemptError as error:
        raise _unfit(error) from None


def _unfit(error: AttemptError) -> AttemptError:
    """The answer came, and cannot be told: the model's fault and not the server's."""
    error.blames_provider = False
    return error
