"""A Linx in front of fakes, for the tests of its Ollama face."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from linx.app import App
    from tests.fakes.provider import FakeProvider

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]


@contextlib.asynccontextmanager
async def linx_for(folder: Path, *fakes: FakeProvider, **sections: Any) -> AsyncIterator[int]:
    """The port of a Linx whose providers are the fakes: ``ollama1``, ``openai2``, …"""
    async with linx_here(config_for(*fakes, **sections), folder) as app:
        yield port_of(app)


def port_of(app: App) -> int:
    return app.bound[0][1]
