"""Budgets of a real Linx: whom they stop, on which road, and that no restart forgets what was spent."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.routing import budget_watch, late_costs
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here, write_config
from tests.e2e.private_world import CHAT as CHAT_KINDS
from tests.e2e.private_world import ROADS as ALL_ROADS
from tests.e2e.test_ledger import rows_of, until
from tests.e2e.test_ledger import usage as usage_of
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole, status
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linx.app import App
    from tests.e2e.http_client import Answer as Got

MILLION = 1_000_000
PRICE = {"prompt": 1.0 * MILLION / 1000, "completion": 2.0 * MILLION / 1000}
"""A thousandth of a dollar for a token of the prompt, two for one of the answer."""
COST = 9 * 0.001 + 5 * 0.002
"""Of one answer of the fake's."""
MESSAGES = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES, "max_tokens": 5}
PATH = "/v1/chat/completions"


def config(folder: Path, *fakes: FakeProvider, names: tuple[str, ...] = ("paid",), **more: Any) -> dict[str, Any]:
    """``paid`` is remote, and costs PRICE."""
    paid = {"local": False, "price": PRICE, **more.pop("paid", {})}
    return config_for(*fakes, names=names, providers={"paid": paid}, ledger={"path": str(folder / "ledger.db")}, **more)


def port_of(app: App) -> int:
    return app.bound[0][1]


async def budget(port: int) -> Any:
    return (await ask(port, "/v1/providers/status")).json["budget"]


def assert_spent(got: Got, *, status: int = 429) -> None:
    assert got.status == status
    assert got.headers["x-should-retry"] == "false"
    assert 0 < int(got.headers["retry-after"]) <= 32 * 86_400
    assert got.headers["x-linx-attempts"] == "paid=not_asked(budget)"


async def test_at_the_limit_a_local_provider_answers(tmp_path: Path) -> None:
    routing = {"budget": {"daily_usd": 1.5 * COST}, "provider_priority": ["paid", "home"], "cost_optimization": False}
    async with FakeProvider("openai", ["m"]) as paid, FakeProvider("openai", ["m"]) as home:
        made = config(tmp_path, paid, home, names=("paid", "home"), routing=routing)
        async with linx_here(made, tmp_path) as app:
            port = port_of(app)
            got = [await ask(port, PATH, {**CHAT, "stream": is_stream}) for is_stream in (False, True, False, True)]
            assert [one.headers["x-linx-provider"] for one in got] == ["paid", "paid", "home", "home"]
            assert got[2].headers["x-linx-attempts"] == "paid=not_asked(budget), home=ok"
            [row] = await budget(port)
    assert row["spent"] == pytest.approx(2 * COST)
    assert (row["scope"], row["kind"], row["limit"], row["reached"]) == ("all", "daily_usd", 1.5 * COST, True)
    assert row["reserved"] == 0
    assert "memory" not in row
    assert len(paid.calls) == 2


ROADS: list[tuple[str, dict[str, Any]]] = [
    (PATH, CHAT),
    (PATH, {**CHAT, "stream": True}),
    ("/v1/completions", {"model": "m", "prompt": "hi"}),
    ("/v1/embeddings", {"model": "m", "input": "hi"}),
    ("/v1/responses", {"model": "m", "input": "hi"}),
    ("/v1/messages", {"model": "m", "messages": MESSAGES, "max_tokens": 5}),
    ("/api/chat", {"model": "m", "messages": MESSAGES}),
    ("/api/generate", {"model": "m", "prompt": "hi", "stream": False}),
    ("/api/embed", {"model": "m", "input": "hi"}),
    ("/v1/images/generations", {"model": "m", "prompt": "hi"}),
    ("/v1/rerank", {"model": "m", "query": "hi", "documents": ["a"]}),
    ("/v1/audio/speech", {"model": "m", "input": "hi", "voice": "x"}),
]


