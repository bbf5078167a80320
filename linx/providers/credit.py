"""What is left of the credit of a provider's key, where the provider tells that.

OpenRouter does (``GET /api/v1/key``): ``limit`` and ``limit_remaining`` are of this key, in USD, and null for a key
without a limit of its own. What the account has left is told to management keys alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linx.providers.lists import Ask


@dataclass(frozen=True, slots=True)
class Credit:
    """Of one key, in USD."""

    limit: float | None = None
    left: float | None = None
    is_free_tier: bool = False

    @property
    def words(self) -> str:
        """For people; "" where nothing is known of what is left."""
        return "" if self.left is None else f"${self.left:,.2f} of credit left"


async def openrouter_credit(ask: Ask) -> Credit | None:
    """None where the answer tells nothing of the key. Raises AttemptError."""
    told = await ask.get("/key", under_api=True)
    data = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(data, Mapping):
        return None
    return Credit(_number(data.get("limit")), _number(data.get("limit_remaining")), data.get("is_free_tier") is True)


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < 1e12 else None
