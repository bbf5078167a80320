"""Hundreds of clients that are slow on purpose, beside an honest client."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.conftest import find_program
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.untraced
if sys.platform != "linux":
    pytest.skip("counts the open files of another process", allow_module_level=True)

CHAT: dict[str, Any] = {"model": "m0", "messages": [{"role": "user", "content": "hi"}]}
EACH = 270
"""Connections of each sort; together about 800."""
LIMITS = {"head_timeout_s": 4, "body_timeout_s": 4, "keep_alive_s": 3}
SORTS: dict[str, list[str]] = {
    "slow heads": ["-H", "-u", "/v1/models"],
    "slow bodies": ["-B", "-u", "/v1/chat/completions", "-s", "8192", "-f", "application/json", "-x", "10"],
    # Fifty models make an answer of 6 KB, three times, into a window of some bytes.
    "slow readers": ["-X", "-u", "/v1/models", "-k", "3", "-n", "1", "-w", "10", "-y", "20", "-z", "5"],
}


def open_files(linx: LinxProcess) -> int:
    return len(os.listdir(f"/proc/{linx.process.pid}/fd"))


@asynccontextmanager
async def slow(linx: LinxProcess, *options: str) -> AsyncIterator[trio.Process]:
    """slowhttptest with EACH connections, which are all opened within half a second, if the machine has the time."""
    program = find_program("slowhttptest")
    assert program is not None
    words = [f"http://127.0.0.1:{linx.port}{word}" if word.startswith("/") else word for word in options]
    common = ["-c", str(EACH), "-r", str(2 * EACH), "-l", "60", "-i", "1", "-p", "60", "-v", "0"]
    process = await trio.lowlevel.open_process(
        [program, *words, *common], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


OFF = {"enabled": False}
"""The ledger opens its file a moment after the first request, while open files are counted."""


@pytest.mark.needs("slowhttptest")
async def test_slow_clients_hold_up_nobody_and_are_gone_in_time(tmp_path: Path) -> None:
    async with FakeProvider("openai", [f"m{number}" for number in range(50)], record=False) as fake:
        async with LinxProcess(config_for(fake, server=LIMITS, ledger=OFF), tmp_path, "--log-level", "warning") as linx:

            async def honest() -> float:
                began = time.perf_counter()
                answer = await ask(linx.port, "/v1/chat/completions", CHAT)
                assert answer.status == 200
                return time.perf_counter() - began

            alone = sorted([await honest() for _ in range(20)])[10]
            before = open_files(linx)
            most, took, start = 0, [], trio.current_time()
            async with (
                slow(linx, *SORTS["slow heads"]),
                slow(linx, *SORTS["slow bodies"]),
                slow(linx, *SORTS["slow readers"]),
            ):
                with trio.fail_after(HANG_S):
                    # The bodies are given five seconds, so by then every sort has come.
                    while most < EACH or trio.current_time() < start + 5 or open_files(linx) > before:
                        took.append(await honest())
                        most = max(most, open_files(linx) - before)
                        await trio.sleep(0.02)
            took.sort()
            # Beside so much work of others, a machine that is slow for the honest client alone is slow now, too.
            assert took[len(took) // 2] < max(0.02, 3 * alone), (alone, took[len(took) // 2], took[-1])
            assert linx.log.read_text().count("Traceback") == 0
