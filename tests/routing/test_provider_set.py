"""The providers in force: made anew at a reload with what was learnt, and probed for as long as they are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.config.model import Config, ProviderConfig
from linx.config.shape import RoutingConfig
from linx.core.redaction import Redactor
from linx.core.telemetry import Telemetry
from linx.routing.provider_set import ProviderSet
from linx.routing.router import Router
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from linx.providers.provider import Provider
    from tests.fakes.catalogue import Kind


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


def provider_set(pool: Pool, starting: Mapping[str, Callable[[], bool]] | None = None) -> ProviderSet:
    return ProviderSet(Router((), RoutingConfig()), pool, Telemetry(), Redactor(), starting or {})


def at(fake: FakeProvider, name: str = "a", *, enabled: bool = True) -> ProviderConfig:
    return ProviderConfig(name=name, kind="openai", endpoint=fake.endpoint, api_key=fake.api_key, enabled=enabled)


async def test_a_reload_makes_new_providers_that_know_what_the_old_ones_learnt(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, trio.open_nursery() as nursery:
        providers = provider_set(pool)
        providers.apply(Config(providers=(at(fake), at(fake, "off", enabled=False))))
        nursery.start_soon(providers.run)
        with trio.fail_after(5):
            await providers.first_probes()
        (before,), router = providers.router.providers, providers.router
        router.served("talk", "m", before)
        providers.apply(Config(providers=(at(fake), at(fake, "b"))))
        one, two = providers.router.providers
        assert (one.name, two.name) == ("a", "b")
        assert one is not before
        assert (one.health, one.counters, list(one.models)) == (before.health, before.counters, ["m"])
        assert router.providers == (before,)  # a running request keeps what it has
        with trio.fail_after(5):
            await two.probed.wait()
        assert list(two.models) == ["m"]
        nursery.cancel_scope.cancel()


async def test_what_is_gone_from_the_config_is_no_longer_probed(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, trio.open_nursery() as nursery:
        providers = provider_set(pool)
        providers.apply(Config(providers=(at(fake),)))
        nursery.start_soon(providers.run)
        await providers.first_probes()
        seen = len(fake.requests)
        (gone,) = providers.router.providers
        providers.apply(Config())
        await trio.testing.wait_all_tasks_blocked()
        gone.health.loading = True  # such a provider would be probed at once
        gone.health.raise_alarm()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(fake.requests) == seen
        nursery.cancel_scope.cancel()


async def test_a_change_that_linx_knows_of_is_looked_at_before_the_next_probe_is_due(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, trio.open_nursery() as nursery:
        is_starting = True
        providers = provider_set(pool, {"a": lambda: is_starting})
        fake.down()
        providers.apply(Config(providers=(at(fake), at(fake, "b"))))
        nursery.start_soon(providers.run)
        await providers.first_probes()
        one, two = providers.router.providers
        assert (one.health.loading, two.health.loading) == (True, False)
        await fake.up()
        is_starting = False
        providers.look_again("a")
        with trio.fail_after(5):
            while one.health.state(trio.current_time()) != "up":
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


async def test_thousands_of_providers_are_made_in_steps(pool: Pool) -> None:
    sections = [
        ProviderConfig(name=f"p{number}", kind="openai", endpoint=f"http://127.0.0.1:{20000 + number}")
        for number in range(1000)
    ]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    providers = provider_set(pool)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        made = await providers.make(Config(providers=tuple(sections)))
        nursery.cancel_scope.cancel()
    assert turns >= len(sections) // 25 // 2
    providers.apply(Config(providers=tuple(sections)), made)
    assert [one.name for one in providers.router.providers] == [one.name for one in sections]


async def test_thousands_of_providers_are_not_probed_in_one_turn(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    begun: list[float] = []

    async def watch(*_arguments: object) -> None:
        begun.append(trio.current_time())

    monkeypatch.setattr("linx.providers.catalog.watch", watch)
    sections = tuple(ProviderConfig(name=f"p{n}", kind="openai", endpoint="http://127.0.0.1:9") for n in range(300))
    providers = provider_set(pool)
    providers.apply(Config(providers=sections))
    with trio.move_on_after(60):
        await providers.run()
    assert len(begun) == 300
    assert max(begun.count(at) for at in set(begun)) <= 25


@pytest.mark.parametrize(
    ("kinds", "watched"), [(["ollama", "openai"], ""), (["ollama", "openai", "ollama"], "ac")], ids=["one", "two"]
)
async def test_ollamas_that_can_be_compared_are_looked_at_often(
    kinds: list[Kind], watched: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def watch(*_arguments: object) -> None:
        await trio.lowlevel.checkpoint()

    async def watch_loaded(one: Provider, _pool: Pool) -> None:
        begun.append(one.name)
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr("linx.providers.catalog.watch", watch)
    monkeypatch.setattr("linx.providers.catalog.watch_loaded", watch_loaded)
    providers = provider_set(pool)
    sections = [
        ProviderConfig(name=name, kind=kind, endpoint="http://127.0.0.1:9")
        for name, kind in zip("abc", kinds, strict=False)
    ]
    providers.apply(Config(providers=tuple(sections)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(providers.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert "".join(sorted(begun)) == watched
