"""The tunnel from end to end: through a real sshd and its forwarded port, and every way round it."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import openai
import pytest
import trio

from linx.children import process
from linx.core import jsontext
from tests.e2e.corpus import KEY, QUIET_S, REQUESTS, SERVERS, answers_in, exchange, judge, verdict
from tests.e2e.http_client import Answer as HttpAnswer
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes.programs import Life, Program, dead, is_alive, lhr
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.fakes.sshd import Sshd, children_of, free_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from linx.app import App

NAME = "abc123.lhr.life"
URL = f"https://{NAME}"
BEARER = {"authorization": f"Bearer {KEY}"}
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TUNNEL_CASES = [case for case in REQUESTS if case["profile"] == "tunnel"]
MANAGEMENT_CASES = [
    case
    for case in REQUESTS
    if case["profile"] in ("open", "key") and ("tunnel" in case["id"] or case["id"] == "host-lhr")
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    monkeypatch.setenv("PATH", program.path)
    return program


def server_keys() -> dict[str, Any]:
    return {"api_key": KEY}


async def status_is(port: int, wanted: str, headers: Mapping[str, str] | None = None) -> Any:
    """Ask for the status over the local listener until it is this one."""
    with trio.fail_after(HANG_S):
        while True:
            answer = await ask(port, "/api/tunnel/status", headers=dict(headers or {}))
            if answer.json["status"] == wanted:
                return answer.json
            await trio.sleep(0.02)


async def until(is_so: Callable[[], bool]) -> None:
    """For what another process brings about."""
    with trio.fail_after(HANG_S):
        while not is_so():
            await trio.sleep(0.01)


def port_in(argv: list[str]) -> int:
    """Where the child was told to forward to."""
    target = next(word for word in argv if "127.0.0.1:" in word)
    return int(target.rpartition(":")[2])


async def through(port: int, path: str, body: Any = None, **headers: str) -> HttpAnswer:
    """A request as the tunnel's own server would hand it over."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(port, path, body, headers={"host": NAME, **named})


# --- the corpus ---


async def test_bad_requests_through_the_tunnel(ssh: Program, tmp_path: Path) -> None:
    assert len(TUNNEL_CASES) >= 5
    wrong: list[str] = []
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            port = port_in((await ssh.called())["argv"])
            await status_is(app.bound[0][1], "running", BEARER)
            for case in TUNNEL_CASES:
                data, closed = await exchange(port, case, patience=QUIET_S)
                problem = verdict(case, answers_in(data), closed)
                if problem:
                    wrong.append(problem)
                answer = await through(port, "/v1/models", **BEARER)
                assert answer.status == 200, case["id"]
            await judge("tunnel", port, fake)
            assert app.tunnel.status == "running"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("profile", ["open", "key"])
async def test_bad_requests_about_the_tunnel(profile: str, ssh: Program, tmp_path: Path) -> None:
    wrong: list[str] = []
    async with linx_here(config_for(server=SERVERS[profile]), tmp_path) as app:
        for case in MANAGEMENT_CASES:
            if case["profile"] == profile:
                data, closed = await exchange(app.bound[0][1], case, patience=QUIET_S)
                problem = verdict(case, answers_in(data), closed)
                if problem:
                    wrong.append(problem)
        assert app.tunnel.status == "stopped"
    assert not wrong, "\n".join(wrong)
    assert ssh.calls == []


# --- what the tunnel's listener refuses ---

