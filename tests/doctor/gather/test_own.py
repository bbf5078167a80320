"""The Linx that runs here, with and without its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import linx
from linx.config.shape import ServerConfig
from linx.doctor.gather.own import look
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.doctor.world import NOTHING
from tests.e2e.linx_process import linx_here
from tests.fakes.provider import closed_port

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-doctor-0123456789abcdef"


async def test_a_linx_at_another_of_its_ports(tmp_path: Path) -> None:
    pool = Pool(Dialer({}))
    async with linx_here({**NOTHING, "server": {"port": 0, "api_key": KEY}}, tmp_path) as app:
        port = app.bound[0][1]
        found = await look(ServerConfig(port=closed_port()), (closed_port(), port), pool)
        assert (found.port, found.is_linx, found.needs_key, found.version) == (port, True, True, None)
        found = await look(ServerConfig(port=port, api_keys=(KEY,)), (port,), pool)
        assert (found.needs_key, found.version) == (False, linx.__version__)
        assert found.config_path == str(tmp_path / "config.json")
    pool.close_idle()


async def test_a_host_that_is_no_name() -> None:
    pool = Pool(Dialer({}))
    found = await look(ServerConfig(port=0, hostname="no-such-name.invalid"), (0,), pool)
    assert found.cannot == "there is no such host name"
