"""Routing over real sockets: what the client sees, who is asked, and what is counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from benchmarks.scenarios import SCENARIOS, Scenario, play, problems
from linx.core import jsontext
from linx.routing.affinity import STEP
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from linx.app import App

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
EQUAL = {"provider_priority": [["a", "b"]], "hedge": {"after": None}}


def port_of(app: App) -> int:
    return app.bound[0][1]


def rewrite(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_bytes(jsontext.dumps(config))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
async def test_what_the_client_sees_and_when(scenario: Scenario, tmp_path: Path) -> None:
    with trio.fail_after(20):
        seen, calls = await play(scenario, tmp_path)
    assert problems(seen, calls, scenario.expect, slack_s=1.5) == []


# --- replicas ---------------------------------------------------------------------------


async def test_equals_share_the_load(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.default = two.default = Answer(first_s=30)
        config = config_for(one, two, names=("a", "b"), routing=EQUAL)
        async with linx_here(config, tmp_path) as app, trio.open_nursery() as nursery:
            for number in range(12):
                body = {**CHAT, "messages": [{"role": "user", "content": f"question {number}"}]}
                nursery.start_soon(ask, port_of(app), PATH, body)
            with trio.fail_after(5):
                await one.received(6)
                await two.received(6)
            assert [provider.active for provider in app.context.providers] == [6, 6]
            nursery.cancel_scope.cancel()


SAID = {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]}
LATER = {"messages": [*SAID["messages"], {"role": "assistant", "content": "ho"}, {"role": "user", "content": "and?"}]}
OTHER = {"messages": [{"role": "system", "content": "be long"}, {"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("first", "later", "headers"),
    [
        ({}, LATER, {}),
        (OTHER, {}, {"x-claude-code-session-id": "s1"}),
        (OTHER, {}, {"session_id": "s1"}),
        (OTHER, {}, {"x-session-id": "s" * 20_000}),
        ({**OTHER, "prompt_cache_key": "k"}, {"prompt_cache_key": "k"}, {}),
        ({**OTHER, "metadata": {"user_id": "u"}}, {"metadata": {"user_id": "u"}}, {}),
    ],
    ids=["the same beginning", "claude code", "codex", "a long id", "prompt_cache_key", "metadata.user_id"],
)
async def test_a_conversation_returns_to_the_warm_one(
    first: dict[str, Any], later: dict[str, Any], headers: dict[str, str], tmp_path: Path
) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        config = config_for(one, two, names=("a", "b"), routing=EQUAL)
        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            one_is_busy = app.context.providers[0].slots
            one_is_busy.active += STEP
            answer = await ask(port, PATH, {"model": "m", **SAID, **first}, headers=headers)
            assert answer.headers["x-linx-provider"] == "b"
            one_is_busy.active -= STEP
            for _ in range(3):
                answer = await ask(port, PATH, {"model": "m", **SAID, **later}, headers=headers)
                assert answer.headers["x-linx-provider"] == "b"
            stranger = await ask(port, PATH, {"model": "m", "messages": [{"role": "user", "content": "new"}]})
            assert stranger.headers["x-linx-provider"] == "a"
            app.context.providers[1].slots.active += 4
            answer = await ask(port, PATH, {"model": "m", **SAID, **later}, headers=headers)
            assert answer.headers["x-linx-provider"] == "a", "the warm one is busy"
            app.context.providers[1].slots.active -= 4
            app.context.providers[0].health.reachable = False
            answer = await ask(port, PATH, {"model": "m", **SAID, **later}, headers=headers)
            assert answer.headers["x-linx-provider"] == "b", "the warm one is ill"
            assert all(len(name) < 64 for name, _model in app.context.router._ordering._warm)


async def test_the_queue_is_fair_and_shown(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, names=("a",), providers={"a": {"max_concurrent": 1}})
        fake.default = Answer(first_s=0.05)
        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            slots = app.context.providers[0].slots
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    body = {**CHAT, "messages": [{"role": "user", "content": str(number)}]}
                    nursery.start_soon(ask, port, PATH, body)
                    with within(2):
                        while slots.active + slots.waiting <= number:
                            await trio.sleep(0.001)
                if slots.waiting:
                    shown = (await ask(port, "/linx/requests")).json["data"]
                    assert [one["phase"] for one in shown][: slots.waiting] == ["queued"] * slots.waiting
            assert [call.json["messages"][0]["content"] for call in fake.calls] == list("01234")
            assert slots.active == slots.waiting == 0
            # The wait for a place is no time to the first token.
            p95 = (await ask(port, "/v1/providers/status")).json["data"][0]["first_token_ms"]["p95"]
            assert p95 < 60
            headers = (await ask(port, PATH, CHAT)).headers
            assert own_ms(headers) < 40


async def test_one_that_waits_for_a_place_is_hedged_only_to_a_free_one(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.default = Answer(first_s=0.6)
        config = config_for(
            one, two, names=("a", "b"), routing={"hedge": {"after": 0.1, "budget": 1.0}},
            providers={"a": {"max_concurrent": 1}, "b": {"max_concurrent": 1}},
        )  # fmt: skip
        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            b = app.context.providers[1]
            b.slots.active += 1
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, port, PATH, CHAT)
                await one.received()
                answer = await ask(port, PATH, CHAT)
            assert answer.headers["x-linx-attempts"] == "a=ok"
            assert two.calls == []
            b.slots.give_back()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, port, PATH, CHAT)
                answer = await ask(port, PATH, CHAT)
                assert answer.headers["x-linx-provider"] == "b"


# --- cost and time ----------------------------------------------------------------------


async def test_tokens_and_cost_by_provider_and_by_model(tmp_path: Path) -> None:
    models = [Model("m", price=("0.000001", "0.000002")), Model("n", price=("-1", "-1")), Model("o:free")]
    async with FakeProvider("openrouter", models) as remote, FakeProvider("openai", ["p"]) as priced:
        config = config_for(
            remote, priced, names=("remote", "priced"),
            providers={"remote": {"local": False}, "priced": {"price": {"prompt": 1000, "completion": 2000}}},
        )  # fmt: skip
        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            costs = {}
            for model in "mnp":
                answer = await ask(port, PATH, {**CHAT, "model": model})
                costs[model] = answer.headers.get("x-linx-cost-usd")
            assert costs == {"m": "0.00042", "n": "0.00042", "p": "0.019"}
            remote_now, priced_now = (await ask(port, "/v1/providers/status")).json["data"][:2]
            assert (remote_now["tokens"], remote_now["cost_usd"]) == ({"prompt": 18, "completion": 10}, 0.00084)
            assert (priced_now["tokens"], priced_now["cost_usd"]) == ({"prompt": 9, "completion": 5}, 0.019)
            by_model = app.context.telemetry.providers["remote"].models
            assert {name: used.cost_usd for (name, _key), used in by_model.items()} == {"m": 0.00042, "n": 0.00042}
            assert app.context.providers[0].price("n") is None
            streamed = await ask(port, PATH, {**CHAT, "stream": True})
            assert streamed.is_whole
            assert (await ask(port, "/linx/requests")).json["data"][0]["cost_usd"] == 0.00042


async def test_the_cheaper_goes_first(tmp_path: Path) -> None:
    prices = {"dear": ("0.00001", "0.00001"), "cheap": ("0.000001", "0.000001"), "unknown": ("-1", "-1")}
    async with (
        FakeProvider("openrouter", [Model("m", price=prices["unknown"])]) as unknown,
        FakeProvider("openrouter", [Model("m", price=prices["dear"])]) as dear,
        FakeProvider("openrouter", [Model("m", price=prices["cheap"])]) as cheap,
    ):
        names = ("unknown", "dear", "cheap")
        config = config_for(unknown, dear, cheap, names=names, providers={name: {"local": False} for name in names})
        cheap.next(scripted.status(500))
        dear.next(scripted.status(500))
        async with linx_here(config, tmp_path) as app:
            answer = await ask(port_of(app), PATH, CHAT)
        assert answer.headers["x-linx-attempts"] == "cheap=http_500, dear=http_500, unknown=ok"


def own_ms(headers: dict[str, str]) -> float:
    found = re.fullmatch(r"linx;dur=([0-9.]+)", headers["server-timing"])
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("last", ["answers", "fails"])
async def test_server_timing_is_linx_s_own_share(last: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as slow, FakeProvider("openai", ["m"]) as other:
        slow.next(scripted.Whole(500, b"", head_s=0.3))
        other.next(Answer(first_s=0.3, interval_s=0.1) if last == "answers" else scripted.Whole(502, b"", head_s=0.3))
        async with linx_here(config_for(slow, other, routing={"hedge": {"after": None}}), tmp_path) as app:
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
        assert answer.status == (200 if last == "answers" else 502)
        assert 0 < own_ms(answer.headers) < 100


async def test_of_two_failures_and_a_pause_the_shortest_wait_is_told(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.next(scripted.status(429, retry_after="9"))
        two.default = scripted.status(500)
        async with linx_here(config_for(one, two, names=("a", "b")), tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
            answer = await ask(port_of(app), PATH, CHAT)
        assert (answer.status, answer.headers["x-linx-attempts"]) == (502, "b=http_500")
        assert answer.headers["retry-after"] in ("8", "9")
        assert "x-should-retry" not in answer.headers


async def test_many_at_once_learn_that_a_server_refuses_stream_options(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"], refuses=["stream_options"]) as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            statuses = []

            async def one() -> None:
                statuses.append((await ask(port_of(app), PATH, CHAT)).status)

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(one)
        assert statuses == [200] * 8


# --- reload -----------------------------------------------------------------------------


async def test_a_reload_keeps_the_places_and_ends_no_answer(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("openai", ["m"]) as new:
        fake.default = Answer(first_s=0.4)
        config = config_for(fake, names=("a",), providers={"a": {"max_concurrent": 1}})
        answers: list[Any] = []

        async def one() -> None:
            answers.append(await ask(port, PATH, CHAT))

        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one)
                await fake.received()
                nursery.start_soon(one)
                before = app.context.providers[0]
                while not before.slots.waiting:
                    await trio.lowlevel.checkpoint()
                rewrite(tmp_path, {**config, "server": {"port": 0, "heartbeat_s": 14}})
                await app.reload()
                after = app.context.providers[0]
                assert after is not before
                assert (after.active, after.slots.waiting) == (1, 1)
                # Gone from the config, it still finishes what it has begun and what waits for it.
                rewrite(tmp_path, config_for(new, names=("b",)))
                await app.reload()
                await wait_all_tasks_blocked()
                assert [one.name for one in app.context.providers] == ["b"]
                await app.context.providers[0].probed.wait()
                assert (await ask(port, PATH, CHAT)).headers["x-linx-provider"] == "b"
            assert [(one.status, one.headers["x-linx-provider"]) for one in answers] == [(200, "a")] * 2
            assert after.active == 0
