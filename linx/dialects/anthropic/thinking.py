"""How much a model shall think, in the words that this model takes.

A wish is no demand: a model that cannot think, or cannot be kept from it, is not asked to. Thinking is left out too
where the API would refuse it beside something that matters more: a forced tool, an answer to be continued, a
tool loop whose thoughts the client did not keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.anthropic.abilities import EFFORTS

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.dialects.anthropic.abilities import Abilities

LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32000, "max": 32000, "ultra": 32000}
_USUAL_BUDGET = 8192
_EFFORTS = {"minimal": "low", "ultra": "max"} | {level: level for level in EFFORTS}
_LOW_BUDGET, _MEDIUM_BUDGET = 4096, 16384
_OPEN = "summarized"  # the newest models keep their thoughts to themselves unless told otherwise


def thinking_for(
    wish: bool | str | None, budget: int | None, able: Abilities, max_tokens: int, *, may_think: bool
) -> tuple[JsonObject | None, str | None]:
    """The fields ``thinking`` and ``output_config.effort``; None leaves one out.

    ``wish`` and ``budget`` are what the client asks for, ``may_think`` is False where thinking cannot be asked for.
    """
    if wish is None or not able.can_think:
        return None, None
    if wish is False:
        if able.off is not None:
            return {"type": able.off}, None
        return None, able.efforts[0] if able.efforts else None
    if able.adaptive:
        thinking: JsonObject = {"type": "adaptive", "display": _OPEN}
        return thinking if may_think else None, _effort(wish, budget, able)
    if not may_think or max_tokens <= LEAST_BUDGET:
        return None, None
    return {"type": "enabled", "budget_tokens": _budget(wish, budget, max_tokens)}, None


def _effort(wish: bool | str, budget: int | None, able: Abilities) -> str | None:
    if isinstance(wish, str):
        wanted = _EFFORTS.get(wish)
    elif budget is None:
        return None
    else:
        wanted = "low" if budget <= _LOW_BUDGET else "medium" if budget <= _MEDIUM_BUDGET else "high"
    if wanted is None or not able.efforts:
        return None
    most = EFFORTS.index(wanted)
    return max((level for level in able.efforts if EFFORTS.index(level) <= most), key=EFFORTS.index, default=None)


def _budget(wish: bool | str, budget: int | None, max_tokens: int) -> int:
    """A client's own budget as far as it fits into the answer; else one that leaves half of it for the text."""
    if budget is not None:
        return max(LEAST_BUDGET, min(budget, max_tokens - 1))
    wanted = _BUDGETS.get(wish, _USUAL_BUDGET) if isinstance(wish, str) else _USUAL_BUDGET
    return max(LEAST_BUDGET, min(wanted, max_tokens // 2))
