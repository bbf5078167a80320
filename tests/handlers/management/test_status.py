"""Management: the status as the contract has it, the requests, the reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

import linx
from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.providers.catalog import AGAIN_S
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
FIELDS = {
    "name",
    "kind",
    "enabled",
    "state",
    "endpoint",
    "local",
    "models",
    "last_error",
    "last_checked",
    "consecutive_failures",
    "retry_at",
    "active",
    "queued",
    "loaded",
    "budget",
    "price_known",
    "requests",
    "failures",
    "hedges",
    "first_token_ms",
    "tokens",
    "cost_usd",
}


async def status_of(app: App) -> Any:
    answer = await ask(app.bound[0][1], "/v1/providers/status")
    assert answer.status == 200
    return answer.json


async def test_healthz_says_nothing_of_the_providers_and_needs_no_key(tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": "linx-key-0123456789"}), tmp_path) as app:
        for method in ("GET", "HEAD"):
            answer = await ask(app.bound[0][1], "/healthz", method=method)
            assert answer.status == 200
            assert answer.headers["x-linx-features"] == "local-only"
        assert (await ask(app.bound[0][1], "/healthz")).json == {"status": "ok"}
        app.context.is_leaving = True
        answer = await ask(app.bound[0][1], "/healthz")
        assert (answer.status, answer.json) == (503, {"status": "ending"})
        for path in ("/v1/providers/status", "/linx/requests"):
            assert (await ask(app.bound[0][1], path)).status == 401


async def test_the_status_of_everybody(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "n"]) as good, FakeProvider("ollama", ["m"]) as bad:
        bad.down()
        config = config_for(
            good,
            bad,
            names=("good", "bad"),
            providers={"off": {"kind": "llamacpp", "endpoint": "http://10.0.0.9", "enabled": False}},
        )
        async with linx_here(config, tmp_path) as app:
            body = await status_of(app)
            assert set(body) == {
                "object",
                "version",
                "uptime_s",
                "longest_stall_ms",
                "config",
                "ledger",
                "budget",
                "secrets",
                "data",
            }
            assert body["budget"] == []
            assert (body["object"], body["version"]) == ("list", linx.__version__)
            assert body["uptime_s"] >= 0
            assert body["config"]["path"] == str(tmp_path / "config.json")
            assert body["config"]["problem"] is None
            assert abs(body["config"]["loaded_at"] - app.context.now()) < 60
            data = {one["name"]: one for one in body["data"]}
            assert set(data) == {"good", "bad", "off", "ollama", "llamacpp", "openrouter"}
            assert all(set(one) == FIELDS for one in data.values())
            assert data["good"]["state"] == "up"
            assert data["good"]["models"] == ["m", "n"]
            assert (data["good"]["kind"], data["good"]["enabled"], data["good"]["local"]) == ("openai", True, True)
            assert data["good"]["endpoint"] == good.endpoint
            assert data["good"]["last_error"] is None
            assert abs(data["good"]["last_checked"] - app.context.now()) < 60
            assert data["good"]["first_token_ms"] == {"p50": None, "p95": None}
            assert data["bad"]["state"] == "down"
            assert "refused the connection" in data["bad"]["last_error"]
            assert (data["off"]["state"], data["off"]["enabled"], data["off"]["models"]) == ("disabled", False, [])
            assert data["off"]["local"] is True


async def test_it_follows_what_happens(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        fake.next(Answer(tokens=["x"] * 100, interval_s=0.05))
        async with Client(port) as client:
            await client.send("POST", PATH, {**CHAT, "stream": True})
            await fake.received()
            assert (await status_of(app))["data"][0]["active"] == 1
        with within(1):
            while (one := (await status_of(app))["data"][0])["active"]:
                await trio.sleep(0.01)
        assert (one["requests"], one["failures"]) == (1, 0)
        await ask(port, PATH, CHAT)
        one = (await status_of(app))["data"][0]
        assert one["tokens"] == {"prompt": 9, "completion": 5}
        assert one["first_token_ms"]["p95"] >= one["first_token_ms"]["p50"] > 0
        assert one["cost_usd"] == 0
        for _ in range(3):
            app.context.providers[0].health.failed(Garbled("said nonsense"), trio.current_time())
        one = (await status_of(app))["data"][0]
        assert (one["state"], one["consecutive_failures"], one["last_error"]) == ("cooling", 3, "said nonsense")
        assert 0 < one["retry_at"] - app.context.now() <= 1.2


async def test_the_requests_newest_first(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        first = await ask(port, PATH, CHAT)
        fake.next(scripted.status(500))
        second = await ask(port, PATH, CHAT)
        fake.next(scripted.hang())
        async with Client(port) as client:
            await client.send("POST", PATH, CHAT)
            await fake.received(3)
            body = (await ask(port, "/linx/requests")).json
        assert body["object"] == "list"
        running, failed, done = body["data"]
        assert [one["id"] for one in (failed, done)] == [second.headers["x-request-id"], first.headers["x-request-id"]]
        assert (running["phase"], running["status"], running["duration_ms"]) == ("waiting", None, None)
        assert (running["attempts"][0]["outcome"], running["attempts"][0]["ended_ms"]) == (None, None)
        assert (failed["phase"], failed["status"], failed["attempts"][0]["outcome"]) == ("failed", 502, "http_500")
        assert (done["phase"], done["status"], done["provider"], done["served_model"]) == ("done", 200, "openai1", "m")
        assert done["tokens"] == {"prompt": 9, "completion": 5, "cached": 0}
        assert 0 <= done["first_token_ms"] <= done["duration_ms"]
        assert set(done) >= {
            "id", "started_at", "phase", "method", "path", "model", "served_model", "provider", "attempts", "status",
            "first_token_ms", "duration_ms", "tokens", "cost_usd", "not_asked", "queue",
        }  # fmt: skip


@pytest.mark.parametrize("body", [None, b"", b" ", {}])
async def test_a_reload_that_is_asked_for(body: Any, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        before = app.context.router
        answer = await ask(app.bound[0][1], "/linx/reload", body, method="POST")
        assert (answer.status, answer.json["problem"]) == (200, None)
        assert app.context.router is not before
        assert answer.json["loaded_at"] == app.context.config_loaded_at


async def test_a_reload_takes_no_fields_and_no_other_origin(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = app.bound[0][1]
        before = app.context.router
        for body, says in (
            ({"path": "/etc/passwd"}, "takes no fields"),
            (b"[]", "a JSON object"),
            (b"{", "not valid JSON"),
        ):
            answer = await ask(port, "/linx/reload", body, method="POST")
            assert (answer.status, says in answer.json["error"]["message"]) == (400, True)
        page = {"origin": "http://localhost:3000"}
        assert (await ask(port, "/linx/reload", {}, headers=page)).status == 403
        assert (await ask(port, "/v1/providers/status", headers=page)).status == 403
        same = {"origin": f"http://localhost:{port}"}
        assert (await ask(port, "/v1/providers/status", headers=same)).status == 200
        assert app.context.router is before


async def test_a_problem_is_shown_until_it_is_mended(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        good = (tmp_path / "config.json").read_bytes()
        (tmp_path / "config.json").write_bytes(b"{")
        answer = await ask(app.bound[0][1], "/linx/reload", method="POST")
        assert "config.json" in answer.json["problem"]
        assert (await status_of(app))["config"]["problem"] == answer.json["problem"]
        (tmp_path / "config.json").write_bytes(good)
        assert (await ask(app.bound[0][1], "/linx/reload", method="POST")).json["problem"] is None


async def test_no_secret_is_in_it(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"], api_key="sk-provider-0123456789") as fake:
        config = config_for(fake, providers={"openai1": {"headers": {"x-secret": "hidden-0123456789"}}})
        async with linx_here(config, tmp_path) as app:
            shown = jsontext.dumps(await status_of(app))
    assert b"sk-provider" not in shown
    assert b"hidden" not in shown


async def test_the_status_warns_of_a_public_name_that_is_said_to_be_local(tmp_path: Path) -> None:
    providers = {
        name: {"kind": "openai", "endpoint": f"{scheme}://gpu.invalid/v1", "local": local}
        for name, scheme, local in (("plain", "http", True), ("tls", "https", True), ("far", "http", False))
    }
    async with linx_here(config_for(providers=providers), tmp_path, wait_for_models=False) as app:
        answer = await ask(app.bound[0][1], "/v1/providers/status")
        warned = {one["name"]: (one["local"], one.get("warning")) for one in answer.json["data"] if one["enabled"]}
        assert warned["tls"] == (True, None)
        assert warned["far"] == (False, None)
        assert warned["plain"][0]
        assert "https://" in warned["plain"][1]


async def test_mappings_without_their_models_are_told_and_listed_nowhere(tmp_path: Path) -> None:
    mapped = {"ollama1": {"model_mappings": {"gpt-4o": "big:32b", "here": "m", "default": "m"}}}
    async with (
        FakeProvider("ollama", ["m", "big:7b"]) as fake,
        linx_here(config_for(fake, providers=mapped), tmp_path) as app,
    ):
        port = app.bound[0][1]
        (row,) = (await status_of(app))["data"][:1]
        assert row["missing_models"] == [
            {
                "name": "gpt-4o",
                "model": "big:32b",
                "command": f"OLLAMA_HOST={fake.endpoint} ollama pull big:32b",
                "near": ["big:7b"],
            }
        ]
        for path, entries in (("/v1/models", "data"), ("/api/tags", "models")):
            listed = (await ask(port, path)).json[entries]
            assert [str(one.get("id") or one["name"]).removesuffix(":latest") for one in listed] == [
                "here",
                "m",
                "big:7b",
            ]
        assert (await ask(port, "/v1/models/gpt-4o")).status == 404
        answer = await ask(port, PATH, {**CHAT, "model": "gpt-4o"})
        assert answer.headers["x-linx-model"] == "m"  # as for any name that nobody has
        fake.models.append(Model("big:32b"))
        app.context.providers[0].read_at -= AGAIN_S
        answer = await ask(port, PATH, {**CHAT, "model": "gpt-4o"})
        assert (answer.headers["x-linx-model"], answer.json["model"]) == ("big:32b", "gpt-4o")
        assert "missing_models" not in (await status_of(app))["data"][0]
        assert [one["id"] for one in (await ask(port, "/v1/models")).json["data"]][:2] == ["gpt-4o", "here"]
