"""``/api/tunnel/*``: what it takes, what it answers, and that nothing else reaches a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.config.shape import TunnelConfig
from linx.core.errors import BadRequest
from linx.handlers.management.tunnel import wanted
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.programs import Life, Program, dead, lhr

if TYPE_CHECKING:
    from pathlib import Path

NAME = "abc123.lhr.life"
OWN = TunnelConfig(type="ssh", ssh_host="my.example", domain="reserved.example")


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    program = Program(tmp_path / "bin", "ssh", [Life(out=[lhr(NAME)])])
    monkeypatch.setenv("PATH", program.path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return program


def test_what_a_body_may_say() -> None:
    assert wanted(TunnelConfig(), {}) == TunnelConfig(use_tunnel=True)
    assert wanted(OWN, {"type": "ssh"}).domain == "reserved.example"
    assert wanted(OWN, {"type": "ngrok"}).domain is None  # a name of one service means nothing to another
    assert wanted(OWN, {"type": "ngrok", "domain": "x.ngrok.app"}).domain == "x.ngrok.app"
    assert wanted(OWN, {"domain": None}).domain is None
    assert wanted(OWN, {"domain": None}).ssh_host == "my.example"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "cloudflare"}, "type"),
        ({"type": ["localhost_run"]}, "type"),
        ({"type": None}, "type"),
        ({"type": "localhost_run; touch /tmp/x"}, "type"),
        ({"type": "ssh"}, "type"),  # no server of one's own is configured
        ({"domain": 1}, "domain"),
        ({"domain": "-oProxyCommand=x"}, "domain"),
        ({"domain": "x:22:evil.example:22"}, "domain"),
        ({"domain": ""}, "domain"),
    ],
)
def test_what_it_may_not(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        wanted(TunnelConfig(), fields)
    assert caught.value.param == param


async def test_start_status_stop(ssh: Program, tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = app.bound[0][1]
        stopped = (await ask(port, "/api/tunnel/status")).json
        assert list(stopped) == ["status", "type", "url", "since", "error"]
        assert stopped["status"] == "stopped"
        started = await ask(port, "/api/tunnel/start", b"")
        assert started.json["status"] == "starting"
        assert started.json["since"] >= stopped["since"] > 1_600_000_000
        call = await ssh.called()
        while (answer := await ask(port, "/api/tunnel/status")).json["status"] != "running":
            pass
        assert answer.json["url"] == f"https://{NAME}"
        assert answer.json["error"] is None
        again = await ask(port, "/api/tunnel/start", {"type": "localhost_run"})
        assert again.json == answer.json
        stopped = (await ask(port, "/api/tunnel/stop", {})).json
        assert (stopped["status"], stopped["url"]) == ("stopped", None)
        await dead(call["pid"], within=0.1)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("start", {"host": "evil.example", "port": 22}),
        ("start", {"args": ["-oProxyCommand=touch /tmp/x"]}),
        ("start", {"type": ["localhost_run"]}),
        ("start", {"ssh_host": "evil.example"}),
        ("start", {"use_tunnel": True}),
        ("start", [1]),
        ("start", b"{"),
        ("stop", {"type": "ngrok"}),
        ("stop", b"null"),
    ],
)
async def test_a_closed_set_of_fields(path: str, body: Any, ssh: Program, tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(app.bound[0][1], f"/api/tunnel/{path}", body)
        assert answer.status == 400
        assert set(answer.json["error"]) == {"message", "type", "param", "code"}
        assert app.tunnel.status == "stopped"
    assert ssh.calls == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/tunnel/start", 405),
        ("POST", "/api/tunnel/status", 405),
        ("POST", "/api/tunnel/start/", 404),
        ("POST", "/v1/api/tunnel/start", 404),
        ("GET", "/api/tunnel", 404),
    ],
)
async def test_exact_paths_and_methods(method: str, path: str, status: int, ssh: Program, tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        assert (await ask(app.bound[0][1], path, method=method)).status == status
    assert ssh.calls == []


async def test_no_page_of_another_origin(ssh: Program, tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": "a-key-of-sixteen-characters"}), tmp_path) as app:
        port = app.bound[0][1]
        key = {"authorization": "Bearer a-key-of-sixteen-characters"}
        for origin in ("https://evil.example", "http://localhost:3000", "vscode-webview://x", "null"):
            answer = await ask(port, "/api/tunnel/start", {}, headers={**key, "origin": origin})
            assert answer.status == 403
        assert (await ask(port, "/api/tunnel/start", {})).status == 401
        assert (await ask(port, "/k/a-key-of-sixteen-characters/api/tunnel/status")).status == 200
    assert ssh.calls == []
