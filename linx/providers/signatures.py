"""The signatures of a provider's tool calls, kept while their conversation may go on. In memory alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.dialects.openai.signatures import Signed

KEPT = 2048  # calls; a signature has some kilobytes
KEPT_S = 24 * 3600.0  # for how long; a later turn gets on without


class Signatures:
    """By the id of the call, the oldest first. Times are the pool's clock's."""

    __slots__ = ("_signed", "_since")

    def __init__(self) -> None:
        self._signed: dict[str, Signed] = {}
        self._since: dict[str, float] = {}

    def keep(self, call_id: str, signed: Signed, now: float) -> None:
        self._forget(call_id)  # so that it becomes the youngest
        if len(self._signed) >= KEPT:
            self._forget(next(iter(self._since)))
        self._signed[call_id], self._since[call_id] = signed, now

    def known(self, now: float) -> Mapping[str, Signed] | None:
        """All that are young enough; None if there are none."""
        if not self._signed:
            return None
        while self._since and self._since[oldest := next(iter(self._since))] < now - KEPT_S:
            self._forget(oldest)
        return self._signed or None

    def _forget(self, call_id: str) -> None:
        self._signed.pop(call_id, None)
        self._since.pop(call_id, None)
