"""The readings of /metrics: what a scraper sees after a few requests, and that its labels stay few."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from linx.core.chat import Usage
from linx.core.telemetry import (
    KEPT_ENDS,
    KEPT_MODELS,
    NOBODY,
    OTHER_KEYS,
    OTHER_MODELS,
    Counters,
    RequestRecord,
    Telemetry,
)
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer

if TYPE_CHECKING:
    from pathlib import Path

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(port: int) -> Samples:
    answer = await ask(port, "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return parsed(answer.body.decode())


def parsed(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def test_requests_attempts_tokens_and_cost(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openrouter", ["m"]) as good:
        bad.next(scripted.status(500), scripted.status(400, "no"))
        config = config_for(bad, good, names=("bad", "good"), routing={"cost_optimization": False})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            await ask(port, "/v1/chat/completions", CHAT)
            await ask(port, "/v1/chat/completions", {**CHAT, "stream": True})
            samples = await scrape(port)
    assert value(samples, "linx_requests_total", outcome="done", status="200") == 1
    assert value(samples, "linx_requests_total", outcome="failed", status="400") == 1
    assert value(samples, "linx_attempts_total", provider="bad", outcome="http_500") == 1
    assert value(samples, "linx_attempts_total", provider="good", outcome="ok") == 1
    assert value(samples, "linx_tokens_total", provider="good", model="m", type="prompt") == 9
    assert value(samples, "linx_cost_usd_total", provider="good", model="m") == 0.00042
    assert value(samples, "linx_first_token_seconds_count", provider="good") == 1
    assert value(samples, "linx_first_token_seconds_bucket", provider="good", le="+Inf") == 1
    assert value(samples, "linx_added_latency_seconds_count") == 1
    assert 0 < value(samples, "linx_added_latency_seconds_sum") < 0.5
    assert value(samples, "linx_provider_state", provider="good", state="up") == 1
    assert value(samples, "linx_provider_state", provider="good", state="down") == 0
    assert value(samples, "linx_provider_active", provider="good") == 0
    assert value(samples, "linx_upstream_connections", state="active") == 0
    assert value(samples, "linx_upstream_connections", state="idle") >= 1
    assert value(samples, "process_open_fds") > 0


async def test_the_tasks_of_connections_are_counted(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        before = value(await scrape(port), "linx_tasks")
        async with AsyncExitStack() as clients:
            for _ in range(12):
                client = await clients.enter_async_context(Client(port))
            await client.send("GET", "/healthz")
            await client.answer()  # the other eleven were accepted before
            # Tasks of Linx's own (a first probe, say) may have ended since: some, never eight.
            assert value(await scrape(port), "linx_tasks") >= before + 12 - 4


async def test_hedges_won_and_wasted(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as slow, FakeProvider("openai", ["m"]) as quick:
        slow.default = Answer(first_s=60)
        config = config_for(slow, quick, names=("slow", "quick"), routing={"hedge": {"after": 0.05}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            await ask(port, "/v1/chat/completions", CHAT)
            samples = await scrape(port)
    assert value(samples, "linx_hedges_total", provider="quick") == 1
    assert value(samples, "linx_hedges_won_total", provider="quick") == 1
    assert value(samples, "linx_attempts_wasted_total", provider="slow") == 1
    assert value(samples, "linx_attempts_wasted_total", provider="quick") == 0


async def test_a_running_request_is_counted_by_its_phase(tmp_path: Path) -> None:
    import trio

    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=60)
        config = config_for(fake, names=("a",), providers={"a": {"max_concurrent": 1}})
        async with linx_here(config, tmp_path) as app, trio.open_nursery() as nursery:
            port = app.bound[0][1]
            nursery.start_soon(ask, port, "/v1/chat/completions", CHAT)
            await fake.received()
            nursery.start_soon(ask, port, "/v1/chat/completions", CHAT)
            slots = app.context.providers[0].slots
            while not slots.waiting:
                await trio.lowlevel.checkpoint()
            samples = await scrape(port)
            nursery.cancel_scope.cancel()
    assert value(samples, "linx_requests_running", phase="waiting") == 1
    assert value(samples, "linx_requests_running", phase="queued") == 1
    assert value(samples, "linx_provider_queued", provider="a") == 1
    assert value(samples, "linx_provider_active", provider="a") == 1


async def test_what_comes_with_a_key_has_its_name(tmp_path: Path) -> None:
    named = [{"name": "anna", "key": "the-key-of-anna-0123"}, {"name": "ben", "key": "the-key-of-ben-01234"}]
    async with FakeProvider("openrouter", ["m"]) as fake:
        async with linx_here(config_for(fake, names=("a",), server={"api_key": named}), tmp_path) as app:
            port = app.bound[0][1]
            for entry in (named[0], named[0], named[1]):
                await ask(port, "/v1/chat/completions", CHAT, headers={"x-api-key": entry["key"]})
            await ask(port, "/v1/chat/completions", CHAT, headers={"x-api-key": "wrong"})
            answer = await ask(port, "/metrics", headers={"x-api-key": named[0]["key"]})
    samples = parsed(answer.body.decode())
    assert value(samples, "linx_requests_total", outcome="done", status="200", key="anna") == 2
    assert value(samples, "linx_requests_total", outcome="done", status="200", key="ben") == 1
    assert value(samples, "linx_requests_total", outcome="failed", status="401") == 1
    assert value(samples, "linx_tokens_total", provider="a", model="m", type="prompt", key="anna") == 18
    assert value(samples, "linx_cost_usd_total", provider="a", model="m", key="ben") == 0.00042


def test_keys_that_came_and_went_share_one_label() -> None:
    counters, telemetry = Counters(), Telemetry()
    for number in range(3 * KEPT_MODELS):
        counters.count_answer(Usage(1, 1), None, "m", f"key-{number}")
    assert len(counters.models) == 2 * KEPT_MODELS + 1
    assert counters.models[OTHER_MODELS, OTHER_KEYS].prompt_tokens == KEPT_MODELS
    for number in range(KEPT_ENDS + 10):
        record = RequestRecord("1", 0.0, 0.0, "POST", "/", key=f"key-{number}", status=200)
        telemetry.note(record, "done", 1.0)
    assert len(telemetry.ended) == KEPT_ENDS + 1
    assert telemetry.ended["done", 200, OTHER_KEYS] == 10


def test_models_that_clients_make_up_share_one_label() -> None:
    counters = Counters()
    for number in range(KEPT_MODELS + 100):
        counters.count_answer(Usage(1, 1), None, f"made-up-{number}")
    assert len(counters.models) == KEPT_MODELS + 1
    assert counters.models[OTHER_MODELS, NOBODY].prompt_tokens == 100


async def test_budgets(tmp_path: Path) -> None:
    async with FakeProvider("openrouter", ["m"]) as paid:
        config = config_for(paid, names=("paid",), routing={"budget": {"daily_usd": 5, "daily_tokens": 1000}})
        async with linx_here({**config, "ledger": {"enabled": False}}, tmp_path) as app:
            await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
            samples = await scrape(app.bound[0][1])
    for kind, limit, spent in (("daily_usd", 5, 0.00042), ("daily_tokens", 1000, 14)):
        labels = frozenset({"scope": "all", "name": "", "kind": kind}.items())
        found = [samples[f"linx_budget_{name}", labels] for name in ("limit", "spent", "reserved")]
        assert found == [limit, spent, 0]