MANAGEMENT = [
    ("GET", "/v1/providers/status"),
    ("GET", "/linx/requests"),
    ("GET", "/linx/requests/0123"),
    ("POST", "/linx/requests/0123/cancel"),
    ("POST", "/linx/reload"),
    ("GET", "/linx/events"),
    ("GET", "/metrics"),
    ("GET", "/dashboard"),
    ("GET", "/dashboard/"),
    ("GET", "/dashboard/app.js"),
    ("GET", "/healthz"),
    ("GET", "/health"),
    ("GET", "/v1/health"),
    ("GET", "/upstream/ollama1/api/tags"),
    ("POST", "/upstream/ollama1/api/generate"),
    ("POST", "/api/tunnel/start"),
    ("POST", "/api/tunnel/stop"),
    ("GET", "/api/tunnel/status"),
    ("POST", "/api/pull"),
    ("POST", "/api/push"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("POST", "/api/blobs/sha256:0123"),
]


async def test_model_paths_only_and_always_a_key(ssh: Program, tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            local = app.bound[0][1]
            await status_is(local, "running", BEARER)
            port = app.tunnel.port or 0
            for method, path in MANAGEMENT:
                for headers in (BEARER, {"x-api-key": KEY}, {**BEARER, "x-forwarded-for": "127.0.0.1"}):
                    answer = await ask(port, path, method=method, headers={"host": NAME, **headers})
                    assert answer.status in (403, 404), (method, path, answer.status)
                assert (await ask(port, f"/k/{KEY}{path}", method=method, headers={"host": NAME})).status in (403, 404)
            for path in ("/", "/v1/models", "/api/version", "/healthz", "/nothing"):
                assert (await through(port, path)).status == 401, path
                assert (await through(port, path, authorization="Bearer wrong")).status in (401, 429)
            assert (await through(port, "/v1/models", **BEARER)).status == 200
            assert (await through(port, f"/k/{KEY}/v1/models")).status == 200
            answer = await through(port, "/v1/chat/completions", CHAT, **BEARER)
            assert answer.json["choices"][0]["message"]["content"] == "Hello from the fake."
            assert fake.calls
            # A page of any origin may use the model paths with the key, as on the local listener.
            answer = await through(port, "/v1/models", origin="https://page.example", **BEARER)
            assert answer.headers["access-control-allow-origin"] == "https://page.example"
            assert app.tunnel.status == "running"


async def test_a_named_key_works_there_with_its_limits(ssh: Program, tmp_path: Path) -> None:
    """And a key without limits manages nothing there, as no key does."""
    named = {"name": "anna", "key": "the-key-of-anna-0123", "models": ["m"], "requests_per_minute": 2}
    async with FakeProvider("ollama", ["m", "n"]) as fake:
        config = config_for(fake, server={"api_key": [KEY, named]}, tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            await status_is(app.bound[0][1], "running", BEARER)
            port, anna = app.tunnel.port or 0, {"x_api_key": "the-key-of-anna-0123"}
            assert [each["id"] for each in (await through(port, "/v1/models", **anna)).json["data"]] == ["m:latest"]
            assert len((await through(port, "/v1/models", **BEARER)).json["data"]) == 2
            assert (await through(port, "/v1/chat/completions", CHAT, **anna)).status == 200
            assert (await through(port, "/v1/chat/completions", {**CHAT, "model": "n"}, **anna)).status == 403
            refused = await through(port, "/k/the-key-of-anna-0123/v1/chat/completions", CHAT)
            assert (refused.status, "retry-after" in refused.headers) == (429, True)
            # The same key has the same limits on the local listener.
            local = await ask(app.bound[0][1], "/v1/chat/completions", CHAT, headers={"x-api-key": named["key"]})  # type: ignore[dict-item]  # a text
            assert local.status == 429
            assert (await through(port, "/v1/chat/completions", CHAT, **BEARER)).status == 200
            assert (await through(port, "/v1/providers/status", **BEARER)).status == 403


TRICKS = [
    {"host": "localhost"},
    {"host": "127.0.0.1"},
    {"host": "[::1]"},
    {"host": "evil.example"},
    {"host": f"{NAME}.evil.example"},
    {"host": f"x.{NAME}"},
    {"host": "localhost", "x-forwarded-host": NAME},
    {"host": "localhost", "x-forwarded-for": "127.0.0.1", "forwarded": f"for=127.0.0.1;host={NAME}"},
    {"host": "evil.example", "x-original-host": NAME},
]


async def test_only_the_live_name_is_answered(ssh: Program, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            local = app.bound[0][1]
            await status_is(local, "running", BEARER)
            port = app.tunnel.port or 0
            for trick in TRICKS:
                answer = await ask(port, "/v1/models", headers={**BEARER, **trick})
                assert answer.status == 403, trick
                assert NAME not in answer.body.decode()
            for host in (NAME, NAME.upper(), f"{NAME}:443"):
                assert (await ask(port, "/v1/models", headers={**BEARER, "host": host})).status == 200
            ssh.say(lhr("def456.lhr.life"))
            await until(lambda: app.tunnel.url == "https://def456.lhr.life")
            assert (await through(port, "/v1/models", **BEARER)).status == 403
            assert (await ask(port, "/v1/models", headers={**BEARER, "host": "def456.lhr.life"})).status == 200


async def test_nobody_on_the_local_side_passes_for_the_tunnel_nor_the_other_way(ssh: Program, tmp_path: Path) -> None:
    """Headers decide nothing: not that a request came from outside, and not that it came from here."""
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            local = app.bound[0][1]
            await status_is(local, "running")
            port, key = app.tunnel.port or 0, app.tunnel.keys.invented or ""
            # The local listener: no key, whatever is forwarded; but not by the public name (a rebound page).
            for forwarded in ({}, {"x-forwarded-for": "203.0.113.9", "x-forwarded-host": NAME, "via": "1.1 lhr"}):
                assert (await ask(local, "/v1/models", headers=forwarded)).status == 200
                assert (await ask(local, "/v1/providers/status", headers=forwarded)).status == 200
            assert (await ask(local, "/v1/models", headers={"host": NAME})).status == 403
            assert (await ask(local, "/v1/models", headers={"host": NAME, "x-api-key": key})).status == 403
            # The tunnel's: the key, whatever is claimed.
            assert (await through(port, "/v1/models")).status == 401
            assert (await through(port, "/v1/models", x_forwarded_for="127.0.0.1", x_real_ip="::1")).status == 401
            assert (await through(port, "/v1/models", x_api_key=key)).status == 200
            assert (await through(port, f"http://localhost:{local}/v1/models", x_api_key=key)).status in (400, 403)


async def test_neither_side_reads_answers_that_are_kept_for_the_other(ssh: Program, tmp_path: Path) -> None:
    path, body = "/v1/responses", {"model": "m", "input": "hi"}
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, tunnel={"use_tunnel": True}), tmp_path) as app:
            local = app.bound[0][1]
            await status_is(local, "running")
            port, key = app.tunnel.port or 0, app.tunnel.keys.invented or ""
            ours = (await ask(local, path, body)).json["id"]
            theirs = (await through(port, path, body, x_api_key=key)).json["id"]
            assert (await ask(local, f"{path}/{ours}")).status == 200
            assert (await through(port, f"{path}/{theirs}", x_api_key=key)).status == 200
            assert (await ask(local, f"{path}/{theirs}")).status == 404
            assert (await through(port, f"{path}/{ours}", x_api_key=key)).status == 404
            answer = await through(port, path, {**body, "previous_response_id": ours}, x_api_key=key)
            assert answer.json["error"]["code"] == "previous_response_not_found"


async def test_wrong_keys_are_slowed_down_and_the_right_one_is_not(ssh: Program, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            await status_is(app.bound[0][1], "running", BEARER)
            port = app.tunnel.port or 0
            seen = [(await through(port, "/v1/models", authorization=f"Bearer guess{n}")).status for n in range(12)]
            assert seen == [401] * 10 + [429] * 2
            answer = await through(port, "/v1/models", authorization="Bearer guess")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert (await through(port, "/v1/models", **BEARER)).status == 200
            # Counted for this listener alone.
            assert (await ask(app.bound[0][1], "/v1/models", headers={"authorization": "Bearer x"})).status == 401


async def test_strangers_cannot_take_every_connection(ssh: Program, tmp_path: Path) -> None:
    config = config_for(server={**server_keys(), "max_connections": 8}, tunnel={"use_tunnel": True})
    async with linx_here(config, tmp_path) as app:
        await status_is(app.bound[0][1], "running", BEARER)
        port = app.tunnel.port or 0
        held = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(20)]
        await until(lambda: app.server.connections == 2)
        assert (await through(port, "/v1/models", **BEARER)).status == 503
        assert (await ask(app.bound[0][1], "/v1/models", headers=BEARER)).status == 200
        for stream in held:
            await trio.aclose_forcefully(stream)
        await until(lambda: app.server.connections == 0)
        assert (await through(port, "/v1/models", **BEARER)).status == 200


# --- config ---


async def rewrite(app: App, path: Path, config: dict[str, Any]) -> None:
    await trio.Path(path).write_bytes(jsontext.dumps(config))
    await app.reload()


async def test_a_reload_changes_key_and_tunnel(ssh: Program, tmp_path: Path) -> None:
    config = config_for(tunnel={"use_tunnel": False})
    async with linx_here(config, tmp_path) as app:
        path = tmp_path / "config.json"
        config["tunnel"] = {"use_tunnel": True}
        await rewrite(app, path, config)
        await status_is(app.bound[0][1], "running")
        port, invented = app.tunnel.port or 0, app.tunnel.keys.invented or ""
        assert (await through(port, "/v1/models", x_api_key=invented)).status == 200
        config["server"] = {**config["server"], "api_key": KEY}
        await rewrite(app, path, config)
        assert app.tunnel.port == port  # the tunnel itself goes on
        assert (await through(port, "/v1/models", x_api_key=invented)).status == 401
        assert (await through(port, "/v1/models", x_api_key=KEY)).status == 200
        config["tunnel"] = {"use_tunnel": True, "domain": "me.example"}
        await rewrite(app, path, config)
        call = await ssh.called(2)
        assert any(word.startswith("me.example:80:127.0.0.1:") for word in call["argv"])
        config["tunnel"] = {"use_tunnel": False}
        await rewrite(app, path, config)
        await dead(call["pid"])
        assert app.tunnel.status == "stopped"
        await ask(app.bound[0][1], "/api/tunnel/start", {}, headers=BEARER)
        await rewrite(app, path, config)  # nothing about the tunnel has changed
        assert app.tunnel.is_wanted


async def test_a_request_in_flight_outlives_the_start_of_a_drain(ssh: Program, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["a"] * 10, interval_s=0.05))
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True})
        async with linx_here(config, tmp_path) as app:
            await status_is(app.bound[0][1], "running", BEARER)
            pid = ssh.calls[0]["pid"]
            client = Client(app.tunnel.port or 0)
            await client.open()
            await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": True}, {"host": NAME, **BEARER})
            with trio.fail_after(5):
                await fake.received()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(app.server.drain, 10)
                answer = await client.answer()
            assert answer.text == "a" * 10
            assert is_alive(pid)
            await client.close()


