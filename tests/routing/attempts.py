"""One attempt over real sockets, for the tests of what it consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from linx.core.attempt_errors import AttemptError
from linx.core.chat import ChatBody, ChatRequest
from linx.core.redaction import Redactor
from linx.core.telemetry import AttemptRecord, Counters, RequestRecord
from linx.routing.candidate import Candidate
from linx.routing.chat_attempt import chat_attempt
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from linx.core.chat import Chunk
    from linx.providers.provider import Provider
    from linx.routing.attempt import Attempt
    from linx.routing.chunk_reader import ChunkReader
    from linx.upstream.pool import Pool
    from tests.fakes.provider import FakeProvider

KEY = "sk-secret-0123456789abcdef"
BODY: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}


def at(fake: FakeProvider, **config: Any) -> Provider:
    return has(provider("a", kind=fake.kind, **{"endpoint": fake.endpoint, "api_key": KEY, **config}), "m")


def record_at(one: Provider) -> AttemptRecord:
    now = trio.current_time()
    request = RequestRecord("id", 0.0, now, "POST", "/x")
    record = AttemptRecord(one.name, "m", now, request=request, counters=Counters())
    request.attempts.append(record)
    return record


def attempt_at(
    one: Provider, pool: Pool, chat: ChatRequest | None = None, *, is_patient: bool = False, model: str = "m"
) -> Attempt[ChunkReader]:
    redactor = Redactor()
    redactor.add(KEY)
    return chat_attempt(
        Candidate(one, model, is_private=False),
        chat or ChatRequest("asked", ChatBody(BODY)),
        pool,
        record_at(one),
        new_id=lambda: "0123",
        hop=b"hop",
        redactor=redactor,
        is_patient=is_patient,
    )


async def rest(attempt: Attempt[ChunkReader]) -> list[Chunk]:
    """All chunks of an attempt that has begun, read as a handler does it."""
    reader = attempt.reader
    chunks = list(reader.first)
    try:
        while not reader.is_done:
            chunks += await reader.more()
    except AttemptError as error:
        raise attempt.failed(error) from None
    return chunks


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def assert_clean(one: Provider, pool: Pool, *, idle: int) -> None:
    assert one.active == 0
    assert repr(pool) == f"Pool: 0 active, {idle} idle"
