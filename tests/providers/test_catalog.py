"""The catalogue: what a probe changes, what a bad list does, and when the next look comes."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing

from linx.core.attempt_errors import AttemptError, ConnectFailed, Garbled, Refused
from linx.core.redaction import Redactor
from linx.providers import catalog
from linx.providers.catalog import LOOK_S, learn_loaded, learn_model, refresh, watch, watch_loaded
from linx.providers.kinds import KINDS
from linx.providers.lists import Listed, Loading
from linx.providers.model import Model as Known
from linx.providers.provider import Provider
from linx.routing.candidate import Candidate
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes import scripted
from tests.fakes.internet import Internet
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.providers.asked import KEY, at, listing, paths
from tests.routing.world import has, provider
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

    from linx.providers.lists import Ask
    from tests.fakes.catalogue import Kind

# --- what is found ---


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


async def test_what_is_learnt_makes_a_new_model_in_a_new_mapping(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m", "n"]) as fake:
        one = at(fake)
        one.models = before = {"m": Known("m"), "n": Known("n")}
        one.models_changed()
        await learn_model(one, pool, "m")
        assert before == {"m": Known("m"), "n": Known("n")}
        assert one.models is not before
        assert one.models["m"].capabilities
        assert one.models["n"] is before["n"]


async def test_a_list_that_is_read_meanwhile_knows_better(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake)
        one.models = {"m": Known("m")}
        one.models_changed()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(learn_model, one, pool, "m")
            await fake.until(lambda: fake.open_sockets > 0)
            one.models = {}
            one.models_changed()
        assert one.models == {}


async def test_learning_of_a_model_that_is_not_there(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        with pytest.raises(Refused, match="not found"):
            await learn_model(at(fake), pool, "other")


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
        is_starting = True
        one = at(fake, starting=lambda: is_starting)
        fake.down()
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "loading"
        is_starting = False
        await refresh(one, pool, redactor)
        assert one.health.state(0.0) == "down"
        assert "refused the connection" in (one.health.last_error or "")


# --- what goes wrong ---


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (listing({"data": [7], "models": [7]}), "sent a list of models"),
        (listing({"data": 7, "models": 7}), "sent a list of models"),
        (listing("hello"), "sent a list of models"),
        (listing({"success": False, "errors": [{"code": 10000, "message": "no such account"}]}), "no such account"),
        (listing({"detail": "log in first"}), "log in first"),
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
        if kind == "openai" and says == "no such path":  # its models are named, so no list is missed
            assert problem == ""
            one = at(fake)
            await refresh(one, pool, redactor)
            problem = one.health.last_error or ""
        assert says in problem
        assert KEY not in problem
        assert not re.search(r"object|subscript|attribute|NoneType|has no len", problem), "words of Python"
        # Where the models are named, a list that is missing keeps nobody from asking.
        is_unlisted = kind == "openai" and "list of models" in says
        assert one.health.reachable is is_unlisted
        assert one.probed.is_set()
        assert list(one.models) == list(one.config.models)
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.health.reachable is False


@pytest.mark.parametrize("name", ["data", "meta"])
async def test_a_list_that_is_nested_without_end_ends_nothing_else(name: str, pool: Pool, redactor: Redactor) -> None:
    depth = 1020  # which orjson still reads
    nested = f'{{"{name}":' * depth + "1" + "}" * depth
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/v1/models"] = Whole(
            200, (nested if name == "data" else f'{{"data":[{{"id":"m","a":1,{nested[1:]}]}}').encode()
        )
        one = at(fake)
        await refresh(one, pool, redactor)
        assert "sent a list of models" in (one.health.last_error or "")


async def test_a_probe_that_never_ends(pool: Pool, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "PROBE_TIMEOUT_S", 0.05)
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/v1/models"] = scripted.hang()
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.health.last_error == "did not answer a probe within 0.05 s"
        assert one.health.reachable is False
        with within(1):
            await fake.all_closed()


async def test_a_list_is_bounded(pool: Pool, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MAX_LIST", 1000)
    async with FakeProvider("openai", [f"m{n}" for n in range(100)]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.health.reachable is False
        with pytest.raises(AttemptError):
            await catalog.fetch_json(one.permits.open, pool, one.http.get("/models", under_api=True))


async def test_one_small_answer(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for _ in range(2):
            value = await catalog.fetch_json(one.permits.open, pool, one.http.get("/models", under_api=True))
            assert value["data"][0]["id"] == "m"
        assert len(fake.connections) == 1
        fake.at["/v1/models"] = Whole(200, b"{")
        with pytest.raises(Garbled, match="not JSON"):
            await catalog.fetch_json(one.permits.open, pool, one.http.get("/models", under_api=True))
        fake.at["/v1/models"] = scripted.status(503, "overloaded")
        with pytest.raises(Refused) as caught:
            await catalog.fetch_json(one.permits.open, pool, one.http.get("/models", under_api=True))
        assert caught.value.status == 503


# --- when ---


class Probes:
    """Stands in for the network: says when it was asked, and answers what the test tells it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: list[float] = []
        self.problem: Exception | None = None
        self.seconds = 0.0
        self.name = "m"
        monkeypatch.setattr("random.random", lambda: 0.0)

    def provider(self) -> Provider:
        """A provider whose kind is this."""
        return Provider(provider("a").config, replace(KINDS["openai"], list_models=self._list))

    async def _list(self, _ask: Ask, _before: Listed) -> Listed:
        self.times.append(trio.current_time())
        await trio.sleep(self.seconds)
        if self.problem is not None:
            raise self.problem
        return Listed({self.name: Known(self.name)})

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
    one = probes.provider()
    async with probes.watching(one):
        await trio.sleep(185)
    assert probes.times == [0, 60, 120, 180]
    assert list(one.models) == ["m"]


