"""Records of finished requests, as the ledger gets them."""

from __future__ import annotations

import time
from typing import Any

from linx.core.chat import Usage
from linx.core.telemetry import AttemptRecord, RequestRecord
from linx.ledger.rows import Row, row_of

NOON = time.mktime((2026, 1, 31, 12, 0, 0, 0, 0, -1))
DAY_S = 86400.0


def record(
    at: float = NOON, *, model: str = "gpt-4o", usage: Usage | None = None, is_local: bool = True, **more: Any
) -> RequestRecord:
    """An answer of ``ollama``'s, or of ``paid``'s, that took two seconds."""
    provider = "ollama" if is_local else "paid"
    made = RequestRecord("id", at, 100.0, "POST", "/v1/chat/completions", model=model)
    made.attempts = [AttemptRecord(provider, "qwen3", 100.0, 102.0, "ok")]
    made.provider, made.served_model, made.is_local = provider, "qwen3", is_local
    made.status, made.first_token, made.ended, made.phase, made.outcome = 200, 100.25, 102.0, "done", "ok"
    made.face, made.client, made.key = "openai", "cursor", "-"
    made.usage = usage or Usage(1000, 200, cached=100)
    made.cost_usd = 0.0 if is_local else 0.5
    for name, value in more.items():
        setattr(made, name, value)
    return made


def refused(at: float = NOON, **more: Any) -> RequestRecord:
    """A request that was refused before any provider was asked."""
    made = RequestRecord("id", at, 100.0, "POST", "/v1/chat/completions", model="gpt-4o", face="openai")
    made.status, made.ended, made.phase, made.outcome = 404, 100.0, "failed", "model_not_found"
    for name, value in more.items():
        setattr(made, name, value)
    return made


def row(at: float = NOON, *, saves: float | None = None, **more: Any) -> Row:
    """The row of such a record; ``saves`` is what the same would have cost elsewhere."""
    return row_of(record(at, **more), None if saves is None else lambda _usage: saves, str)
