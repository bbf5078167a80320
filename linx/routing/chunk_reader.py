"""Reads an answer as chunks: first up to the first meaningful chunk, which opens the gate, then the rest.

An error is raised unchanged; the attempt that uses the reader adds the provider's name and
counts the failure.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from linx.core.attempt_errors import EmptyAnswer, Garbled
from linx.http1.transport import READ_SIZE
from linx.routing.short_ways import gathering_for, splice_between
from linx.upstream.connection import SHORT_READ

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from linx.core.chat import Chunk
    from linx.dialects.base import Decoder, Encoder
    from linx.dialects.openai.gathering import Gathering
    from linx.dialects.openai.splice import Splice
    from linx.routing.metered import Source
    from linx.routing.roles import Timed


MAX_FIRST = 256
"""Chunks without meaning that are kept for a client, in case the gate opens: a role, the usage so far."""
MAX_FIRST_BYTES = 64 * 1024  # bytes of the answer in which they are kept
DECODED_READ = 16 * 1024
MANY = 8
"""If a read brought more than MANY chunks, the next one takes DECODED_READ bytes at most: to decode 64 KB of small
frames holds up all other clients for milliseconds, and that for each stream whose provider is so fast."""
MAX_BEFORE = 64 * 1024 * 1024  # bytes before the gate; a day of hidden thoughts and heartbeats is less


class ChunkSource(Protocol):
    """An answer that has passed its gate: ``first``, then the chunks that ``more`` returns until ``is_done``."""

    first: list[Chunk]
    is_done: bool
    received: int
    """Bytes of the answer that were read after the first chunks."""

    @property
    def pieces(self) -> int:
        """Frames, or chunks, that the last read brought."""

    @property
    def is_late(self) -> bool:
        """See ``Response``."""

    def be_patient(self) -> bool:
        """Nobody waits for the single chunk: see ``Response``. Returns whether reads are patient now."""

    async def more(self) -> list[Chunk]:
        """Read once, and return the chunks that are complete, perhaps none. Raises AttemptError."""

    def splice_to(self, encoder: Encoder) -> SplicedReader | None:
        """A reader with a faster way to what ``encoder`` writes; None if there is no such way."""


class ChunkReader:
    """See ``ChunkSource``, and ``attempt.Reader``. ``look_at`` gets all chunks before anybody else, and may change
    them. ``has_one_choice``: only choice 0 was asked for, so no other choice opens the gate: most clients read no
    other, and would be given an empty answer."""

    __slots__ = (
        "_decoder", "_exchange", "_gathering", "_has_one_choice", "_limit", "_look_at", "_new_decoder", "first",
        "is_done", "pieces", "received",
    )  # fmt: skip

    _decoder: Decoder  # from ``gate`` on

    def __init__(
        self,
        new_decoder: Callable[[], Decoder],
        look_at: Callable[[Sequence[Chunk]], None] | None = None,
        *,
        has_one_choice: bool = False,
    ) -> None:
        self._has_one_choice = has_one_choice
        self.first: list[Chunk] = []
        self.is_done = False
        self.received = 0
        self.pieces = 0
        self._gathering: Gathering | None = None
        self._new_decoder = new_decoder
        self._look_at = look_at
        self._limit = DECODED_READ
        self._exchange: Source | None = None  # None until the head of the answer has come

    async def gate(self, exchange: Source, timed: Timed) -> None:
        self._exchange = exchange
        self.first = []  # of an answer before, which was an error and is asked for anew
        decoder = self._decoder = self._new_decoder()
        seen = 0
        while True:
            data = await timed(exchange.read(SHORT_READ))
            chunks = decoder.feed(data) if data else decoder.end()
            if self._look_at is not None:
                self._look_at(chunks)
            seen += len(data)
            if len(self.first) < MAX_FIRST and seen <= MAX_FIRST_BYTES:
                self.first += chunks
            else:
                # Of a long way to the gate (hidden thoughts, an empty frame for each) only the beginning is kept.
                self.first += [chunk for chunk in chunks if chunk.is_meaningful or chunk.finish is not None]
            if any(chunk.is_meaningful and not (chunk.index and self._has_one_choice) for chunk in chunks):
                break
            if decoder.problem is not None:
                raise decoder.problem
            if decoder.done or not data:
                if any(chunk.is_meaningful for chunk in self.first):
                    raise Garbled("sent no choice with the index 0")
                raise EmptyAnswer("ended its answer without saying anything")
            if seen > MAX_BEFORE:
                raise Garbled(f"sent {MAX_BEFORE >> 20} MiB without anything meaningful")
        self.is_done = decoder.done

    async def more(self) -> list[Chunk]:
        return [] if self.is_done else self.decode(await self.read(self._limit))

    @property
    def is_late(self) -> bool:
        return self._exchange is not None and self._exchange.is_late

    def be_patient(self) -> bool:
        if self._exchange is None or self.is_done or not self._exchange.be_patient():
            return False
        self._gathering = gathering_for(self._decoder)
        self._limit = READ_SIZE
        return True

    def read(self, limit: int = READ_SIZE) -> Coroutine[None, None, bytes]:
        """The next bytes, for ``decode``. Raises the error with which the bytes before ended, if there was one."""
        if self._decoder.problem is not None:
            raise self._decoder.problem
        assert self._exchange is not None
        return self._exchange.read(limit)

    def decode(self, data: bytes) -> list[Chunk]:
        """The chunks that ``data`` completes. If an error follows them in ``data``, the next ``read`` raises it."""
        decoder, gathering = self._decoder, self._gathering
        self.received += len(data)
        if gathering is None:
            chunks = decoder.feed(data) if data else decoder.end()
            self.pieces = len(chunks)
        else:
            chunks = self._gathered(gathering, data)
        if decoder.problem is not None and not chunks:
            raise decoder.problem
        if self._look_at is not None:
            self._look_at(chunks)
        self.is_done = decoder.done
        # A read that waits until it is full is one wake, so it is a long one.
        self._limit = DECODED_READ if len(chunks) > MANY and gathering is None else READ_SIZE
        return chunks

    def _gathered(self, gathering: Gathering, data: bytes) -> list[Chunk]:
        decoder = self._decoder
        if not data:
            kept = gathering.flush()
            return (decoder.feed(kept) if kept else []) + decoder.end()
        chunks: list[Chunk] = []
        self.pieces = 0
        for part in gathering.samples(data):
            part = gathering.join(part)
            some = decoder.feed(part) if part else []
            self.pieces += len(some) + gathering.joined
            gathering.learn(part, some)
            chunks += some
            if decoder.problem is not None:
                break
        return chunks

    def splice_to(self, encoder: Encoder) -> SplicedReader | None:
        splice = splice_between(self._decoder, encoder)
        return None if splice is None else SplicedReader(self, splice)


class SplicedReader:
    """A reader that can pass frames on without decoding them, if they differ from the last frame in their text only.

    Call ``try_frame`` with each read. If it returns None, call ``decode``, encode the chunks,
    and call ``learn`` with chunks and frames.
    """

    __slots__ = ("_reader", "_splice", "learn", "read", "try_frame")

    def __init__(self, reader: ChunkReader, splice: Splice) -> None:
        # Of frames that become longer, fewer are read at once: a client that takes nothing holds them all in memory.
        self.read = partial(reader.read, DECODED_READ) if splice.is_growing else reader.read
        self.try_frame = splice.try_frame
        self.learn = splice.learn
        self._reader = reader
        self._splice = splice

    def decode(self) -> list[Chunk]:
        return self._reader.decode(self._splice.data)
