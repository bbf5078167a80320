"""Lists are made once, for all who ask, and again after any change; they do not pile up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.config.shape import RoutingConfig
from linx.core.redaction import Redactor
from linx.handlers import kept_lists
from linx.handlers.kept_lists import KeptLists
from linx.routing.router import Router
from tests.routing.world import has, provider, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.providers.provider import Provider


class World:
    """A catalogue, its kept lists, and how often a list was made of it."""

    def __init__(self) -> None:
        self.provider = has(provider("a", kind="ollama"), "m")
        self.router = Router([self.provider], RoutingConfig())
        self.redactor = Redactor()
        self.lists = KeptLists()
        self.made = 0

    async def until_begun(self) -> None:
        while not self.made:
            await trio.lowlevel.checkpoint()

    async def ask(self, key: str = "list", turns: int = 3, size: int = 0) -> bytes:
        def make() -> Iterator[bytes]:
            self.made += 1
            for _ in range(turns):
                yield b",".join(name.encode() for name in self.provider.models) + b" " * size
                yield b""

        return b"|".join(await self.lists.pieces(self.router, self.redactor, key, make))


def fresh(one: Provider) -> None:
    one.models = dict(one.models)
    one.models_changed()


CHANGES: dict[str, Callable[[World], object]] = {
    "a list is read": lambda world: fresh(world.provider),
    "a model is lost": lambda world: world.provider.lost("m"),
    "a capability is learnt": lambda world: told(world.provider, "m", capabilities=frozenset({"vision"})),
    "it is not local": lambda world: setattr(world.provider.permits, "elsewhere", "is far away"),
    "a model is loaded": lambda world: world.provider.contexts.seen({"m": 4096}, 0.0),
    "a secret is added": lambda world: world.redactor.add("secret-secret"),
    "a reload": lambda world: setattr(world, "router", Router([world.provider], RoutingConfig())),
    "another redactor": lambda world: setattr(world, "redactor", Redactor()),
}


async def test_what_has_not_changed_is_the_same_bytes() -> None:
    world = World()
    one = await world.lists.pieces(world.router, world.redactor, "x", lambda: iter([b"a", b"", b"b"]))
    assert one == (b"a", b"b")
    assert await world.lists.pieces(world.router, world.redactor, "x", lambda: iter([b"never"])) is one
    assert world.lists.size == 2


@pytest.mark.parametrize("change", CHANGES)
async def test_after_a_change_it_is_made_anew_once(change: str) -> None:
    world = World()
    assert await world.ask() == await world.ask() == b"m|m|m"
    CHANGES[change](world)
    await world.ask()
    await world.ask()
    assert world.made == 2


async def test_hundreds_wait_for_one_making() -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        for _ in range(800):
            nursery.start_soon(world.ask)
    assert world.made == 1


@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_while_it_is_made_is_not_kept_and_nobody_who_comes_later_has_it(change: str) -> None:
    world = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.ask)
        await world.until_begun()
        CHANGES[change](world)
        for _ in range(100):
            nursery.start_soon(world.ask)
    assert world.made == 2


async def test_a_change_that_is_taken_back_meanwhile_is_seen() -> None:
    world = World()
    models = world.provider.models

    async def change(models: object) -> None:
        world.provider.models = models  # type: ignore[assignment]  # what was there before
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.ask)
        await world.until_begun()
        await change({})
        await change(models)
    assert await world.ask() == b"m|m|m"
    assert world.made == 2


async def test_it_is_finished_although_its_client_leaves() -> None:
    world = World()
    got = []

    async def wait() -> None:
        got.append(await world.ask())

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as client:
            async with trio.open_nursery() as inner:
                inner.start_soon(world.ask)
                await world.until_begun()
                nursery.start_soon(wait)
                await trio.lowlevel.checkpoint()
                client.cancel()
    assert got == [b"m|m|m"]
    assert world.made == 1


async def test_a_making_that_fails_fails_for_each_and_is_tried_again() -> None:
    world = World()
    made = 0

    def make() -> Iterator[bytes]:
        nonlocal made
        made += 1
        yield b""
        raise ValueError("no such page")

    async def fail() -> None:
        with pytest.raises(ValueError, match="no such page"):
            await world.lists.pieces(world.router, world.redactor, "list", make)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(fail)
    assert made == 3
    assert await world.ask() == b"m|m|m"


async def test_they_are_bounded_in_bytes_and_those_asked_for_last_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_lists, "MOST_BYTES", 35)
    world = World()
    for key in ("a", "b", "c", "a", "d"):
        await world.ask(key, turns=1, size=9)
    assert (world.made, world.lists.size) == (4, 30)
    for key, made in (("a", 4), ("d", 4), ("c", 4), ("b", 5)):
        await world.ask(key, turns=1, size=9)
        assert world.made == made
    await world.ask("huge", turns=1, size=99)
    await world.ask("huge", turns=1, size=99)
    assert (world.made, world.lists.size) == (6, 100)  # the newest stays, so that its readers share it
    await world.ask("small", turns=1)
    assert world.lists.size == 1


async def test_they_are_bounded_in_number() -> None:
    world = World()
    for number in range(100):
        await world.ask(str(number), turns=1)
    assert world.lists.size == kept_lists.MOST_LISTS
