"""The catalogue: what each kind is found to have, what a bad list does, and when the next look comes."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.core.errors import AttemptError, ConnectFailed, Garbled, Refused
from linx.core.redaction import Redactor
from linx.providers import catalog
from linx.providers.catalog import learn_model, refresh, watch
from linx.providers.prices import Price
from linx.providers.provider import Model as Known
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model, ollama_tags
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

    from linx.providers.provider import Provider

KEY = "sk-secret-0123456789abcdef"


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add(KEY)
    return redactor


def at(fake: FakeProvider, **config: Any) -> Provider:
    return provider("a", kind=fake.kind, **{"endpoint": fake.endpoint, "api_key": KEY, **config})


def paths(fake: FakeProvider) -> list[str]:
    return [f"{one.method} {one.path}" for one in fake.requests]


def listing(value: object) -> Whole:
    return Whole(200, jsontext.dumps(value))


# --- what is found ---


async def test_an_ollama_and_what_each_model_can(pool: Pool, redactor: Redactor) -> None:
    models = [
        Model("a:1b", ("completion", "tools"), 4096),
        Model("b", ("completion", "thinking"), None),
        *(Model(f"m{n}") for n in range(6)),
    ]
    async with FakeProvider("ollama", models) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a:1b", "b:latest", *(f"m{n}:latest" for n in range(6))]
        assert one.models["a:1b"].capabilities == frozenset({"completion", "tools"})
        assert one.models["a:1b"].context_length == 4096
        assert one.models["b:latest"].context_length is None
        assert one.listed("B") == "b:latest"
        assert one.version == "0.12.6"
        assert one.health.state(0.0) == "up"
        assert one.probed.is_set()
        assert one.listed_at is not None
        assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert paths(fake).count("POST /api/show") == 8
        await refresh(one, pool, redactor)
        assert paths(fake).count("POST /api/show") == 8  # nothing has changed
        assert one.models["a:1b"].capabilities == frozenset({"completion", "tools"})
        fake.models.append(Model("new"))
        del fake.models[0]
        await refresh(one, pool, redactor)
        assert paths(fake).count("POST /api/show") == 9
        assert "new:latest" in one.models
        assert one.listed("a:1b") is None


async def test_one_odd_model_hides_no_other(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("ollama", ["good"]) as fake:
        tags = ollama_tags(fake.models)
        tags["models"] += [{"model": "gone:1b", "digest": "x"}, {"name": "odd"}]
        fake.at["/api/tags"] = listing(tags)
        fake.at["/api/version"] = scripted.status(404)
        one = at(fake)
        await refresh(one, pool, redactor)
        assert set(one.models) == {"good:latest", "gone:1b", "odd"}
        assert one.models["gone:1b"].capabilities is None
        assert one.version is None
        fake.at["/api/version"] = listing([1])
        await refresh(one, pool, redactor)
        assert one.version is None
        fake.at["/api/version"] = listing({"version": 7})
        fake.at["/api/show"] = Whole(200, b"not JSON")
        await refresh(one, pool, redactor)
        assert one.version is None
        assert one.health.state(0.0) == "up"


@pytest.mark.parametrize(
    ("shown", "capabilities", "context"),
    [
        ({}, set(), None),
        ({"capabilities": None, "model_info": []}, set(), None),
        (
            {"capabilities": ["vision", 7], "model_info": {"general.architecture": "x", "x.context_length": "no"}},
            {"vision", "7"},
            None,
        ),
        ({"capabilities": [], "model_info": {"general.architecture": "x", "x.context_length": 99}}, set(), 99),
    ],
)
async def test_what_a_model_is_said_to_be(shown: Any, capabilities: set[str], context: int | None, pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        fake.at["/api/show"] = listing(shown)
        one = at(fake)
        await learn_model(one, pool, "m")
        known = one.find("m")
        assert known is not None
        assert (known.capabilities, known.context_length) == (frozenset(capabilities), context)
        await learn_model(one, pool, "m")
        assert len(fake.requests) == 1  # known now
        one.models = {"m": Known("m")}
        one.models_changed()
        await learn_model(one, pool, "m")
        assert len(fake.requests) == 2


async def test_learning_of_a_model_that_is_not_there(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        with pytest.raises(Refused, match="not found"):
            await learn_model(at(fake), pool, "other")


async def test_a_llamacpp(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("llamacpp", [Model("tiny", ("completion", "vision"), 2048)]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.models["tiny"].context_length == 2048
        assert one.models["tiny"].capabilities == frozenset({"completion", "tools", "vision"})
        fake.models = [Model("tiny", context_length=2048), Model("other", context_length=4096)]
        await refresh(one, pool, redactor)
        assert one.models["tiny"].capabilities == frozenset({"completion", "tools"})
        assert one.models["other"].context_length == 131072  # of several models, the slot's size says nothing
        for props in (
            scripted.status(404),
            Whole(200, b"<html>"),
            listing({"modalities": 5, "default_generation_settings": {"n_ctx": 0}}),
        ):
            fake.at["/props"] = props
            await refresh(one, pool, redactor)
            assert one.health.state(0.0) == "up"
            assert set(one.models) == {"tiny", "other"}


async def test_a_llamacpp_that_loads(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("llamacpp", ["tiny"]) as fake:
        one = at(fake)
        fake.loading = True
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "loading"
        assert one.health.last_error == "is loading its model"
        assert one.models == {}
        assert one.probed.is_set()
        fake.loading = False
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "up"
        assert one.health.last_error is None
        fake.at["/health"] = scripted.status(500, "broken")
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "down"
        assert list(one.models) == ["tiny"]  # what was known stays


async def test_what_linx_starts_itself_is_loading_and_not_down(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("llamacpp", ["tiny"]) as fake:
        one = at(fake)
        one.is_starting = lambda: True
        fake.down()
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "loading"
        one.is_starting = lambda: False
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "down"
        assert "refused the connection" in (one.health.last_error or "")


async def test_an_openrouter(pool: Pool, redactor: Redactor) -> None:
    models = [Model("x/y:free", ("completion",), 100, ("0", "0")), Model("p/q", price=("-1", "0"))]
    async with FakeProvider("openrouter", models) as fake:
        one = at(fake, local=False)
        await refresh(one, pool, redactor)
        assert one.models["x/y:free"].price == Price(0.0, 0.0)
        assert one.models["p/q"].price is None
        assert one.models["x/y:free"].capabilities == frozenset({"completion"})
        assert one.models["p/q"].capabilities == frozenset({"completion", "tools"})
        assert one.models["p/q"].created == 1_755_800_000
        assert one.models["x/y:free"].context_length == 100


@pytest.mark.parametrize(
    ("entry", "context", "capabilities"),
    [
        ({}, None, None),
        ({"context_length": 5}, 5, None),
        ({"context_length": None, "max_model_len": 6}, 6, None),
        ({"context_window": 7, "meta": {"n_ctx_train": 9}}, 7, None),
        ({"context_length": 0, "meta": {"n_ctx_train": 9}}, 9, None),
        ({"context_length": "many", "meta": "none"}, None, None),
        ({"supported_parameters": "tools"}, None, None),
        ({"supported_parameters": []}, None, {"completion"}),
        (
            {"supported_parameters": ["tools", "reasoning"], "architecture": {"input_modalities": ["text", "image"]}},
            None,
            {"completion", "tools", "thinking", "vision"},
        ),
        (
            {"supported_parameters": ["reasoning"], "architecture": {"input_modalities": None}},
            None,
            {"completion", "thinking"},
        ),
        ({"supported_parameters": [], "architecture": []}, None, {"completion"}),
    ],
)
async def test_what_an_entry_says(
    entry: dict[str, Any], context: int | None, capabilities: set[str] | None, pool: Pool, redactor: Redactor
) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing({"data": [{"id": "m", "created": "yesterday", **entry}]})
        one = at(fake)
        await refresh(one, pool, redactor)
        known = one.models["m"]
        assert (known.context_length, known.capabilities, known.created) == (
            context,
            capabilities and frozenset(capabilities),
            None,
        )


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ({"data": []}, []),
        ({"data": None}, []),
        ({}, []),
        ([{"id": "a"}, {"id": "b"}], ["a", "b"]),
        ({"data": [{"id": ""}, {"id": 7}, {"name": "x"}, {"id": "a"}]}, ["a"]),
    ],
)
async def test_odd_lists(listed: Any, names: list[str], pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai") as fake:
        fake.at["/v1/models"] = listing(listed)
        one = at(fake, models=("configured",))
        await refresh(one, pool, redactor)
        assert list(one.models) == ["configured", *names]
        assert one.health.state(0.0) == "up"


# --- what goes wrong ---


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (listing({"data": [7], "models": [7]}), "its model list cannot be read"),
        (listing({"data": 7, "models": 7}), "its model list cannot be read"),
        (listing("hello"), "its model list cannot be read"),
        (Whole(200, b"<html>"), "not JSON"),
        (Whole(200, b""), "not JSON"),
        (scripted.status(401, f"Incorrect API key provided: {KEY}"), "rejected its API key"),
        (scripted.status(500, f"oh {KEY}"), "oh sk-"),
        (scripted.status(404), "no such path"),
        (scripted.closed(), "closed the connection"),
    ],
)
async def test_a_probe_that_fails(kind: Kind, reply: Any, says: str, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        one = at(fake, models=("configured",))
        fake.at["/api/tags"] = fake.at["/v1/models"] = reply
        await refresh(one, pool, redactor)
        problem = one.health.last_error or ""
        assert says in problem
        assert KEY not in problem
        assert one.health.reachable is False
        assert one.probed.is_set()
        assert list(one.models) == ["configured"]


async def test_a_probe_that_never_ends(pool: Pool, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "PROBE_TIMEOUT_S", 0.05)
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/v1/models"] = scripted.hang()
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.health.last_error == "did not answer a probe within 0.05 s"
        assert one.health.reachable is False
        with trio.fail_after(1):
            await fake.all_closed()


async def test_a_list_is_bounded(pool: Pool, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MAX_LIST", 1000)
    async with FakeProvider("openai", [f"m{n}" for n in range(100)]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.health.reachable is False
        with pytest.raises(AttemptError):
            await catalog.fetch_json(one, pool, one.get("/models", under_api=True))


async def test_one_small_answer(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for _ in range(2):
            assert (await catalog.fetch_json(one, pool, one.get("/models", under_api=True)))["data"][0]["id"] == "m"
        assert len(fake.connections) == 1
        fake.at["/v1/models"] = Whole(200, b"{")
        with pytest.raises(Garbled, match="not JSON"):
            await catalog.fetch_json(one, pool, one.get("/models", under_api=True))
        fake.at["/v1/models"] = scripted.status(503, "overloaded")
        with pytest.raises(Refused) as caught:
            await catalog.fetch_json(one, pool, one.get("/models", under_api=True))
        assert caught.value.status == 503


# --- when ---


class Probes:
    """Stands in for the network: says when it was asked, and answers what the test tells it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: list[float] = []
        self.problem: Exception | None = None
        self.seconds = 0.0
        monkeypatch.setattr(catalog, "LISTERS", {"openai": self._list})
        monkeypatch.setattr("random.random", lambda: 0.0)

    async def _list(self, one: Provider, pool: Pool) -> list[Known]:
        self.times.append(trio.current_time())
        await trio.sleep(self.seconds)
        if self.problem is not None:
            raise self.problem
        return [Known("m")]

    @contextlib.asynccontextmanager
    async def watching(self, one: Provider) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, one, Pool(Dialer({})), Redactor())
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Probes:
    return Probes(monkeypatch)