# --- as a process ---


def linx_env(program: Program | None, tmp_path: Path) -> dict[str, str]:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    if program is not None:
        env["PATH"] = program.path
    return env


async def logged(linx: LinxProcess, words: str) -> str:
    await until(lambda: words in linx.log.read_text())
    return linx.log.read_text()


async def test_the_flag_opens_it_and_the_terminal_is_told_the_key(tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    async with FakeProvider("openai", ["m"]) as fake:
        env = {**linx_env(program, tmp_path), "OPENROUTER_API_KEY": "sk-or-canary-canary"}
        async with LinxProcess(config_for(fake), tmp_path, "--tunnel", env=env) as linx:
            text = await logged(linx, "/v1\n")
            paste = next(line.split()[-1] for line in text.splitlines() if "/k/" in line)
            assert paste.startswith(f"{URL}/k/")
            key = paste.split("/")[-2]
            assert len(key) >= 43
            call = await program.called()
            assert "sk-or-canary" not in str(call)
            assert "XDG_STATE_HOME" not in call["env"]  # nothing but what ssh needs
            port = port_in(call["argv"])
            assert (await through(port, "/v1/models")).status == 401
            assert (await through(port, "/k/" + key + "/v1/models")).status == 200
            assert (await ask(linx.port, "/v1/models")).status == 200  # here nothing is asked for
            status = await status_is(linx.port, "running")
            assert status["url"] == URL
            assert key not in str(status)
            # Printed twice, on its own line and in the URL; and in no record of the log.
            assert text.count(key) == 2
            assert all(" info " not in line for line in text.splitlines() if key in line)
        assert linx.process.returncode == 0
        await dead(call["pid"], within=1)


async def test_no_tunnel_wins_over_the_config(tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    config = config_for(tunnel={"use_tunnel": True})
    async with LinxProcess(config, tmp_path, "--no-tunnel", env=linx_env(program, tmp_path)) as linx:
        assert (await ask(linx.port, "/api/tunnel/status")).json["status"] == "stopped"
    assert program.calls == []


async def test_with_a_configured_key_the_terminal_does_not_show_it(tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    config = config_for(server=server_keys(), tunnel={"use_tunnel": True})
    async with LinxProcess(config, tmp_path, env=linx_env(program, tmp_path)) as linx:
        text = await logged(linx, f"{URL}/k/<your key>/v1")
        assert KEY not in text


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_child_is_left_however_linx_ends(how: signal.Signals, tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    config = config_for(tunnel={"use_tunnel": True})
    async with LinxProcess(config, tmp_path, env=linx_env(program, tmp_path)) as linx:
        pid = (await program.called())["pid"]
        family = [linx.process.pid]
        for one in family:
            family += children_of(one)
        assert pid in family
        linx.process.send_signal(how)
        await linx.process.wait()
        await dead(*family, within=1)


async def test_a_stranger_s_ssh_is_left_alone(tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    stranger = await trio.lowlevel.open_process([str(tmp_path / "bin" / "ssh"), "-R", "80:localhost:8080", "nokey@lhr"])
    try:
        await program.called()
        config = config_for(tunnel={"use_tunnel": True})
        async with LinxProcess(config, tmp_path, env=linx_env(program, tmp_path)) as linx:
            await program.called(2)
            await ask(linx.port, "/api/tunnel/stop", {})
        assert stranger.poll() is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_ngrok(tmp_path: Path) -> None:
    lines = [
        '{"lvl":"info","msg":"no configuration paths supplied","t":"2026-01-01T00:00:00Z"}',
        '{"addr":"127.0.0.1:4040","lvl":"info","msg":"starting web service","obj":"web","t":"2026-01-01T00:00:00Z"}',
        '{"lvl":"info","msg":"client session established","obj":"tunnels.session","t":"2026-01-01T00:00:01Z"}',
        '{"lvl":"info","msg":"tunnel session started","obj":"tunnels.session","t":"2026-01-01T00:00:01Z"}',
        '{"addr":"http://127.0.0.1:1","lvl":"info","msg":"started tunnel","name":"command_line","obj":"tunnels",'
        '"t":"2026-01-01T00:00:01Z","url":"https://ab12-203-0-113-7.ngrok-free.app"}',
        '{"id":"0d3c688ff241","l":"127.0.0.1:1","lvl":"info","msg":"join connections","obj":"join",'
        '"r":"203.0.113.9:53473","t":"2026-01-01T00:00:02Z"}',
    ]
    program = Program(tmp_path / "bin", "ngrok", [Life(out=lines)])
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel={"use_tunnel": True, "type": "ngrok"})
        async with LinxProcess(config, tmp_path, env=linx_env(program, tmp_path)) as linx:
            status = await status_is(linx.port, "running", BEARER)
            assert status["url"] == "https://ab12-203-0-113-7.ngrok-free.app"
            port = port_in((await program.called())["argv"])
            headers = {**BEARER, "host": "ab12-203-0-113-7.ngrok-free.app"}
            assert (await ask(port, "/v1/models", headers=headers)).status == 200


async def test_no_ngrok_is_explained(tmp_path: Path) -> None:
    config = config_for(tunnel={"use_tunnel": True, "type": "ngrok", "ngrok_path": str(tmp_path / "ngrok")})
    async with LinxProcess(config, tmp_path) as linx:
        status = await status_is(linx.port, "failed")
        assert "ngrok.com/download" in status["error"]
        assert (await ask(linx.port, "/v1/models")).status == 200


# --- a real sshd ---

real = [pytest.mark.needs("sshd"), pytest.mark.needs("ssh")]


def with_marks(function: Any) -> Any:
    for mark in real:
        function = mark(function)
    return function


def tunnel_to(server: Sshd, remote_port: int, **more: Any) -> dict[str, Any]:
    return {
        "use_tunnel": True,
        "type": "localhost_run",
        "ssh_host": "127.0.0.1",
        "ssh_port": server.port,
        "ssh_user": server.user,
        "ssh_identity": server.identity,
        "remote_port": remote_port,
        **more,
    }


@with_marks
async def test_an_openai_client_streams_through_the_real_forward(tmp_path: Path) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME)) as server, FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(tokens=["Hel", "lo ", "out ", "there"])
        config = config_for(fake, tunnel=tunnel_to(server, remote))
        async with LinxProcess(config, tmp_path, env=linx_env(None, tmp_path)) as linx:
            status = await status_is(linx.port, "running")
            assert status["url"] == URL
            assert server.asked == ["--output json"]
            paste = next(line.split()[-1] for line in (await logged(linx, "/k/")).splitlines() if "/k/" in line)
            base = paste.replace(URL, f"http://127.0.0.1:{remote}")

            def talk(base_url: str) -> str:
                client = openai.OpenAI(
                    base_url=base_url, api_key="unused", default_headers={"Host": NAME}, max_retries=0
                )
                with (
                    client,
                    client.chat.completions.create(model="m", messages=CHAT["messages"], stream=True) as stream,
                ):
                    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

            assert await trio.to_thread.run_sync(talk, base) == "Hello out there"
            with pytest.raises(openai.AuthenticationError):
                await trio.to_thread.run_sync(talk, f"http://127.0.0.1:{remote}/v1")
            known = tmp_path / "state" / "linx" / "known_hosts"
            assert f"[127.0.0.1]:{server.port}" in known.read_text()
            assert known.stat().st_mode & 0o777 == 0o600


@with_marks
async def test_nothing_is_buffered_on_the_way(tmp_path: Path) -> None:
    """The first token comes when the provider says it, and a silent provider is bridged by heartbeats."""
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME)) as server, FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server={**server_keys(), "heartbeat_s": 0.2}, tunnel=tunnel_to(server, remote))
        async with linx_here(config, tmp_path) as app:
            await status_is(app.bound[0][1], "running", BEARER)
            fake.next(Answer(tokens=[f"{n} " for n in range(5)], interval_s=0.4))
            sent = await arrivals(fake, remote, b'"content":"0 "', b'"content":"1 "', b"[DONE]")
            assert sent[b'"content":"0 "'] < sent[b'"content":"1 "'] < sent[b"[DONE]"]
            fake.next(Answer(first_s=1.0))
            sent = await arrivals(fake, remote, b"x-accel-buffering: no", b"\n:", b"[DONE]")
            assert sent[b"x-accel-buffering: no"] == sent[b"\n:"] == 1, "more than the frame with the role"


