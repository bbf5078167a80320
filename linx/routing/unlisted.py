"""A name that no list has: the lists are read once more before anything is said of it.

So a model that was pulled a moment ago, past Linx, is there. Rule: the client waits for that at most ``LOOK_S``, and a
list that was just read is not read again (see ``catalog.look_again``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.providers import catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.redaction import Redactor
    from linx.providers.provider import Provider
    from linx.routing.demand import Demand
    from linx.routing.router import Router
    from linx.upstream.pool import Pool

LOOK_S = 2.0  # that a client waits for lists, before it is told what is known without them


async def look_for(router: Router, model: str, pool: Pool, redactor: Redactor, demand: Demand) -> None:
    """Read the lists that may have the name by now; none where the name is known."""
    await read_again(router.unlisted_at(model, demand), pool, redactor)


async def read_again(providers: Sequence[Provider], pool: Pool, redactor: Redactor) -> None:
    """Read the lists of ``providers`` side by side."""
    if not providers:
        return
    with trio.move_on_after(LOOK_S):
        async with trio.open_nursery() as nursery:
            for provider in providers:
                nursery.start_soon(catalog.look_again, provider, pool, redactor)
