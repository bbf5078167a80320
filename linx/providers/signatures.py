"""The signatures of a provider's tool calls, kept while their conversation may go on. In memory alone.

Rule: a signature belongs to one conversation. Some servers number their calls anew in each answer, so an id that two
answers have names no call, and nothing is given back for it: it might be another client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.dialects.openai.signatures import Signed

KEPT = 2048  # calls; a signature has some kilobytes
KEPT_S = 24 * 3600.0  # for how long; a later turn gets on without


class Signatures:
    """By the id of the call, the oldest first. Times are the pool's clock's."""

    __slots__ = ("_answers", "_signed", "_since")

    def __init__(self) -> None:
        self._signed: dict[str, Signed | None] = {}  # None: several answers have the id
        self._since: dict[str, float] = {}
        self._answers: dict[str, object] = {}

    def keep(self, call_id: str, signed: Signed, now: float, answer: object) -> None:
        """``answer``: the same object for all signatures of one answer. The last one of a call counts."""
        is_anothers = self._answers.get(call_id, answer) is not answer
        kept = None if is_anothers or self._signed.get(call_id, signed) is None else signed
        self._forget(call_id)  # so that it becomes the youngest
        if len(self._signed) >= KEPT:
            self._forget(next(iter(self._since)))
        self._signed[call_id], self._since[call_id], self._answers[call_id] = kept, now, answer

    def known(self, now: float) -> Mapping[str, Signed | None] | None:
        """All that are young enough; None if there are none."""
        if not self._signed:
            return None
        while self._since and self._since[oldest := next(iter(self._since))] < now - KEPT_S:
            self._forget(oldest)
        return self._signed or None

    def _forget(self, call_id: str) -> None:
        self._signed.pop(call_id, None)
        self._since.pop(call_id, None)
        self._answers.pop(call_id, None)