@pytest.mark.parametrize("kind", ["openai", "openrouter", "anthropic"])
async def test_a_spent_budget_stops_every_road(kind: Any, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"daily_usd": 0}}, paid={"native": True})
        async with linx_here(made, tmp_path) as app:
            for path, body in ROADS:
                got = await ask(port_of(app), path, body)
                assert_spent(got)
                assert "$0 of $0" in got.body.decode(), path
            counted = await ask(port_of(app), "/v1/messages/count_tokens", {"model": "m", "messages": MESSAGES})
            assert counted.status == 200  # an estimate of Linx's own
    assert paid.calls == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_a_restart_forgets_nothing(is_stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as paid:
        made = config(tmp_path, paid, paid={"budget": {"monthly_usd": 1.5 * COST}})
        for _ in range(2):
            async with linx_here(made, tmp_path) as app:
                assert (await ask(port_of(app), PATH, {**CHAT, "stream": is_stream})).status == 200
        async with linx_here(made, tmp_path) as app:
            assert_spent(await ask(port_of(app), PATH, {**CHAT, "stream": is_stream}))
            [row] = await budget(port_of(app))
    assert row["spent"] == pytest.approx(2 * COST)
    assert (row["scope"], row["name"]) == ("provider", "paid")


async def test_the_budgets_of_two_keys(tmp_path: Path) -> None:
    """Alice may spend nothing more on others, and bob has no tokens left; each is told so, and carol is not."""
    secrets = {name: f"the-key-of-{name}-0123456789" for name in ("alice", "bob", "carol")}
    limits = {"alice": {"daily_usd": 0.5 * COST}, "bob": {"daily_tokens": 10}, "carol": None}
    keys = [{"name": name, "key": key, "budget": limits[name]} for name, key in secrets.items()]
    async with FakeProvider("openai", ["m"]) as paid, FakeProvider("openai", ["m"]) as home:
        made = config(
            *(tmp_path, paid, home),
            names=("paid", "home"),
            server={"api_key": keys},
            routing={"cost_optimization": False},
        )
        async with linx_here(made, tmp_path) as app:
            port, got = port_of(app), {}
            for name, key in secrets.items():
                for _ in range(2):
                    got[name] = await ask(port, PATH, CHAT, headers={"authorization": f"Bearer {key}"})
            shown = await ask(port, "/v1/providers/status", headers={"authorization": f"Bearer {secrets['carol']}"})
    assert [(name, one.status) for name, one in got.items()] == [("alice", 200), ("bob", 429), ("carol", 200)]
    assert got["alice"].headers["x-linx-attempts"] == "paid=not_asked(budget), home=ok"
    assert got["bob"].headers["x-linx-attempts"] == "paid=not_asked(budget), home=not_asked(budget)"
    assert "The daily budget of the key bob is spent: 14 tokens of 10 tokens" in got["bob"].json["error"]["message"]
    assert got["carol"].headers["x-linx-provider"] == "paid"
    rows = {row["name"]: (row["scope"], row["spent"], row["reached"]) for row in shown.json["budget"]}
    assert rows == {"alice": ("key", pytest.approx(COST), True), "bob": ("key", 14, True)}


ERRORS: dict[str, Callable[[Any], bool]] = {
    PATH: lambda body: body["error"]["code"] == "budget_exceeded" and body["error"]["type"] == "rate_limit_error",
    "/v1/responses": lambda body: body["error"]["code"] == "budget_exceeded",
    "/v1/messages": lambda body: body["type"] == "error" and body["error"]["type"] == "rate_limit_error",
    "/api/chat": lambda body: "budget" in body["error"],
}


@pytest.mark.parametrize("path", ERRORS)
async def test_the_error_in_each_dialect(path: str, tmp_path: Path) -> None:
    asked = {"model": "m", "messages": MESSAGES, "max_tokens": 5, "input": "hi"}
    body = asked if path != "/v1/responses" else {"model": "m", "input": "hi"}
    async with FakeProvider("openai", ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"daily_tokens": 0}})
        async with linx_here(made, tmp_path) as app:
            got = await ask(port_of(app), path, body)
    assert_spent(got)
    assert ERRORS[path](got.json), got.json
    assert "The daily budget of all providers together is spent: 0 tokens of 0 tokens, until" in got.body.decode()