async def arrivals(fake: FakeProvider, port: int, *marks: bytes) -> dict[bytes, int]:
    """How many frames of a streamed answer the provider had sent when each of these was first seen.

    What is held back on the way arrives when it has sent all of them; no clock has to say so.
    """
    client = Client(port)
    await client.open()
    await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": True}, {"host": NAME, **BEARER})
    call = await fake.received(len(fake.calls) + 1)
    seen: dict[bytes, int] = {}
    got = b""
    with trio.fail_after(HANG_S):
        while len(seen) < len(marks):
            data = await client.stream.receive_some(65536)
            assert data, got
            got += data
            for mark in marks:
                if mark in got:
                    seen.setdefault(mark, call.sent_frames)
    await client.close()
    return seen


@with_marks
async def test_sshd_dies_and_comes_back_and_so_does_the_tunnel(tmp_path: Path) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME)) as server, FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=server_keys(), tunnel=tunnel_to(server, remote))
        async with linx_here(config, tmp_path) as app:
            local = app.bound[0][1]
            before = await status_is(local, "running", BEARER)
            assert (await through(remote, "/v1/models", **BEARER)).status == 200
            await server.kill()
            failed = await status_is(local, "failed", BEARER)
            assert failed["url"] is None
            assert "127.0.0.1" in failed["error"]
            assert (await ask(local, "/v1/models", headers=BEARER)).status == 200
            server.says(lhr("def456.lhr.life"))
            await server.start()
            after = await status_is(local, "running", BEARER)
            assert after["url"] == "https://def456.lhr.life"
            assert after["error"] is None
            assert after["since"] > before["since"]
            answer = await ask(remote, "/v1/models", headers={**BEARER, "host": "def456.lhr.life"})
            assert answer.status == 200


