"""The official anthropic SDK against a Linx: in a thread, without retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anthropic
import trio

from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def with_anthropic(port: int, work: Callable[[anthropic.Anthropic], T], *, path: str = "", key: str = "x") -> T:
    """Run ``work`` with a client of the SDK in a thread."""

    def run() -> T:
        base = f"http://127.0.0.1:{port}{path}"
        with anthropic.Anthropic(base_url=base, api_key=key, max_retries=0, timeout=HANG_S) as sdk:
            return work(sdk)

    return await trio.to_thread.run_sync(run)