async def test_who_is_well_is_asked_seldom(autojump_clock: MockClock, probes: Probes) -> None:
    one = provider("a")
    async with probes.watching(one):
        await trio.sleep(185)
    assert probes.times == [0, 60, 120, 180]
    assert list(one.models) == ["m"]


async def test_who_is_down_is_asked_often_from_start_to_start(autojump_clock: MockClock, probes: Probes) -> None:
    probes.problem, probes.seconds = Garbled("no"), 4.0
    async with probes.watching(provider("a")):
        await trio.sleep(50)
    assert probes.times == [0, 15, 30, 45]


async def test_who_is_loading_is_asked_each_second(autojump_clock: MockClock, probes: Probes) -> None:
    probes.problem = catalog.Loading()
    async with probes.watching(provider("a")):
        await trio.sleep(3.5)
    assert probes.times == [0, 1, 2, 3]


async def test_a_failure_in_between_brings_the_next_look_forward(autojump_clock: MockClock, probes: Probes) -> None:
    one = has(provider("a"), "m")
    async with probes.watching(one):
        await trio.sleep(30)
        assert probes.times == [0]
        one.health.failed(ConnectFailed("refused"), trio.current_time())
        await trio.sleep(1)
        assert probes.times == [0, 30]
        one.health.failed(Garbled("nonsense"), trio.current_time())  # no reason to doubt that it is there
        await trio.sleep(31)
    assert probes.times == [0, 30]


async def test_a_change_is_logged_once(
    autojump_clock: MockClock, probes: Probes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linx.catalog")
    async with probes.watching(provider("a")):
        await trio.sleep(61)
        probes.problem = Garbled("said nonsense")
        await trio.sleep(120)
        probes.problem = None
        await trio.sleep(60)
    assert [record.getMessage() for record in caplog.records] == ["a is down: said nonsense", "a is up"]


async def test_jitter_only_shortens(autojump_clock: MockClock, probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.999)
    async with probes.watching(provider("a")):
        await trio.sleep(60)
    assert len(probes.times) == 2
    assert 54 <= probes.times[1] < 54.1
