"""Budgets of a real Linx: whom they stop, on which road, and that no restart forgets what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
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