@with_marks
async def test_linx_killed_leaves_no_ssh(tmp_path: Path) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME)) as server:
        config = config_for(tunnel=tunnel_to(server, remote))
        async with LinxProcess(config, tmp_path, env=linx_env(None, tmp_path)) as linx:
            await status_is(linx.port, "running")
            family = [linx.process.pid]
            for one in family:
                family += children_of(one)
            assert len(family) == 3  # Linx, the one between, ssh
            linx.process.kill()
            await linx.process.wait()
            await dead(*family, within=1)
            with trio.fail_after(5):
                while True:  # the forward is gone at the other end, too
                    try:
                        stream = await trio.open_tcp_stream("127.0.0.1", remote)
                    except OSError:
                        break
                    await trio.aclose_forcefully(stream)
                    await trio.sleep(0.05)


@with_marks
async def test_a_changed_host_key_is_refused_and_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.2)
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME)) as server:
        config = config_for(tunnel=tunnel_to(server, remote))
        async with linx_here(config, tmp_path) as app:
            local = app.bound[0][1]
            await status_is(local, "running")
            known = tmp_path / "state" / "linx" / "known_hosts"
            learnt = known.read_text()
            await server.kill()
            server.host_key = "host_ecdsa"  # another kind of key is another key, too
            await server.start()
            await until(lambda: "host key" in str(app.tunnel.error))
            assert "remove the old key with: ssh-keygen -R" in str(app.tunnel.error)
            assert app.tunnel.url is None
            assert known.read_text() == learnt
            # What it tells to do helps.
            command = str(app.tunnel.error).partition("with: ")[2]
            await trio.run_process(command, shell=True, capture_stdout=True, capture_stderr=True)
            await status_is(local, "running")