async def test_of_many_at_once_only_what_is_left_is_spent(tmp_path: Path) -> None:
    """Each may cost as much as the whole budget, so that one runs at a time; the others are told to come back soon."""
    most = 0.03
    async with FakeProvider("openai", ["m"]) as paid:
        paid.default = Answer(interval_s=0.02)
        made = config(tmp_path, paid, routing={"budget": {"daily_usd": most}})
        got: list[Got] = []
        async with linx_here(made, tmp_path) as app:

            async def one() -> None:
                got.append(await ask(port_of(app), PATH, {**CHAT, "max_tokens": 12}))

            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(one)
            [row] = await budget(port_of(app))
    refused = [answer for answer in got if answer.status == 429]
    assert len(refused) == 20 - len(paid.calls)
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}
    assert not any("x-should-retry" in answer.headers for answer in refused)
    assert "the running requests may cost" in refused[0].json["error"]["message"]
    assert (row["spent"], row["reserved"]) == (pytest.approx(len(paid.calls) * COST), 0)
    assert row["spent"] < most + COST


@pytest.mark.parametrize("how", ["whole", "streamed", "left"])
async def test_what_nobody_reports_is_estimated_and_kept(how: str, tmp_path: Path) -> None:
    """A provider that reports nothing, and a client that leaves in the middle: the prompt, and what had come."""
    async with FakeProvider("openai", ["m"]) as paid:
        paid.default = Answer(tokens=["word "] * 40, interval_s=0.01, cut=None if how == "left" else 12)
        made = config(tmp_path, paid, routing={"budget": {"daily_tokens": 1000}})
        async with linx_here(made, tmp_path) as app:
            if how == "left":
                async with Client(port_of(app)) as client:
                    await client.send("POST", PATH, {**CHAT, "max_tokens": 100, "stream": True})
                    await client.event()
                    while len((await client.event()).data) < 10:
                        pass
                    await trio.sleep(0.1)
                await paid.all_closed()
            else:
                await ask(port_of(app), PATH, {**CHAT, "max_tokens": 100, "stream": how == "streamed"})
            [row] = await budget(port_of(app))
        assert 8 + 5 < row["spent"] < 8 + 40
        async with linx_here(made, tmp_path) as app:
            [again] = await budget(port_of(app))
    assert again["spent"] == row["spent"]


async def test_a_limit_is_told_once_and_ends_are_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeProvider("openai", ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"daily_usd": 0.5 * COST}})
        async with linx_here(made, tmp_path) as app:
            for _ in range(3):
                await ask(port_of(app), PATH, CHAT)
            write_config(tmp_path / "config.json", {**made, "routing": {"budget": {"daily_usd": 1}}})
            await ask(port_of(app), "/linx/reload", method="POST")
            assert (await ask(port_of(app), PATH, CHAT)).status == 200
    told = [record.getMessage() for record in caplog.records if record.name == "linx.budget"]
    assert [" is spent: " in line for line in told] == [True, False]
    assert "has room again" in told[1]


async def test_without_a_ledger_it_is_counted_in_memory(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as paid:
        made = {**config(tmp_path, paid, routing={"budget": {"daily_usd": 1}}), "ledger": {"enabled": False}}
        async with linx_here(made, tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
            [row] = await budget(port_of(app))
    assert (row["memory"], row["spent"]) == (True, pytest.approx(COST))


async def test_kill_9_forgets_at_most_the_last_second_and_two_share_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProvider("openai", ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"daily_usd": 3.5 * COST}})
        async with LinxProcess(made, tmp_path) as linx:
            for _ in range(3):
                assert (await ask(linx.port, PATH, CHAT)).status == 200
            await trio.sleep(1.0)
            linx.process.kill()
            await linx.process.wait()
        monkeypatch.setattr(budget_watch, "READ_EVERY_S", 0.05)
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        async with linx_here(made, folders[0]) as one, linx_here(made, folders[1]) as two:
            for app in (one, two):
                assert [row["spent"] for row in await budget(port_of(app))] == [pytest.approx(3 * COST)]
            assert (await ask(port_of(one), PATH, CHAT)).status == 200
            assert_spent(await ask(port_of(one), PATH, CHAT))
            with trio.fail_after(HANG_S):
                while not (await budget(port_of(two)))[0]["reached"]:
                    await trio.sleep(0.05)
            assert_spent(await ask(port_of(two), PATH, CHAT))
            assert (await budget(port_of(one)))[0]["spent"] == pytest.approx(4 * COST)
    assert len(paid.calls) == 4


