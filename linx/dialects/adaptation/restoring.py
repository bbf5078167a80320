"""A decoder whose chunks are changed back to what the client knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.attempt_errors import AttemptError
    from linx.core.chat import Chunk
    from linx.dialects.adaptation.row import Restore
    from linx.dialects.base import Decoder


class RestoringDecoder:
    """See ``base.Decoder``. No splice goes past it, since it must see every chunk."""

    __slots__ = ("_decoder", "_restores", "done", "problem")

    def __init__(self, decoder: Decoder, restores: Sequence[Restore]) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._decoder = decoder
        self._restores = restores

    def feed(self, data: bytes) -> list[Chunk]:
        return self._restored(self._decoder.feed(data))

    def end(self) -> list[Chunk]:
        return self._restored(self._decoder.end())

    def _restored(self, chunks: list[Chunk]) -> list[Chunk]:
        self.problem, self.done = self._decoder.problem, self._decoder.done
        for chunk in chunks:
            for restore in self._restores:
                restore(chunk)
        return chunks
