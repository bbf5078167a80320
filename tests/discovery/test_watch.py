"""What is found is a provider while Linx runs: over real sockets, and at no place but the test's own."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import trio

from linx.app import App
from linx.config.load import Options, Sources
from linx.core import jsontext
from linx.core.addresses import Origin
from linx.discovery import watch
from linx.providers.kinds import KINDS
from tests.e2e.http_client import ask
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import pytest

    from linx.config.endpoint_rules import KindRules


@contextlib.asynccontextmanager
async def linx(
    folder: Path,
    *places: int,
    tree: dict[str, Any] | None = None,
    kinds: Mapping[str, KindRules] = KINDS,
    **env: str,
) -> AsyncIterator[App]:
    """Linx as without a config: its file has nothing but the port 0, and it looks at ``places`` alone."""
    path = folder / "config.json"
    path.write_bytes(jsontext.dumps({"server": {"port": 0}, **(tree or {})}))
    path.chmod(0o600)
    where = ",".join(str(port) for port in places) or "none"
    sources = Sources(kinds, str(path), env={"LINX_PLACES": where, **env})
    async with trio.open_nursery() as nursery:
        app: App = await nursery.start(App(Options(sources.load(), sources)).main)
        with trio.fail_after(HANG_S):
            await app.discovery.has_looked.wait()
        yield app
        nursery.cancel_scope.cancel()


def names(app: App) -> list[str]:
    return [one.name for one in app.context.providers]


async def until(condition: Any) -> None:
    with trio.fail_after(HANG_S):
        while not condition():
            await trio.sleep(0.01)


async def chat(app: App, model: str) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return await ask(app.bound[0][1], "/v1/chat/completions", method="POST", body=jsontext.dumps(body))


async def test_what_is_there_answers_under_any_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with FakeProvider("ollama", ["qwen3:4b"]) as one, FakeProvider("ollama", ["other:1b"]) as two:
        async with linx(tmp_path, one.port, two.port) as app:
            assert names(app) == ["ollama", f"ollama-{two.port}"]
            answer = await chat(app, "gpt-4o")
            assert answer.status == 200
            assert one.calls or two.calls
    assert f"at http://localhost:{one.port}, 1 model: provider ollama" in caplog.text


async def test_a_server_that_comes_later_is_found_and_one_that_goes_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "INTERVAL_S", 0.02)
    async with FakeProvider("ollama", ["m"]) as fake:
        port = fake.port
        fake.down()
        async with linx(tmp_path, port) as app:
            assert names(app) == []
            await fake.up()
            await until(lambda: names(app) == ["ollama"])
            first = app.context.providers[0]
            await until(lambda: first.health.reachable)
            asked = len(fake.requests)
            await trio.sleep(0.1)
            assert len(fake.requests) == asked  # a provider that answers is left alone
            fake.down()
            first.list_has_changed()
            await until(lambda: first.health.reachable is False)
            await trio.sleep(0.1)
            assert names(app) == ["ollama"]


async def test_a_provider_of_the_config_is_not_found_again(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        for enabled in (True, False):
            provider = {"kind": "ollama", "endpoint": f"http://127.0.0.1:{fake.port}", "enabled": enabled}
            tree = {"discovery": True, "providers": {"mine": provider}}
            async with linx(tmp_path, fake.port, tree=tree) as app:
                assert names(app) == (["mine"] if enabled else [])


async def test_neither_itself_nor_another_linx_is_a_provider(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with linx(tmp_path) as other, linx(tmp_path, other.bound[0][1]) as app:
        assert names(app) == []
        own = app.bound[0][1]
        app.discovery.places = (*app.discovery.places, Origin("http", "localhost", own))
        app.discovery.seen.clear()
        await app.discovery.look()
        assert [place.port for place in app.discovery.seen] == [other.bound[0][1]]
    assert "another Linx is at" in caplog.text


async def test_no_byte_of_a_local_models_request_goes_to_openrouter(tmp_path: Path) -> None:
    """Names such as qwen/qwen3-8b are in the lists of LM Studio and of OpenRouter."""
    shared, paid = "qwen/qwen3-8b", "openai/gpt-4o"
    async with FakeProvider("openrouter", [shared, paid], api_key="sk-or-0123456789abcdef") as router:
        async with FakeProvider("openai", [shared]) as local:
            entry = {"id": shared, "state": "loaded", "max_context_length": 4096}
            local.at["/api/v0/models"] = Whole(200, jsontext.dumps({"data": [entry]}))
            # The key alone takes OpenRouter in; only its address is the test's.
            kinds = {**KINDS, "openrouter": dataclasses.replace(KINDS["openrouter"], endpoint=router.endpoint)}
            key = "sk-or-0123456789abcdef"
            async with linx(tmp_path, local.port, kinds=kinds, OPENROUTER_API_KEY=key) as app:
                await until(lambda: len(names(app)) == 2 and all(one.models for one in app.context.providers))
                assert names(app) == ["openrouter", "lmstudio"]
                assert (await chat(app, paid)).status == 200
                assert len(router.calls) == 1
                assert (await chat(app, shared)).status == 200
                local.down()
                assert (await chat(app, shared)).status >= 500
                assert (await chat(app, "gpt-nobody-has")).status >= 500
                assert len(router.calls) == 1
