"""Several attempts at one candidate, one after the other, that act like one attempt.

It is for providers that take one prompt at a time, when a client sent many. The gate of the
series is the gate of its first part. After it, the failure of any part is a failure of the
whole series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from linx.core.attempt_errors import AttemptError
from linx.core.chat import Chunk, Usage, total

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from linx.core.chat import ChatRequest
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Encoder
    from linx.routing.attempt import Attempt
    from linx.routing.candidate import Candidate
    from linx.routing.chunk_reader import ChunkReader, SplicedReader


@dataclass(frozen=True, slots=True)
class Part:
    """One request of the series. Its first choice is choice number ``index`` of the whole answer.

    ``leads`` are prompts to be repeated before their answers (``echo``), with the index of
    the choice of each.
    """

    chat: ChatRequest
    index: int = 0
    leads: tuple[tuple[int, str], ...] = ()


class Series:
    """See ``attempt.Try``. ``ask`` makes the attempt for a part; ``record`` is the record of the whole series."""

    __slots__ = ("_clock", "candidate", "reader", "record")

    def __init__(
        self,
        candidate: Candidate,
        record: AttemptRecord,
        clock: Callable[[], float],
        parts: Sequence[Part],
        ask: Callable[[ChatRequest], Attempt[ChunkReader]],
    ) -> None:
        self.candidate = candidate
        self.record = record
        self.reader = PartsReader(parts, ask)
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Series {self.reader.attempt!r}>"

    @property
    def asked_at(self) -> float | None:
        """When the part that runs now got its place at the provider."""
        return self.reader.attempt.asked_at

    async def begin(self, timeout_s: float | None = None) -> None:
        try:
            await self.reader.begin(timeout_s)
        except AttemptError as error:
            raise self.failed(error) from None
        except BaseException:
            self.close()
            raise
        self.record.adapted = self.reader.attempt.record.adapted
        if self.record.stake is not None:
            self.record.stake.is_sent = True  # the records of the parts hold none

    def finish(self) -> None:
        self.reader.attempt.finish()
        self.record.end("ok", self._clock())

    def failed(self, error: AttemptError) -> AttemptError:
        error = self.reader.attempt.failed(error)
        self.record.adapted = self.reader.attempt.record.adapted
        self.record.end(error.outcome, self._clock())
        return error

    def close(self, outcome: str = "lost") -> None:
        self.reader.attempt.close(outcome)
        self.record.end(outcome, self._clock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, AttemptError):
            self.failed(error)
        else:
            self.close()


class PartsReader:
    """See ``chunk_reader.ChunkSource``. Numbers the choices over all parts, and adds up the token counts."""

    __slots__ = ("_ask", "_part", "_rest", "_usage", "_usage_before", "attempt", "first", "is_done", "received")

    def __init__(self, parts: Sequence[Part], ask: Callable[[ChatRequest], Attempt[ChunkReader]]) -> None:
        self.first: list[Chunk] = []
        self.is_done = False
        self.received = 0
        self.attempt = ask(parts[0].chat)
        """The attempt that runs now."""
        self._ask = ask
        self._part = parts[0]
        self._rest = list(parts[1:])
        self._usage: Usage | None = None  # the last usage of the present part
        self._usage_before = Usage()  # the sum of the usages of all earlier parts

    async def begin(self, timeout_s: float | None) -> None:
        self.first = await self._begin_part(timeout_s)

    async def more(self) -> list[Chunk]:
        if self.is_done:
            return []
        reader = self.attempt.reader
        if reader.is_done:
            return await self._next_part()
        before = reader.received
        chunks = await reader.more()
        self.received += reader.received - before
        return self._numbered(chunks)

    @property
    def pieces(self) -> int:
        return self.attempt.reader.pieces

    @property
    def is_late(self) -> bool:
        return self.attempt.reader.is_late

    def be_patient(self) -> bool:
        """Never: each part has a connection of its own."""
        return False

    def splice_to(self, _encoder: Encoder) -> SplicedReader | None:
        """Never possible, since the numbers of the choices are changed."""
        return None

    async def _next_part(self) -> list[Chunk]:
        self.attempt.finish()
        self._part = self._rest.pop(0)
        self.attempt = self._ask(self._part.chat)
        if self._usage is not None:
            self._usage_before, self._usage = total([self._usage_before, self._usage]), None
        return await self._begin_part(None)

    async def _begin_part(self, timeout_s: float | None) -> list[Chunk]:
        await self.attempt.begin(timeout_s)
        leads = [Chunk(text=lead, index=index) for index, lead in self._part.leads]
        return leads + self._numbered(self.attempt.reader.first)

    def _numbered(self, chunks: list[Chunk]) -> list[Chunk]:
        self.is_done = self.attempt.reader.is_done and not self._rest
        is_alone = not self._part.index and not self._rest
        for chunk in chunks:
            chunk.index += self._part.index
            if chunk.usage is not None:
                self._usage = chunk.usage
                if not is_alone:
                    chunk.usage = total([self._usage_before, self._usage])
        return chunks