async def test_models_are_managed_whatever_was_spent_but_nothing_goes_to_the_cloud(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as home:
        made = config_for(
            home, names=("home",), providers={"home": {"budget": {"daily_tokens": 0}}}, ledger={"enabled": False}
        )
        async with linx_here(made, tmp_path) as app:
            port = port_of(app)
            assert (await ask(port, "/api/tags")).status == 200
            assert (await ask(port, "/api/show", {"model": "m"})).status == 200
            assert (await ask(port, "/api/copy", {"source": "m", "destination": "n"})).status == 200
            assert (await ask(port, "/api/ps")).status == 200
            for path in ("/api/chat", "/upstream/home/api/chat", "/api/experimental/web_search"):
                got = await ask(port, path, {"model": "m", "messages": MESSAGES, "query": "hi"})
                assert got.status == 429, path
                assert "budget" in got.body.decode()
    assert not any(call.path == "/api/chat" for call in home.calls)


async def test_a_comparison_with_no_model_of_openrouters_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeProvider("openrouter", ["openai/gpt-4o"]) as router:
        made = config_for(router, names=("openrouter1",), providers={"openrouter1": {"local": False}})
        made["ledger"] = {"path": str(tmp_path / "ledger.db"), "compare_to": "openai/gpt-40"}
        async with linx_here(made, tmp_path):
            with trio.fail_after(HANG_S):
                while "compare_to" not in caplog.text:
                    await trio.sleep(0.02)
    assert "has no price for 'openai/gpt-40'; did you mean 'openai/gpt-4o'?" in caplog.text


async def test_a_month_is_kept_for_a_monthly_budget(tmp_path: Path) -> None:
    """Although the ledger keeps a day only, what was spent at the month's beginning still counts."""
    path = tmp_path / "ledger.db"
    async with FakeProvider("openai", ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"monthly_usd": 1}})
        made["ledger"] = {"path": str(path), "keep_days": 1}
        async with linx_here(made, tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
        connection = sqlite3.connect(path)
        month = connection.execute("SELECT day / 100 * 100 + 1 FROM days").fetchone()[0]
        connection.execute("UPDATE days SET day = ?", (month,))
        connection.commit()
        connection.close()
        for _ in range(2):
            async with linx_here(made, tmp_path) as app:
                assert [row["spent"] for row in await budget(port_of(app))] == [pytest.approx(COST)]


FREE_ROADS = {
    *("/api/show", "/api/create", "/api/pull", "/api/push", "/api/copy", "/api/delete", "/api/blobs/DIGEST"),
    *("/api/me", "/api/signout"),
}
"""Management of an Ollama's models, which costs nothing."""


async def test_with_a_spent_budget_no_byte_of_a_prompt_leaves_on_any_road(tmp_path: Path) -> None:
    """Asked one after the other for the models of four remote providers, each with a text that is looked for there."""
    async with contextlib.AsyncExitStack() as stack:
        fakes = {kind: await stack.enter_async_context(FakeProvider(kind, [f"{kind}-m"])) for kind in CHAT_KINDS}
        settings = {"local": False, "native": True, "price": PRICE}
        made = config_for(
            *fakes.values(),
            names=tuple(f"the-{kind}" for kind in fakes),
            providers={f"the-{kind}": settings for kind in fakes},
            routing={"budget": {"daily_usd": 0}},
            ledger={"enabled": False},
        )
        told = {}
        async with linx_here(made, tmp_path) as app:
            for number, road in enumerate(ALL_ROADS):
                for kind in road.kinds:
                    answer = await road.ask(port_of(app), f"{kind}-m", f"canary-{number}-{kind}-end")
                    told[f"canary-{number}-{kind}-end"] = (str(road), road.path, answer.status)
        heard = b"".join(bytes(one.body) for fake in fakes.values() for one in fake.requests).decode("utf-8", "replace")
    left = {road for text, (road, path, _status) in told.items() if text in heard and path not in FREE_ROADS}
    assert not left
    assert any(text in heard for text in told), "nothing was found of what is free"
    refused = {status for _road, path, status in told.values() if path not in FREE_ROADS}
    assert refused <= {200, 429}, told  # 200: token counts, which Linx estimates


@pytest.mark.parametrize("has_budget", [True, False], ids=["budget", "no budget"])
async def test_what_openrouter_bills_for_a_stream_that_was_left_is_put_in_later(
    has_budget: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_costs, "PAUSES_S", (0.05,) * 100)
    billed = {"id": "gen-fake", "total_cost": 0.125, "cancelled": True, "native_tokens_prompt": 12}
    path = tmp_path / "ledger.db"
    async with FakeProvider("openrouter", ["m"]) as paid:
        paid.default = Answer(tokens=["word "] * 400, interval_s=0.01)
        routing = {"budget": {"daily_usd": 5}} if has_budget else {}
        made = config(tmp_path, paid, routing=routing)
        async with linx_here(made, tmp_path) as app:
            async with Client(port_of(app)) as client:
                await client.send("POST", PATH, {**CHAT, "max_tokens": 400, "stream": True})
                await client.event()
                await client.event()
            await paid.all_closed()
            await until(lambda: path.exists() and rows_of(path))
            paid.at["/api/v1/generation?id=gen-fake"] = Whole(200, jsontext.dumps({"data": billed}))
            usage: Any = None
            with trio.fail_after(HANG_S):
                while usage is None or not usage["total"]["cost_usd"]:
                    await trio.sleep(0.05)
                    usage = usage_of(path)
            shown = [row["spent"] for row in await budget(port_of(app))]
        async with linx_here(made, tmp_path) as app:
            assert [row["spent"] for row in await budget(port_of(app))] == shown
    assert shown == ([pytest.approx(0.125)] if has_budget else [])
    assert (usage["total"]["cost_usd"], usage["total"]["prompt_tokens"]) == (0.125, 12)


async def test_where_the_local_provider_fails_the_error_names_the_budget_too(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as paid, FakeProvider("openai", ["m"]) as home:
        made = config(tmp_path, paid, home, names=("paid", "home"), routing={"budget": {"daily_usd": 0}})
        async with linx_here(made, tmp_path) as app:
            home.next(status(500), status(500))
            got = await ask(port_of(app), PATH, CHAT)
    assert got.status == 502
    assert got.headers["x-linx-attempts"] == "paid=not_asked(budget), home=http_500"
    assert got.json["error"]["message"].endswith(". Not asked: paid (budget)")


async def test_of_a_series_of_prompts_that_was_left_what_was_sent_counts(tmp_path: Path) -> None:
    """An Ollama is asked for one prompt at a time: the first is reported, the second was left in the middle."""
    async with FakeProvider("ollama", ["m"]) as paid:
        made = config(tmp_path, paid, routing={"budget": {"daily_tokens": 10_000}})
        async with linx_here(made, tmp_path) as app:
            paid.next(Answer(), Answer(tokens=["word "] * 400, interval_s=0.01))
            async with Client(port_of(app)) as client:
                body = {"model": "m", "prompt": ["x" * 400, "x" * 400], "max_tokens": 400, "stream": True}
                await client.send("POST", "/v1/completions", body)
                await paid.received(2)
                await trio.sleep(0.1)
            with trio.fail_after(HANG_S):
                while (row := (await budget(port_of(app)))[0])["reserved"]:
                    await trio.sleep(0.02)
    assert row["spent"] == 14
