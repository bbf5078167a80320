"""``--fix`` writes what was found, keeps what was there, and does nothing twice."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio

from tests.doctor.world import NOTHING, World
from tests.fakes.provider import FakeProvider, closed_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    return World(tmp_path)


async def test_each_fix_keeps_the_text_that_it_changes(world: World) -> None:
    world.write({**NOTHING, "routing": {"secrets": "prefer-local"}})
    first = await trio.Path(world.path).read_text()
    assert (await world.fix())[0] == f"{world.path} is kept as it was in {world.path}.before-fix"
    second = (await trio.Path(world.path).read_text()).replace("prefer_local", "local-only")
    world.write_text(second)
    assert (await world.fix())[0].endswith("config.json.before-fix-2")
    copies = [await trio.Path(f"{world.path}.before-fix{more}").read_text() for more in ("", "-2")]
    assert copies == [first, second]
    assert await world.fix() == []
    assert not await trio.Path(f"{world.path}.before-fix-3").exists()


async def test_several_mistakes_are_mended_one_after_the_other(world: World) -> None:
    world.write({**NOTHING, "rooting": {"secrets": "off"}, "tunel": {}})
    lines = []
    while done := await world.fix():
        lines += done
    assert [line for line in lines if "renamed" in line] == [
        f"{world.path}: rooting: renamed to routing",
        f"{world.path}: tunel: renamed to tunnel",
    ]
    assert await world.is_gone("config", "unknown key")


async def test_a_fix_that_would_break_the_config_is_left_out(world: World) -> None:
    """The key that it would be renamed to is there already."""
    world.write({**NOTHING, "routing": {"secrets": "off"}, "rooting": {}})
    before = world.config
    assert await world.fix() == []
    assert world.config == before


async def test_where_there_is_no_file_what_answers_is_written(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        world.endpoint = fake.endpoint
        lines = await world.fix()
        section = f'{{"enabled": true, "endpoint": "{fake.endpoint}", "model_mappings": {{"default": "auto"}}}}'
        assert lines == ["./config.json is new", f"./config.json: ollama: {section}"]
        assert world.config == {
            "ollama": {"enabled": True, "endpoint": fake.endpoint, "model_mappings": {"default": "auto"}}
        }
        assert (world.path.stat().st_mode & 0o777 == 0o600) or os.name != "posix"
        assert await world.fix() == []


async def test_servers_that_run_are_written(world: World) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        world.endpoint = f"http://127.0.0.1:{closed_port()}"
        world.env["LINX_PLACES"] = fake.url
        await world.fix()
        assert world.config["llamacpp"]["endpoint"] == fake.url
        assert world.config["llamacpp"]["model_mappings"] == {"default": "auto"}
        assert "ollama" not in world.config


async def test_where_nothing_answers_nothing_is_written(world: World) -> None:
    world.endpoint = f"http://127.0.0.1:{closed_port()}"
    assert await world.fix() == []
    assert not world.path.exists()