async def test_who_is_down_is_asked_often_from_start_to_start(autojump_clock: MockClock, probes: Probes) -> None:
    probes.problem, probes.seconds = Garbled("no"), 4.0
    async with probes.watching(probes.provider()):
        await trio.sleep(50)
    assert probes.times == [0, 15, 30, 45]


async def test_who_is_loading_is_asked_each_second(autojump_clock: MockClock, probes: Probes) -> None:
    probes.problem = Loading()
    async with probes.watching(probes.provider()):
        await trio.sleep(3.5)
    assert probes.times == [0, 1, 2, 3]


async def test_a_failure_in_between_brings_the_next_look_forward(autojump_clock: MockClock, probes: Probes) -> None:
    one = has(probes.provider(), "m")
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
    async with probes.watching(probes.provider()):
        await trio.sleep(61)
        probes.problem = Garbled("said nonsense")
        await trio.sleep(120)
        probes.problem = None
        await trio.sleep(60)
    assert [record.getMessage() for record in caplog.records] == ["a is down: said nonsense", "a is up"]


async def test_a_mapping_without_its_model_is_told_until_the_model_is_there(
    autojump_clock: MockClock, probes: Probes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "linx.catalog")
    kind = replace(KINDS["ollama"], list_models=probes.provider().kind.list_models)
    one = Provider(provider("a", model_mappings={"gpt-4o": "big", "x": "m"}, host="localhost").config, kind)
    async with probes.watching(one):
        await trio.sleep(130)
        assert [record.getMessage() for record in caplog.records] == [
            "a: gpt-4o is mapped to big, which is not there: "
            "OLLAMA_HOST=http://localhost:1234 ollama pull big (there is m)"
        ]
        assert caplog.records[0].levelno == logging.WARNING
        probes.name = "big:latest"
        await trio.sleep(60)
    assert caplog.records[1].getMessage() == "a: x is mapped to m, which is not there" + (
        ": OLLAMA_HOST=http://localhost:1234 ollama pull m (there is big:latest)"
    )


async def test_jitter_only_shortens(autojump_clock: MockClock, probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.999)
    async with probes.watching(probes.provider()):
        await trio.sleep(60)
    assert len(probes.times) == 2
    assert 54 <= probes.times[1] < 54.1


# --- what is loaded ---


