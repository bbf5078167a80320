"""One ssh or ngrok: what its lines make of the tunnel's address, and why it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.children.process import MAX_KEPT, CannotStart, Ended
from linx.children.tunnel import process
from linx.children.tunnel.process import TunnelProcess
from linx.config.shape import TunnelConfig
from linx.core.redaction import Redactor
from tests.fakes.programs import Life, Program, lhr
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "Token-Of-The-Agent-0123456789-0123456789"
REFUSAL = '{"event":"tcpip-forward","address":"","authz_code":"DENIED","message":"not yours"}'


class World:
    """A tunnel process, its program, and what it has reported."""

    def __init__(self, folder: Path, life: Life, config: TunnelConfig) -> None:
        program = Program(folder / "bin", "ngrok" if config.type == "ngrok" else "ssh", [life])
        env = {"PATH": program.path, "XDG_STATE_HOME": str(folder / "state")}
        self.program = program
        self.reports: list[str] = []
        redactor = Redactor()
        redactor.add(TOKEN)
        self.process = TunnelProcess(
            config, 5000, env, on_up=self.reports.append, on_lost=self._lost, clean=redactor.clean
        )

    def _lost(self, problem: str) -> None:
        self.reports.append(f"lost: {problem}")

    async def run(self) -> Ended:
        with trio.fail_after(HANG_S):
            return await self.process.run()


async def test_every_address_is_reported_and_the_end_explained(tmp_path: Path) -> None:
    life = Life(out=[lhr("one.lhr.life"), "noise", lhr("two.lhr.life")], err=["Connection closed"], code=255)
    world = World(tmp_path, life, TunnelConfig())
    ended = await world.run()
    assert world.reports == ["https://one.lhr.life", "https://two.lhr.life"]
    assert ended.reason == "the connection to localhost.run was closed"
    assert 0 <= ended.well_s < 20


async def test_without_an_address_it_has_never_run_well(tmp_path: Path) -> None:
    world = World(tmp_path, Life(err=["odd"], code=1), TunnelConfig())
    assert await world.run() == Ended("ssh ended with code 1: odd", 0.0)
    assert world.reports == []


async def test_a_token_is_taken_out_before_a_line_is_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "linx.tunnel")
    line = "x" * (MAX_KEPT - 20) + f" {TOKEN}"
    ended = await World(tmp_path, Life(err=[line], code=1), TunnelConfig()).run()
    assert "xxxx" in caplog.text
    assert TOKEN[:12] not in caplog.text + ended.reason


async def test_a_refused_address_ends_it(tmp_path: Path) -> None:
    world = World(tmp_path, Life(out=[REFUSAL]), TunnelConfig())
    assert (await world.run()).reason == "localhost.run refused the address: not yours"


async def test_a_program_without_an_address_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ADDRESS_S", 0.3)
    world = World(tmp_path, Life(out=["Welcome"]), TunnelConfig())
    assert "no public address came" in (await world.run()).reason


async def test_ngrok_loses_its_address_and_has_it_back(tmp_path: Path) -> None:
    lost = '{"err":"i/o timeout","lvl":"eror","msg":"failed to reconnect session"}'
    back = '{"lvl":"info","msg":"client session established","obj":"tunnels.session"}'
    started = '{"lvl":"info","msg":"started tunnel","obj":"tunnels","url":"https://ab12.ngrok-free.app"}'
    world = World(tmp_path, Life(out=[back, started, lost, back], code=1), TunnelConfig(type="ngrok"))
    assert (await world.run()).reason == "no network: ngrok cannot reach its server"
    url = "https://ab12.ngrok-free.app"
    assert world.reports == [url, "lost: no network: ngrok cannot reach its server", url]


async def test_what_cannot_be_asked_for_is_not_started(tmp_path: Path) -> None:
    world = World(tmp_path, Life(), TunnelConfig(type="ssh"))
    with pytest.raises(CannotStart, match=r"tunnel\.ssh_host"):
        await world.run()
    assert world.program.calls == []
