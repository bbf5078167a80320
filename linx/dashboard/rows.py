"""A request as the dashboard and ``GET /linx/requests`` show it. Names from outside are cleaned of secrets here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.redaction import escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject
    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord, RequestRecord

MAX_NAMES = 1024
"""Names whose cleaned form is remembered, since most requests repeat them."""


class Rows:
    """Makes the rows. It remembers the cleaned form of names.

    ``saved`` reckons what an answer has saved, in USD; None where that is not known.
    """

    __slots__ = ("_cleaned", "_known", "_redactor", "_saved")

    def __init__(self, redactor: Redactor, saved: Callable[[RequestRecord], float | None]) -> None:
        self._redactor = redactor
        self._saved = saved
        self._cleaned: dict[str, str] = {}
        self._known = redactor.known  # the number of secrets when ``_cleaned`` was begun

    def whole(self, record: RequestRecord) -> JsonObject:
        """The row as it is now."""
        return {
            **self.row(record),
            "streamed": streamed(record),
            "bytes": sent(record),
            "has_body": has_body(record),
        }

    def row(self, record: RequestRecord) -> JsonObject:
        """The row without what changes while an answer is streamed, or later. Times are milliseconds from its begin."""
        clean, usage = self.clean, record.usage
        return {
            "id": record.id,
            "started_at": record.started_at,
            "phase": record.phase,
            "method": clean(record.method),
            "path": clean(record.path),
            "model": clean(record.model),
            "served_model": None if record.served_model is None else clean(record.served_model),
            "provider": record.provider,
            "attempts": [self._attempt(one, record.started) for one in record.attempts],
            "not_asked": [one._asdict() for one in record.left_out()] if record.not_asked else [],
            "status": record.status,
            "first_token_ms": _since(record.started, record.first_token),
            "duration_ms": _since(record.started, record.ended),
            "tokens": None
            if usage is None
            else {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached},
            "cost_usd": record.cost_usd,
            "saved_usd": self._saved(record),
            "face": record.face,
            "client": record.client,
            "key": record.key,
            "local": record.is_local,
            "outcome": record.outcome or None,
            "queue": record.place_now() or record.queue,
            "replay_of": record.replay_of,
        }

    def clean(self, text: str) -> str:
        """A name from outside without secrets, and without characters that make it look like another name."""
        if self._known != self._redactor.known or len(self._cleaned) >= MAX_NAMES:
            self._cleaned.clear()
            self._known = self._redactor.known
        cleaned = self._cleaned.get(text)
        if cleaned is None:
            cleaned = self._cleaned[text] = escape_controls(self._redactor.clean(text))
        return cleaned

    def _attempt(self, attempt: AttemptRecord, started: float) -> JsonObject:
        return {
            "provider": attempt.provider,
            "model": self.clean(attempt.model),
            "started_ms": _since(started, attempt.started),
            "asked_ms": _since(started, attempt.asked),
            "first_ms": _since(started, attempt.first),
            "ended_ms": _since(started, attempt.ended),
            "outcome": attempt.outcome or None,
            "is_hedge": attempt.is_hedge,
            "local": attempt.is_local,
            "adapted": [self.clean(str(one)) for one in attempt.adapted],
        }


def has_body(record: RequestRecord) -> bool:
    return record.kept is not None and bool(record.kept.body)


def sent(record: RequestRecord) -> int:
    """Bytes of the answer's body so far."""
    return record.bytes_sent if record.answer is None else record.answer.sent


def streamed(record: RequestRecord) -> int:
    """The tokens of the answer so far: the provider's count where it has come, else an estimate.

    Nearly every provider sends a token a frame, and Linx a frame for each. So the frames at the beginning of the answer
    are counted, as far as it is kept, and the rest by its bytes. Of an answer that is not kept the sends are counted,
    and of one that is collected before it is sent, the reads.
    """
    if record.usage is not None:
        return record.usage.completion
    sends, sent = record.sends, record.bytes_sent
    if record.answer is not None:
        sends, sent = record.answer.sends, record.answer.sent
    if not sends:
        return record.reads
    kept = record.kept
    if kept is None or not kept.answer or not record.is_streamed:
        return max(sends, record.reads)
    frames = kept.frames(b"\n" if record.face.startswith("ollama") else b"\n\n")
    return max(sends, frames * sent // len(kept.answer))


def _since(started: float, moment: float | None) -> float | None:
    return None if moment is None else round((moment - started) * 1000, 3)
