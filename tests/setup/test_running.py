"""Finding the Linx that runs, and asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.setup.running import NeedsKey, Place, ask, is_linx, is_taken, look
from linx.setup.target import Model
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model as FakeModel
from tests.fakes.provider import FakeProvider, closed_port

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-of-this-linx-0123"


def test_where_it_is_asked() -> None:
    assert Place.of("0.0.0.0", 8080).address == "http://127.0.0.1:8080"
    assert Place.of("::", 8080).address == "http://[::1]:8080"
    assert Place.of("box.lan", 80).address == "http://box.lan:80"


async def test_one_that_runs(tmp_path: Path) -> None:
    fake = FakeProvider("ollama", [FakeModel("qwen3:8b", context_length=65_536)])
    async with fake, linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app:
        place = Place("127.0.0.1", app.bound[0][1])
        nobody = Place("127.0.0.1", closed_port())
        assert await trio.to_thread.run_sync(look, (nobody, place)) == place
        target = await trio.to_thread.run_sync(ask, place, KEY, None)
        assert (target.address, target.tunnel) == (place.address, None)
        (model,) = target.models
        assert model == Model("qwen3:8b", 65_536, True, is_free=True, is_loaded=model.is_loaded)
        with pytest.raises(NeedsKey):
            await trio.to_thread.run_sync(ask, place, None, None)


async def test_another_program(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp") as fake:
        place = Place("127.0.0.1", fake.port)
        assert not await trio.to_thread.run_sync(is_linx, place)
        assert await trio.to_thread.run_sync(is_taken, place)


def test_nobody() -> None:
    place = Place("127.0.0.1", closed_port())
    assert look((place,)) is None
    assert not is_taken(place)
    assert ask(place, None, "wanted").model() == Model("wanted")
