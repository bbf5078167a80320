"""The tunnel as a whole, with a stand-in for ssh: states, names, keys, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from linx.children import process
from linx.children.tunnel import commands, supervisor
from linx.children.tunnel import process as tunnel_process
from linx.children.tunnel.supervisor import Tunnel
from linx.config.model import Config
from linx.config.shape import ServerConfig, TunnelConfig
from linx.core.redaction import Redactor
from tests.fakes.programs import Life, Program, dead, lhr, start_takes
from tests.keys import plain
from tests.waiting import HANG_S

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

NAME = "abc123.lhr.life"
UP = Life(out=[lhr(NAME)])
REFUSED = Life(err=["ssh: connect to host localhost.run port 22: Connection refused"], code=255)


def at(clock: float) -> float:
    """trio's clock as seconds since 1970."""
    return 1_700_000_000 + clock


def with_keys(*keys: str) -> Config:
    return Config(server=ServerConfig(api_keys=keys))


class World:
    """A tunnel that runs, its program, and every state it was in."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.program = program
        self.redactor = Redactor()
        self.served: list[int] = []
        env = {"PATH": program.path, "XDG_STATE_HOME": str(folder / "state")}
        self.tunnel = Tunnel(self._serve, self.redactor, env)
        self.states: list[tuple[str, str | None]] = []
        self._changed = trio.Event()
        self.tunnel.listeners.append(self._note)

    async def _serve(self, listeners: Sequence[socket.socket]) -> None:
        self.served.append(listeners[0].getsockname()[1])
        await trio.sleep_forever()

    def _note(self) -> None:
        self.states.append((self.tunnel.status, self.tunnel.url))
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, status: str, url: str | None = None, times: int = 1) -> None:
        """Until it was in this state so often, counted over everything so far."""
        with trio.fail_after(HANG_S):
            while self.states.count((status, url)) < times:
                await self._changed.wait()

    @property
    def hosts(self) -> set[str]:
        return set(self.tunnel.access.policy.hosts)


@contextlib.asynccontextmanager
async def world(folder: Path, *lives: Life, name: str = "ssh") -> AsyncIterator[World]:
    made = World(folder, Program(folder / "bin", name, list(lives)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.tunnel.run)
        yield made
        nursery.cancel_scope.cancel()
    await dead(*(call["pid"] for call in made.program.calls), within=2)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.01)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://ABC.lhr.life", "abc.lhr.life"),
        ("http://[::1]:8080", "[::1]"),
        ("HTTP://169.254.169.254:99999/x", "169.254.169.254"),
        ("nothing", ""),
    ],
)
def test_the_host_of_an_address(url: str, host: str) -> None:
    assert supervisor.host_of(url) == host


async def test_from_stopped_to_running_and_back(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        tunnel = here.tunnel
        assert tunnel.as_json(at) == {
            "status": "stopped",
            "type": "localhost_run",
            "url": None,
            "since": round(at(tunnel.since), 3),
            "error": None,
        }
        assert repr(tunnel) == "<Tunnel localhost_run stopped>"
        assert not tunnel.is_wanted
        tunnel.start(TunnelConfig())
        assert tunnel.as_json(at)["status"] == "starting"
        await here.until("running", f"https://{NAME}")
        assert here.hosts == {NAME}
        call = await here.program.called()
        assert here.served == [tunnel.port]
        assert f"80:127.0.0.1:{tunnel.port}" in call["argv"]
        assert f"UserKnownHostsFile={tmp_path}/state/linx/known_hosts" in call["argv"]
        tunnel.start(TunnelConfig())  # the same again: nothing happens
        assert tunnel.status == "running"
        await tunnel.stop()
        await dead(call["pid"], within=0.1)
        assert tunnel.port is None
        assert here.hosts == set()
        assert here.states == [("starting", None), ("running", f"https://{NAME}"), ("stopped", None)]
        await tunnel.stop()
        assert len(here.program.calls) == 1


async def test_a_dead_child_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "linx.tunnel")
    async with world(tmp_path, REFUSED, REFUSED, UP) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        assert here.tunnel.error == "cannot reach localhost.run: Connection refused"
        await here.until("running", f"https://{NAME}")
        assert here.tunnel.error is None
        here.program.say("exit 255")
        await here.until("failed", times=3)
        assert here.hosts == set()
        (here.program.folder / "ssh.say").unlink()
        await here.until("running", f"https://{NAME}", times=2)
        assert len(set(here.served)) == 1  # one port for as long as it is wanted
    steps = [status for status, _ in here.states]
    assert steps == [
        "starting", "failed", "starting", "failed", "starting", "running", "failed", "starting", "running"
    ]  # fmt: skip
    assert any("trying again in" in record.message for record in caplog.records)


async def test_the_error_stays_known_until_the_next_one_is_up(tmp_path: Path) -> None:
    async with world(tmp_path, REFUSED, Life()) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        await here.until("starting", times=2)
        assert here.tunnel.error == "cannot reach localhost.run: Connection refused"


async def test_a_new_name_replaces_the_old_one_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "linx.tunnel")
    async with world(tmp_path, UP) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("running", f"https://{NAME}")
        since = here.tunnel.since
        here.program.say(lhr(NAME), '{"event":"other"}', "noise", lhr("def456.lhr.life"))
        await here.until("running", "https://def456.lhr.life")
        assert here.hosts == {"def456.lhr.life"}
        assert here.tunnel.since == since
        assert len(here.states) == 3  # the same name again is no change
        assert "https://def456.lhr.life leads to this Linx" in caplog.text


async def test_a_flood_does_not_stop_it(tmp_path: Path) -> None:
    async with world(tmp_path, Life(out=[lhr("one.lhr.life")], flood=200, after=lhr("two.lhr.life"))) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("running", "https://two.lhr.life")


async def test_no_ssh(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        here.tunnel._env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        assert "openssh-client" in (here.tunnel.error or "")
        here.tunnel._env = {"PATH": here.program.path, "HOME": str(tmp_path)}
        await here.until("running", f"https://{NAME}")  # installed meanwhile


async def test_a_file_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path, UP) as here:
        monkeypatch.setattr(commands, "leashed", lambda argv: [str(tmp_path / "nothing"), *argv])
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        assert "cannot start" in (here.tunnel.error or "")


async def test_what_cannot_be_wanted_is_explained(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        here.tunnel.start(TunnelConfig(type="ssh"))
        await here.until("failed")
        assert "tunnel.ssh_host" in (here.tunnel.error or "")
        assert here.program.calls == []


async def test_another_wish_replaces_the_first(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("running", f"https://{NAME}")
        first = await here.program.called()
        here.tunnel.start(TunnelConfig(domain="me.example"))
        assert here.tunnel.status == "starting"
        second = await here.program.called(2)
        await dead(first["pid"])
        assert f"me.example:80:127.0.0.1:{here.served[1]}" in second["argv"]
        assert here.served[0] != here.served[1]
        await here.until("running", f"https://{NAME}", times=2)
        assert here.hosts == {NAME, "me.example"}


async def test_starting_a_failed_one_does_not_wait_for_its_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 1000)
    async with world(tmp_path, REFUSED, UP) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        here.tunnel.start(TunnelConfig())
        await here.until("running", f"https://{NAME}")


async def test_stopping_while_it_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 1000)
    async with world(tmp_path, REFUSED) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        await here.tunnel.stop()
        assert here.tunnel.as_json(at)["status"] == "stopped"
        assert here.tunnel.error is None


async def test_start_and_stop_in_one_breath(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        for _ in range(20):
            here.tunnel.start(TunnelConfig())
            here.tunnel.stop_soon()
        here.tunnel.start(TunnelConfig())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.tunnel.stop)
            await trio.testing.wait_all_tasks_blocked()
            here.tunnel.start(TunnelConfig())  # while the one before is being ended
        await here.until("running", f"https://{NAME}")


async def test_a_refused_name_ends_the_child(tmp_path: Path) -> None:
    refusal = '{"event":"tcpip-forward","address":"","authz_code":"DENIED","message":"me.example is not yours"}'
    async with world(tmp_path, Life(out=[refusal]), UP) as here:
        here.tunnel.start(TunnelConfig(domain="me.example"))
        await here.until("failed")
        assert here.tunnel.error == "localhost.run refused the address: me.example is not yours"
        await here.until("running", f"https://{NAME}")


async def test_a_child_without_an_address_is_no_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The child has to start and to speak before it is given up, and it is two programs, one on the other's leash.
    monkeypatch.setattr(tunnel_process, "ADDRESS_S", 0.3 + 8 * await start_takes())
    async with world(tmp_path, Life(out=["Welcome"]), Life()) as here:
        here.tunnel.start(TunnelConfig())
        await here.until("failed")
        assert re.search("no public address came .* last line of output: Welcome", here.tunnel.error or "")
        await here.until("failed", times=2)
        assert "last words" not in (here.tunnel.error or "")


SUCCESS = "debug1: remote forward success for: listen 8080, connect 127.0.0.1:5000"
OWN = TunnelConfig(type="ssh", ssh_host="my.example", remote_port=8080)


async def test_ones_own_server_is_up_when_the_forward_stands(tmp_path: Path) -> None:
    async with world(tmp_path, Life(err=["OpenSSH_9.2p1", "debug1: Connecting"])) as here:
        here.tunnel.start(OWN)
        await here.program.called()
        await trio.sleep(0.2)
        assert here.tunnel.status == "starting"
        here.program.say(SUCCESS)
        await here.until("running", "http://my.example:8080")
        assert here.hosts == {"my.example"}


async def test_a_silent_ssh_is_believed_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_process, "SILENT_S", 0.05)
    async with world(tmp_path, Life()) as here:
        here.tunnel.start(OWN)
        await here.until("running", "http://my.example:8080")


STARTED = '{"lvl":"info","msg":"started tunnel","obj":"tunnels","url":"https://ab12.ngrok-free.app"}'


async def test_ngrok_that_loses_its_server_and_finds_it_again(tmp_path: Path) -> None:
    async with world(
        tmp_path, Life(out=['{"lvl":"info","msg":"tunnel session started"}', STARTED]), name="ngrok"
    ) as here:
        here.tunnel.start(TunnelConfig(type="ngrok"))
        await here.until("running", "https://ab12.ngrok-free.app")
        here.program.say(
            '{"err":"failed to dial ngrok server: dial tcp: i/o timeout","lvl":"eror",'
            '"msg":"failed to reconnect session"}'
        )
        await here.until("failed")
        assert here.tunnel.error == "no network: ngrok cannot reach its server"
        assert here.hosts == set()
        here.program.say('{"lvl":"info","msg":"client session established","obj":"tunnels.session"}')
        await here.until("running", "https://ab12.ngrok-free.app", times=2)
        assert len(here.program.calls) == 1


async def test_ngrok_without_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "linx.tunnel")
    error = (
        '{"err":"authentication failed: The authtoken you specified is properly formed, but it is invalid.\\n'
        'Your authtoken: 2abcdefghijklmnopqrstuvwxyz\\n\\nERR_NGROK_107","lvl":"eror",'
        '"msg":"failed to reconnect session"}'
    )
    async with world(tmp_path, Life(out=[error], err=["ERROR:  authentication failed"], code=1), name="ngrok") as here:
        here.tunnel.start(TunnelConfig(type="ngrok"))
        await here.until("failed", times=2)
        assert "ngrok config add-authtoken" in (here.tunnel.error or "")
    assert "2abcdefghijklmnop" not in caplog.text


# --- keys ---


async def test_a_key_is_invented_where_there_is_none(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        tunnel = here.tunnel
        assert tunnel.paste_url is None
        tunnel.start(TunnelConfig())
        first = tunnel.keys.invented
        assert first is not None
        assert len(first) >= 43  # 32 bytes
        assert first not in here.redactor.clean(f"the key is {first}")
        await here.until("running", f"https://{NAME}")
        assert tunnel.access.policy.keys == plain(first)
        assert tunnel.paste_url == f"https://{NAME}/k/{first}/v1"
        assert first not in str(tunnel.as_json(at)) + repr(tunnel)
        tunnel.apply(with_keys("a-key-of-sixteen-characters"))  # a reload that brings one
        assert tunnel.access.policy.keys == plain("a-key-of-sixteen-characters")
        assert tunnel.paste_url == f"https://{NAME}/k/<your key>/v1"
        assert here.hosts == {NAME}
        tunnel.apply(with_keys())
        assert tunnel.access.policy.keys == plain(first)
        await tunnel.stop()
        tunnel.start(TunnelConfig())
        assert tunnel.keys.invented not in (None, first)


async def test_with_configured_keys_none_is_invented(tmp_path: Path) -> None:
    async with world(tmp_path, UP) as here:
        here.tunnel.apply(with_keys("one-key-of-sixteen", "two-key-of-sixteen"))
        here.tunnel.start(TunnelConfig())
        assert here.tunnel.keys.invented is None
        assert here.tunnel.access.policy.keys == plain("one-key-of-sixteen", "two-key-of-sixteen")
        here.tunnel.apply(with_keys())  # never open, not for a moment
        assert len(here.tunnel.access.policy.keys) == 1
        assert here.tunnel.access.policy.model_paths_only
