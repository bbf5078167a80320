"""The real sshd starts, prints, forwards and ends."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import trio

from tests.fakes.sshd import Sshd, children_of
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.needs("sshd")
@pytest.mark.needs("ssh")
async def test_a_login_prints_what_it_is_told(tmp_path: Path) -> None:
    async with Sshd(tmp_path / "sshd", "hello") as server:
        process = await trio.lowlevel.open_process(
            [
                *("ssh", "-F", "none", "-T", "-i", server.identity, "-p", str(server.port)),
                *("-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "StrictHostKeyChecking=accept-new"),
                *(f"{server.user}@127.0.0.1", "--", "--output", "json"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        with trio.fail_after(HANG_S):
            assert await process.stdout.receive_some() == b"hello\n"
            assert server._process is not None
            assert children_of(server._process.pid)
            await server.kill()
            assert await process.wait() == 255
        assert server.asked == ["--output json"]
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            await pipe.aclose()