@with_marks
async def test_refusals_of_a_real_server(tmp_path: Path) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd", lhr(NAME), forwarding="no") as server:
        stranger = str(tmp_path / "stranger")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        for more, said in (
            ({}, "refused to forward port"),
            ({"ssh_identity": stranger}, "check tunnel.ssh_user and tunnel.ssh_identity"),
            ({"ssh_host": "does-not-exist.invalid"}, "no network, or no such host"),
            ({"ssh_port": free_port()}, "Connection refused"),
        ):
            folder = tmp_path / str(len(said))
            folder.mkdir()
            async with linx_here(config_for(tunnel=tunnel_to(server, remote, **more)), folder) as app:
                status = await status_is(app.bound[0][1], "failed")
                assert said in status["error"], status


async def port_taken(port: int) -> list[trio.SocketListener]:
    """Listen there as soon as the server behind a stopped tunnel has given the port back."""
    with trio.fail_after(5):
        while True:
            try:
                return await trio.open_tcp_listeners(port, host="127.0.0.1")
            except OSError:
                await trio.sleep(0.05)


@with_marks
async def test_ones_own_server_without_a_command(tmp_path: Path) -> None:
    remote = free_port()
    async with Sshd(tmp_path / "sshd") as server, FakeProvider("openai", ["m"]) as fake:
        tunnel = tunnel_to(server, remote, type="ssh")
        async with linx_here(config_for(fake, server=server_keys(), tunnel=tunnel), tmp_path) as app:
            local = app.bound[0][1]
            status = await status_is(local, "running", BEARER)
            assert status["url"] == f"http://127.0.0.1:{remote}"
            assert server.asked == []
            # Its own name is the address itself, so here a Host of this machine is the right one.
            assert (await ask(remote, "/v1/models", headers={**BEARER, "host": f"127.0.0.1:{remote}"})).status == 200
            assert (await ask(remote, "/v1/models", headers={"host": f"127.0.0.1:{remote}"})).status == 401
            assert (await ask(remote, "/healthz", headers={**BEARER, "host": "127.0.0.1"})).status == 403
            await ask(local, "/api/tunnel/stop", {}, headers=BEARER)
            # The port there is taken by somebody else now.
            async with trio.open_nursery() as nursery:
                listeners = await port_taken(remote)
                await ask(local, "/api/tunnel/start", {}, headers=BEARER)
                failed = await status_is(local, "failed", BEARER)
                assert f"port {remote}: the port is taken there" in failed["error"]
                for listener in listeners:
                    await listener.aclose()
                nursery.cancel_scope.cancel()
            await status_is(local, "running", BEARER)
