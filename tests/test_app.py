"""Start, reload and end of a whole Linx, in the test's own trio."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

import linx
from linx import app as app_module
from linx.app import GARBAGE_THRESHOLDS, App, _only, max_idle_for, run
from linx.config.load import Options, Sources
from linx.core import jsontext
from linx.core.errors import ConfigError
from linx.local_listener import CannotListen
from linx.providers.kinds import KINDS
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
LATER_S = 5.0

kills = pytest.mark.skipif(sys.platform == "win32", reason="there os.kill would end the tests themselves")


def port_of(app: App) -> int:
    return app.bound[0][1]


def options_for(config: dict[str, Any], folder: Path, **settings: Any) -> Options:
    path = folder / "config.json"
    path.write_bytes(jsontext.dumps(config))
    path.chmod(0o600)
    sources = Sources(KINDS, str(path))
    return Options(sources.load(), sources, **settings)


def write(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_bytes(jsontext.dumps(config))


async def reload(app: App) -> Any:
    key = app.listener.keys.invented or next(iter(app.config.server.plain_keys), "")
    answer = await ask(port_of(app), "/linx/reload", method="POST", headers={"x-api-key": key})
    assert answer.status == 200
    return answer.json


async def until(condition: Any) -> None:
    with trio.fail_after(LATER_S):
        while not condition():
            await trio.sleep(0.01)


# --- start ---


async def test_the_ready_line_comes_when_it_listens_and_the_summary_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with FakeProvider("openai", ["m", "n"]) as good, FakeProvider("ollama") as bad:
        bad.down()
        async with linx_here(config_for(good, bad, names=("good", "bad")), tmp_path) as app:
            ready = capsys.readouterr().out
            assert ready == f"Linx {linx.__version__} listening on http://127.0.0.1:{port_of(app)}\n"
            await until(lambda: "as its OpenAI base URL" in caplog.text)
    lines = [record.getMessage() for record in caplog.records if record.name == "linx"]
    assert "provider good  up    2 models" in lines
    assert any(line.startswith("provider bad   down  ") for line in lines)
    assert any(
        line.startswith(f"give your client http://localhost:{port_of(app)}/v1 as its OpenAI base URL") for line in lines
    )
    assert not any("no provider can be reached" in line for line in lines)


async def test_a_summary_without_anybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with linx_here(config_for(), tmp_path):
        await until(lambda: "no provider is enabled" in caplog.text)
    async with FakeProvider("openai") as fake:
        fake.down()
        async with linx_here(config_for(fake), tmp_path):
            await until(lambda: "no provider can be reached yet" in caplog.text)


async def test_a_slow_provider_holds_up_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(app_module, "SUMMARY_WAIT_S", 0.05)
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/v1/models"] = scripted.hang()
        with within(2):
            async with linx_here(config_for(fake), tmp_path, wait_for_models=False) as app:
                assert (await ask(port_of(app), "/healthz")).status == 200
                await until(lambda: "provider openai1  unknown" in caplog.text)


async def test_a_model_may_be_asked_for_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake), tmp_path, wait_for_models=False) as app:
            assert (await ask(port_of(app), PATH, CHAT)).status == 200


def test_a_taken_port_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(options_for(config_for(server={"port": port}), tmp_path)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"linx: cannot listen on 127.0.0.1:{port}: ")
    assert len(err.splitlines()) == 1


def test_the_garbage_collector_leaves_what_was_imported_alone(tmp_path: Path) -> None:
    before = gc.get_threshold()
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            run(options_for(config_for(server={"port": taken.getsockname()[1]}), tmp_path))
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.get_freeze_count() > 0
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_its_own_address_is_refused_at_start(tmp_path: Path) -> None:
    loop = {"loop": {"kind": "openai", "endpoint": "http://127.0.0.1:{}/v1"}}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    loop["loop"]["endpoint"] = loop["loop"]["endpoint"].format(port)
    options = options_for(config_for(server={"port": port}, providers=loop), tmp_path)
    with pytest.raises(ConfigError, match=r"providers\.loop\.endpoint"):
        run(options)


@kills
async def test_a_signal_ends_it(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        options = options_for(config_for(), tmp_path)
        with trio.fail_after(LATER_S):
            async with trio.open_nursery() as nursery:
                await nursery.start(App(options).main)
                os.kill(os.getpid(), number)


@kills
async def test_a_second_signal_ends_it_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.05))
        options = options_for(config_for(fake, server={"drain_s": 0}), tmp_path)
        with trio.fail_after(LATER_S):
            async with trio.open_nursery() as nursery:
                app: App = await nursery.start(App(options).main)
                await app.context.providers[0].probed.wait()
                async with Client(port_of(app)) as client:
                    await client.send("POST", PATH, {**CHAT, "stream": True})
                    await fake.received()
                    await trio.sleep(0.1)
                    os.kill(os.getpid(), signal.SIGTERM)
                    await until(lambda: "1 requests running" in caplog.text or app.server.requests_running == 1)
                    await trio.sleep(0.05)
                    os.kill(os.getpid(), signal.SIGTERM)
                    answer = await client.answer()
        assert answer.events[-1]["error"]["code"] == "shutting_down"
        assert "second signal" in caplog.text


@kills
async def test_before_the_end_a_front_may_find_out(tmp_path: Path) -> None:
    """While ``shutdown_delay_s`` runs, ``/healthz`` says it, and requests are answered on new connections."""
    async with FakeProvider("openai", ["m"]) as fake:
        options = options_for(config_for(fake, server={"shutdown_delay_s": 3600}), tmp_path)
        with trio.fail_after(LATER_S):
            async with trio.open_nursery() as nursery:
                app: App = await nursery.start(App(options).main)
                await app.context.providers[0].probed.wait()
                os.kill(os.getpid(), signal.SIGTERM)
                await until(lambda: app.context.is_leaving)
                assert (await ask(port_of(app), "/healthz")).status == 503
                answer = await ask(port_of(app), PATH, CHAT)
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                os.kill(os.getpid(), signal.SIGTERM)  # the second signal ends the wait too


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
async def test_sighup_reads_the_config_again(tmp_path: Path) -> None:
    async with linx_here(config_for(server={"heartbeat_s": 3}), tmp_path) as app:
        (tmp_path / "config.json").write_bytes(jsontext.dumps(config_for(server={"heartbeat_s": 4})))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: app.config.server.heartbeat_s == 4)


# --- keys ---


async def test_beyond_loopback_a_key_is_made_and_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with linx_here(config_for(server={"hostname": "0.0.0.0"}), tmp_path) as app:
        key = app.listener.keys.invented
        assert key is not None
        told = capsys.readouterr().err
        why = "No key is configured and other machines can reach Linx on 0.0.0.0"
        assert told == f"{why}, so clients must send this key: {key}\n"
        assert (await ask(port_of(app), "/v1/models")).status == 401
        assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": key})).status == 200
        write(tmp_path, config_for(server={"hostname": "0.0.0.0", "api_key": "given-key-0123456789"}))
        assert (await reload(app))["problem"] is None
        given = {"x-api-key": "given-key-0123456789"}
        assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": key})).status == 401
        assert (await ask(port_of(app), "/v1/models", headers=given)).status == 200
        assert key not in caplog.text
        assert app.redactor.clean(f"it is {key}") != f"it is {key}"


async def test_a_reload_that_takes_the_key_away_opens_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "given-key-0123456789"
    async with linx_here(config_for(server={"hostname": "0.0.0.0", "api_key": given}), tmp_path) as app:
        assert app.listener.keys.invented is None
        assert "made one" not in capsys.readouterr().err
        write(tmp_path, config_for(server={"hostname": "0.0.0.0"}))
        await ask(port_of(app), "/linx/reload", method="POST", headers={"x-api-key": given})
        assert (await ask(port_of(app), "/v1/models")).status == 401
        assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": given})).status == 401
        key = capsys.readouterr().err.strip().rpartition(" ")[2]
        assert key == app.listener.keys.invented
        assert (await ask(port_of(app), "/v1/models", headers={"x-api-key": key})).status == 200
        assert (await reload(app))["problem"] is None
        assert capsys.readouterr().err == ""  # told once
        assert app.listener.keys.invented == key


async def test_on_loopback_no_key_is_needed(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        assert app.listener.keys.invented is None
        assert (await ask(port_of(app), "/v1/models")).status == 200


async def test_allowed_names_and_origins_are_those_of_the_config(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        name, page = {"host": "linx.lan"}, {"origin": "https://page.example"}
        assert (await ask(port_of(app), "/v1/models", headers=name)).status == 403
        assert (await ask(port_of(app), "/v1/models", headers=page)).status == 403
        write(tmp_path, config_for(server={"allowed_hosts": ["linx.lan"], "allowed_origins": ["https://page.example"]}))
        await reload(app)
        assert (await ask(port_of(app), "/v1/models", headers=name)).status == 200
        assert (await ask(port_of(app), "/v1/models", headers=page)).status == 200


# --- reload ---


async def test_a_changed_file_is_taken_over_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(), tmp_path) as app:
        write(tmp_path, config_for(fake))
        await until(lambda: app.context.providers and app.context.providers[0].models)
        assert f"config read again from {tmp_path / 'config.json'}" in caplog.text
        assert (await ask(port_of(app), PATH, CHAT)).status == 200
        caplog.clear()
        (tmp_path / "config.json").write_bytes(b"{")
        await until(lambda: app.context.config_problem)
        assert "the changed config is not used, the last good one stays in force" in caplog.text
        assert (await ask(port_of(app), PATH, CHAT)).status == 200
        write(tmp_path, config_for(fake))
        await until(lambda: app.context.config_problem is None)


async def test_what_was_learnt_is_kept_and_probing_goes_on(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("openai", ["n"]) as other:
        async with linx_here(config_for(fake), tmp_path) as app:
            await ask(port_of(app), PATH, CHAT)
            before = app.context.providers[0]
            write(tmp_path, config_for(fake, other, routing={"provider_priority": ["openai2"]}))
            await reload(app)
            one, two = app.context.providers
            assert one is not before
            assert (one.health, one.counters, list(one.models)) == (before.health, before.counters, ["m"])
            assert one.counters.requests == 1
            await two.probed.wait()
            assert list(two.models) == ["n"]
            write(tmp_path, config_for(other, names=("openai2",)))
            await reload(app)
            assert [provider.name for provider in app.context.providers] == ["openai2"]
            assert (await ask(port_of(app), PATH, CHAT)).status == 404


async def test_an_address_counts_from_the_next_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        write(tmp_path, config_for(server={"max_body_mb": 1}))
        await reload(app)
        assert "restart Linx to listen there" not in caplog.text
        assert app.server.limits.max_body == 2**20
        write(tmp_path, config_for(server={"port": 1}))
        await reload(app)
        assert "server.hostname or server.port has changed; restart Linx to listen there" in caplog.text
        assert (await ask(port_of(app), "/healthz")).status == 200


async def test_a_reload_that_points_at_itself_is_refused(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]"):
            endpoint = f"http://{host}:{port_of(app)}"
            write(tmp_path, config_for(providers={"loop": {"kind": "ollama", "endpoint": endpoint}}))
            assert "providers.loop.endpoint" in (await reload(app))["problem"], host
        assert app.context.providers == ()


async def test_warnings_of_a_config_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with linx_here(config_for(server={"api_key": "short"}), tmp_path):
        assert "api_key" in caplog.text
        assert "short" not in caplog.text.replace("shorter", "")


# --- the demo ---


@kills
async def test_the_demo_is_a_provider_that_answers_every_name(tiny_model: Path, tmp_path: Path) -> None:
    options = options_for(config_for(), tmp_path, demo=True, demo_model=str(tiny_model))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            app: App = await nursery.start(App(options).main)
            answer = await ask(port_of(app), PATH, {**CHAT, "model": "gpt-4o", "max_tokens": 3})
            assert answer.status == 200, answer.body  # also while it still loads
            assert answer.headers["x-linx-provider"] == "demo"
            (demo,) = app.context.providers
            assert (demo.local, demo.config.is_last_resort, demo.kind.name) == (True, True, "llamacpp")
            shown = await ask(port_of(app), "/v1/providers/status")
            assert demo.config.api_key is not None
            assert demo.config.api_key not in shown.body.decode()
            await reload(app)
            assert [provider.name for provider in app.context.providers] == ["demo"]
            assert app.demo is not None
            pid = app.demo.pid
            assert pid is not None
            nursery.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- small things ---


def test_the_one_exception_in_nested_groups() -> None:
    error = ConfigError("a", "b")
    assert _only(BaseExceptionGroup("", [BaseExceptionGroup("", [error])])) is error
    several = BaseExceptionGroup("", [error, CannotListen()])
    assert _only(BaseExceptionGroup("", [several])) is several


def test_any_other_exception_is_nobodys_fault_but_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app_module, "raise_file_limit", broken)
    with pytest.raises(ZeroDivisionError):
        run(options_for(config_for(), tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr("linx.server.listen.open_sockets", broken)
    with pytest.raises(BaseExceptionGroup):
        run(options_for(config_for(), tmp_path))


@pytest.mark.parametrize(
    ("files", "most"), [(None, 1024), (1_048_576, 1024), (20_000, 1024), (1024, 80), (256, 16), (64, 1)]
)
def test_so_many_connections_are_kept_for_one_origin(files: int | None, most: int) -> None:
    assert max_idle_for(files) == most
