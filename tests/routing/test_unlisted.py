"""A name that no list has: whose lists are read again, how often, and how long a client waits for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config.shape import RoutingConfig
from linx.core.redaction import Redactor
from linx.providers.catalog import AGAIN_S, refresh
from linx.routing.demand import ANY, LOCAL_ONLY
from linx.routing.router import Router
from linx.routing.unlisted import LOOK_S, look_for
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Raw, ReadRequest, Stall
from tests.providers.asked import at, paths
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.providers.provider import Provider


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


def router(*providers: Provider, **routing: Any) -> Router:
    return Router(providers, RoutingConfig(**routing))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("m", []),
        ("M:latest", []),
        ("gpt", []),
        ("b/what:ever", []),
        ("x:cloud", []),
        ("nothing", ["a", "b"]),
    ],
)
def test_whose_lists_may_have_it(name: str, where: list[str]) -> None:
    one = has(provider("a", kind="ollama", model_mappings={"gpt": "mapped"}), "m:latest")
    two = provider("b", kind="openrouter", local=False)
    assert [each.name for each in router(one, two).unlisted_at(name, ANY)] == where


def test_where_a_default_would_answer_only_the_ollamas_here_are_asked() -> None:
    one = has(provider("a", kind="ollama", model_mappings={"default": "m"}), "m:latest")
    far = provider("b", kind="ollama", local=False)
    other = provider("c", kind="openai")
    assert router(one, far, other).unlisted_at("nothing", ANY) == [one]


def test_a_private_mapping_to_an_unlisted_model_is_looked_up() -> None:
    one = has(provider("a", kind="ollama", model_mappings={"gpt": "plain", "known": "m"}), "m:latest")
    assert list(router(one).unlisted_at("gpt", ANY)) == []
    assert router(one).unlisted_at("gpt", LOCAL_ONLY) == [one]
    assert router(one, local_only=["gpt"]).unlisted_at("gpt", ANY) == [one]
    assert router(one).unlisted_at("known", LOCAL_ONLY) == []


async def test_a_model_that_was_just_pulled_is_there_and_no_list_is_read_twice_in_a_row(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake)
        await refresh(one, pool, Redactor())
        here = router(one)
        fake.models.append(Model("new"))
        await look_for(here, "new", pool, Redactor(), ANY)
        assert one.listed("new") is None  # the list has just been read
        one.read_at -= AGAIN_S
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(look_for, here, "new", pool, Redactor(), ANY)
        assert one.listed("new") == "new:latest"
        assert paths(fake).count("GET /api/tags") == 2


async def test_a_list_that_is_known_to_change_is_read_at_once(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake)
        await refresh(one, pool, Redactor())
        fake.models.append(Model("new"))
        one.relaying = 1
        await look_for(router(one), "new", pool, Redactor(), ANY)
        assert one.listed("new") == "new:latest"


async def test_a_list_that_does_not_come_is_not_waited_for_long(pool: Pool, autojump_clock: object) -> None:
    async with FakeProvider("ollama", ["m"]) as slow:
        slow.at["/api/tags"] = Raw([ReadRequest(), Stall()])
        one = at(slow)
        start = trio.current_time()
        await look_for(router(one), "new", pool, Redactor(), ANY)
        assert trio.current_time() - start == pytest.approx(LOOK_S, abs=0.1)
        assert one.reading is None


async def test_a_missing_model_is_looked_for_behind_the_answers_of_others(pool: Pool) -> None:
    """So what was pulled meanwhile is asked soon, and no request waits for the list."""
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake, model_mappings={"gpt": "big", "other": "m"})
        two = has(provider("b", local=False), "gpt", "other")
        await refresh(one, pool, Redactor())
        here = router(one, two)
        now = one.read_at
        assert list(here.unlisted_at("gpt", ANY)) == []
        assert [str(each) for each in here.route("gpt", now + 1, ANY).candidates] == ["b/gpt"]
        here.route("other", now + AGAIN_S, ANY)
        assert not one.is_stale
        here.route("gpt", now + AGAIN_S, ANY)
        assert one.is_stale
        fake.models.append(Model("big"))
        await refresh(one, pool, Redactor())
        assert [str(each) for each in here.route("gpt", now, ANY).candidates] == ["a/big", "b/gpt"]