async def test_a_look_tells_which_models_are_loaded_and_with_which_context(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m", "n", "old"]) as fake:
        one = has(at(fake), "m:latest", "n", "old")
        # Before 0.12 or so an Ollama did not say the context.
        fake.at["/api/ps"] = listing({"models": [{"name": "m", "context_length": 4096}, {"model": "old"}]})
        await learn_loaded(one, pool)
        assert [one.has_loaded(name) for name in ("m", "n", "old")] == [True, False, True]
        assert one.contexts.all_loaded() == {"m:latest": 4096}
        fake.at["/api/ps"] = scripted.status(500)
        await learn_loaded(one, pool)
        assert one.has_loaded("m")
        fake.at["/api/ps"] = listing({"models": []})
        await learn_loaded(one, pool)
        assert not one.has_loaded("m")


async def test_what_is_loaded_is_looked_at_often_while_it_is_up(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    looks: list[float] = []

    async def look(*_arguments: object) -> None:
        looks.append(trio.current_time())

    monkeypatch.setattr(catalog, "learn_loaded", look)
    one, start = provider("a", kind="ollama"), trio.current_time()
    one.health.reachable = True
    any_pool: Any = None
    with trio.move_on_after(3.5 * LOOK_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_loaded, one, any_pool)
            await trio.sleep(2.5 * LOOK_S)
            one.health.reachable = False
    assert [at - start for at in looks] == [LOOK_S, 2 * LOOK_S]


@pytest.mark.parametrize(
    ("problem", "left"), [(None, "ab"), (Garbled("no"), "b"), (ConnectFailed("refused"), "")], ids=["", "ill", "gone"]
)
async def test_a_probe_that_finds_it_down_sends_the_waiting_on(
    problem: AttemptError | None, left: str, probes: Probes
) -> None:
    one = probes.provider()
    one.slots.most = one.slots.active = 1
    probes.problem = problem
    waiting = {"a", "b"}

    async def wait(name: str) -> None:
        await one.slots.take("-", "", lambda _place: None, may_leave=name == "a")
        waiting.remove(name)

    async with trio.open_nursery() as nursery:
        for name in sorted(waiting):
            nursery.start_soon(wait, name)
        await trio.testing.wait_all_tasks_blocked()
        async with probes.watching(one):
            await one.probed.wait()
            await trio.testing.wait_all_tasks_blocked()
        assert "".join(sorted(waiting)) == left
        nursery.cancel_scope.cancel()


# --- where it is ---


def lan(fake: FakeProvider, **config: Any) -> Provider:
    """A provider under a name that its address decides over; ``local`` is not said."""
    config = {"local": msgspec.UNSET, **config}
    return at(fake, **{"endpoint": fake.endpoint.replace("127.0.0.1", "gpu.lan"), **config})


async def test_a_near_name_that_leads_elsewhere_is_asked_and_does_not_count_as_local(
    pool: Pool, redactor: Redactor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "linx.catalog")
    async with FakeProvider("openai", ["m"]) as fake:
        one = lan(fake)
        assert one.is_local("m")
        with Internet() as internet:
            internet.names["gpu.lan"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            for _ in range(2):
                await refresh(one, pool, redactor)
                assert set(one.models) == {"m"}
                assert not one.is_local("m")
                assert one.price("m") is None
            assert "203.0.113.7" in (one.permits.warning or "")
            assert caplog.text.count("does not count as local") == 1
            internet.names["gpu.lan"] = ["203.0.113.7", "127.0.0.1"]
            await refresh(one, pool, redactor)
            assert one.is_local("m")
            assert one.permits.warning is None


@pytest.mark.parametrize(
    ("answer", "is_linx"),
    [
        (Whole(200, b'{"status":"ok"}', headers=(("x-linx-features", "more local-only"),)), True),
        (Whole(200, b'{"status":"ok"}'), False),
        (Whole(404, b"{}"), False),
        (Whole(503, b"{}"), None),
    ],
)
async def test_a_linx_is_known_by_its_health_answer(answer: Whole, is_linx: bool | None, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/healthz"] = answer
        one = at(fake)
        private = Candidate(one, "m")
        for _ in range(3):
            permit = await private.permit(pool)
            assert bool(permit.headers) is (is_linx is not False)
        assert one.permits.is_linx is is_linx
        assert len(fake.requests) == 1
        assert (await Candidate(one, "m", is_private=False).permit(pool)).headers == ()


async def test_after_it_was_away_it_is_asked_again(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/healthz"] = Whole(200, b"{}", headers=(("x-linx-features", "local-only"),))
        one = at(fake)
        await catalog.learn_linx(one, pool)
        await refresh(one, pool, redactor)
        assert one.permits.is_linx
        fake.down()
        await refresh(one, pool, redactor)
        assert one.permits.is_linx is None
        assert not one.permits.was_asked


async def test_a_server_that_could_not_say_it_is_asked_with_the_next_probe(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert "GET /healthz" not in paths(fake)  # nobody wants to know
        fake.at["/healthz"] = Whole(503, b"{}")
        await catalog.learn_linx(one, pool)
        fake.at["/healthz"] = Whole(404, b"{}")
        await refresh(one, pool, redactor)
        assert one.permits.is_linx is False


async def test_a_list_keeps_no_endless_names(pool: Pool, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeProvider("openai", ["a", "b" * 401, "c" * 400, "d"]) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a", "c" * 400, "d"]
        monkeypatch.setattr("linx.providers.catalog.MAX_MODELS", 2)
        await refresh(one, pool, redactor)
        assert list(one.models) == ["a", "c" * 400]


@pytest.mark.parametrize("body", [b"[" * 2**22, b'{"data":[' + b"{}," * 2**22 + b"{}]}"], ids=["brackets", "models"])
async def test_a_list_of_too_many_values_is_not_read(body: bytes, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        fake.at["/v1/models"] = scripted.Whole(200, body)
        began = time.thread_time()
        await refresh(one, pool, redactor)
        assert time.thread_time() - began < 1  # 12 MiB are sent, received and counted; read they would take 4 s
        assert "400,000 values" in (one.health.last_error or "")
