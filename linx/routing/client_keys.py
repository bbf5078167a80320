"""The rule over providers that are asked with the client's own key: without one they are not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.errors import NoClientKey, quote
from linx.routing.gate import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

NO_CLIENT_KEY = "no client key"


def rule(model: str | None, demand: Demand) -> Judge | None:
    """See ``gate.Rule``. A request without a text is asked without any key."""
    if model is None or demand.credential is not None:
        return None
    return Judge(_reason, _none_left)


def _reason(one: Candidate) -> str | None:
    return NO_CLIENT_KEY if one.provider.config.takes_client_key else None


def _none_left(candidates: Sequence[Candidate]) -> NoClientKey:
    one = candidates[0]
    return NoClientKey(
        f"{one.provider.name} answers {quote(one.model)!r} for a key of your own alone: send it as Authorization or "
        "x-api-key. Where Linx wants a key as well, that one belongs into the address: /k/KEY in front of the path."
    )
