"""A whole run in small: a proxy that copies bytes, one that fails, and no proxy at all."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import calm
from benchmarks.contenders import CONTENDERS
from benchmarks.runner import Runner
from benchmarks.setting import Contender, Unavailable
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.setting import Command, Setting

# Copies bytes in both directions; with "fails" it answers the first request only.
_COPY = """
import asyncio, sys
port, to, fails = int(sys.argv[1]), sys.argv[2].rpartition(":"), sys.argv[3:]
asked = 0
async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
async def serve(reader, writer):
    global asked
    asked += 1
    if fails and asked > 2:
        writer.write(b"HTTP/1.1 503 No\\r\\ncontent-length: 4\\r\\n\\r\\nbusy")
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", int(to[2]))
    await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()
asyncio.run(main())
"""


def _copying(*fails: str) -> Contender:
    def command(setting: Setting) -> Command:
        return [sys.executable, "-c", _COPY, str(setting.port), setting.provider, *fails], {}

    return Contender("fails" if fails else "copies", "copies bytes", command, lambda: "1")


def _missing() -> str:
    raise Unavailable("not on PATH")


@pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from the kernel")
def test_a_run(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contenders = [CONTENDERS["direct"], _copying(), _copying("fails"), Contender("gone", "gone", None, _missing)]
    with contextlib.ExitStack() as stack:
        runner = Runner(program, tmp_path, stack, 2, 0.05, may_be_busy=True)
        monkeypatch.setattr(calm, "SAMPLE_S", 0.01)
        result = runner.run([WORKLOADS["small"]], contenders)
    assert result.missing == {"gone": "not on PATH"}
    assert set(result.figures["small"]) == {"direct", "copies"}
    assert "503" in result.failures["small"]["fails"]
    assert result.figures["small"]["copies"][0]["cpu_us_per_request"] > 0
    assert result.figures["small"]["direct"][0]["cpu_us_per_request"] == 0
    assert len(result.figures["small"]["copies"]) == 2
