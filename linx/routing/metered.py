"""Counts what a provider streams, for an attempt of which a budget has to know what it cost even if it is cut short.

Only attempts that hold a part of a budget read through this; all others read the exchange itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from linx.dialects.shared.tokens import BYTES_PER_TOKEN
from linx.http1.transport import READ_SIZE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from linx.core.telemetry import Meter

LEAST_FRAME = 40
"""Bytes of the shortest frame that can hold a token; shorter ones are comments, pings and the mark of the end."""


class Source(Protocol):
    """The part of an exchange that readers use."""

    @property
    def is_whole(self) -> bool: ...

    def header(self, name: str) -> str | None: ...

    @property
    def is_late(self) -> bool: ...

    def be_patient(self) -> bool: ...

    def read(self, limit: int = READ_SIZE) -> Coroutine[None, None, bytes]: ...


class StreamMeter:
    """The size of what came. A frame has a token at least, and what it is longer than the shortest frame is text."""

    __slots__ = ("_end", "_frames", "_open", "_shortest", "_size")

    def __init__(self) -> None:
        self._end = b""  # of a frame; empty before the first bytes
        self._open = 0  # bytes of a frame that has not ended
        self._frames = self._size = self._shortest = 0

    def count(self, data: bytes) -> None:
        data = data.replace(b"\r", b"")
        self._end = self._end or (b"\n" if data[:1] == b"{" else b"\n\n" if data else b"")
        if not data:
            return
        rest, *frames = data.split(self._end)
        self._open += len(rest)
        for following in frames:
            self._ended(self._open)
            self._open = len(following)

    @property
    def tokens(self) -> int:
        """An estimate of the tokens of the answer so far."""
        return self._frames + (self._size - self._frames * self._shortest) // BYTES_PER_TOKEN

    def _ended(self, size: int) -> None:
        if size < LEAST_FRAME:
            return
        self._frames += 1
        self._size += size
        if not self._shortest or size < self._shortest:
            self._shortest = size


class Metered:
    """An exchange whose reads are counted."""

    __slots__ = ("_meter", "_source")

    def __init__(self, source: Source, meter: Meter) -> None:
        self._source = source
        self._meter = meter

    @property
    def is_whole(self) -> bool:
        return self._source.is_whole

    @property
    def is_late(self) -> bool:
        return self._source.is_late

    def be_patient(self) -> bool:
        return self._source.be_patient()

    def header(self, name: str) -> str | None:
        return self._source.header(name)

    async def read(self, limit: int = READ_SIZE) -> bytes:
        data = await self._source.read(limit)
        self._meter.count(data)
        return data
