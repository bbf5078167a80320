"""Reads an answer as chunks: those up to the first meaningful one, which opens the gate, and then the rest.

An error is raised as it comes: whoever reads hands it to the attempt, which names its provider
and counts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from linx.core.errors import EmptyAnswer
from linx.dialects.openai.splice import Splice, splice_between

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from linx.core.chat import Chunk
    from linx.dialects.base import Decoder, Encoder
    from linx.routing.attempt import Timed
    from linx.upstream.pool import Exchange


class ChunkSource(Protocol):
    """An answer behind its gate. ``first`` and then what ``more`` gives, until ``is_done``, is all of it."""

    first: list[Chunk]
    is_done: bool
    received: int
    """Bytes of the answer since its first chunks."""

    async def more(self) -> list[Chunk]:
        """The next chunks, perhaps none yet. Raises AttemptError."""

    def splice_to(self, encoder: Encoder) -> SplicedReader | None:
        """A faster way to read, where there is one to what ``encoder`` writes."""


class ChunkReader:
    """See ``ChunkSource``, and ``attempt.Reader``."""

    __slots__ = ("_decoder", "_exchange", "_new_decoder", "first", "is_done", "received")

    _decoder: Decoder  # from ``gate`` on

    def __init__(self, new_decoder: Callable[[], Decoder]) -> None:
        self.first: list[Chunk] = []
        self.is_done = False
        self.received = 0
        self._new_decoder = new_decoder
        self._exchange: Exchange | None = None  # until there is an answer

    async def gate(self, exchange: Exchange, timed: Timed) -> None:
        self._exchange = exchange
        decoder = self._decoder = self._new_decoder()
        while True:
            data = await timed(exchange.read())
            chunks = decoder.feed(data) if data else decoder.end()
            self.first += chunks
            if any(chunk.is_meaningful for chunk in chunks):
                break
            if decoder.problem is not None:
                raise decoder.problem
            if decoder.done or not data:
                raise EmptyAnswer("ended its answer without saying anything")
        self.is_done = decoder.done

    async def more(self) -> list[Chunk]:
        return [] if self.is_done else self.decode(await self.read())

    def read(self) -> Coroutine[None, None, bytes]:
        """The next bytes, for ``decode``. Raises what the bytes before them ended with."""
        if self._decoder.problem is not None:
            raise self._decoder.problem
        assert self._exchange is not None
        return self._exchange.read()

    def decode(self, data: bytes) -> list[Chunk]:
        """The chunks that ``data`` completes. An error that came with some is raised by the next ``read``."""
        decoder = self._decoder
        self.received += len(data)
        chunks = decoder.feed(data) if data else decoder.end()
        if decoder.problem is not None and not chunks:
            raise decoder.problem
        self.is_done = decoder.done
        return chunks

    def splice_to(self, encoder: Encoder) -> SplicedReader | None:
        splice = splice_between(self._decoder, encoder)
        return None if splice is None else SplicedReader(self, splice)


class SplicedReader:
    """A reader with a way past decoder and encoder, for reads that are the last frame with other texts.

    For each read ``try_frame``; where that gives None, ``decode`` what was read, write the
    frames, and let the splice ``learn`` from them.
    """

    __slots__ = ("_reader", "_splice", "learn", "read", "try_frame")

    def __init__(self, reader: ChunkReader, splice: Splice) -> None:
        self.read = reader.read
        self.try_frame = splice.try_frame
        self.learn = splice.learn
        self._reader = reader
        self._splice = splice

    def decode(self) -> list[Chunk]:
        return self._reader.decode(self._splice.data)
