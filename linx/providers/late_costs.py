"""What an answer has cost, asked for afterwards: OpenRouter tells it by the answer's id, also where it was cut short.

A stream ends with the cost, so one that its client leaves has none. OpenRouter bills what was generated up to then, and
tells it at ``GET /generation?id=`` (cardstack/boxel#4328): some seconds later, or longer if the stream was cut short
(speakeasy-api/gram#978). The id is in the header X-Generation-Id of every answer (Toloka/tolokaforge#1242).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from linx.dialects.shared.reported import count_of, usd_of
from linx.providers.catalog import fetch_json

if TYPE_CHECKING:
    from linx.providers.provider import Provider
    from linx.upstream.pool import Pool

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Headed(Protocol):
    def header(self, name: str) -> str | None: ...


class LateCost(NamedTuple):
    """What was billed."""

    usd: float
    prompt: int
    completion: int


def answer_id_of(exchange: Headed) -> str | None:
    """The id in an answer's head, where it is one that can stand in a path."""
    found = exchange.header("x-generation-id")
    return found if found is not None and _ID.fullmatch(found) else None


async def look_up(provider: Provider, pool: Pool, answer_id: str) -> LateCost | None:
    """What the answer has cost; None where the provider does not say it. Raises AttemptError where it is too early."""
    sending = provider.http.get(f"/generation?id={answer_id}", under_api=True)
    return cost_of(await fetch_json(provider.permits.nearest, pool, sending))


def cost_of(value: Any) -> LateCost | None:
    """As ``GET /generation`` answers it."""
    data = value.get("data") if isinstance(value, dict) else None
    usd = usd_of(data.get("total_cost")) if isinstance(data, dict) else None
    return None if usd is None else LateCost(usd, _tokens(data, "prompt"), _tokens(data, "completion"))


def _tokens(data: Any, what: str) -> int:
    """By the model's own count, else by that of OpenRouter."""
    for name in (f"native_tokens_{what}", f"tokens_{what}"):
        value = count_of(data.get(name))
        if value is not None:
            return value
    return 0
