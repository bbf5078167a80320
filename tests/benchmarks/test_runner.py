"""A whole run in small: a proxy that copies bytes, one that fails, and no proxy at all."""

from __future__ import annotations

import contextlib
import itertools
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from benchmarks import calm, prompts
from benchmarks import measurements as how
from benchmarks.contenders import CONTENDERS
from benchmarks.runner import Runner
from benchmarks.setting import Contender, Unavailable
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def _dead(starts: list[str]) -> Contender:
    def command(setting: Setting) -> Command:
        starts.append(setting.provider)
        return [sys.executable, "-c", "print('no config')"], {}

    return Contender("dead", "ends at once", command, lambda: "1")


@pytest.fixture
def runner(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    monkeypatch.setattr(calm, "SAMPLE_S", 0.01)
    with contextlib.ExitStack() as stack:
        yield Runner(program, tmp_path, stack, 2, 0.05, may_be_busy=True)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from the kernel")
FEW = replace(WORKLOADS["small"], measure=how.asking(2, partial(prompts.chat, prompts.Plan(2), stream=False), 2))


def test_a_run_has_every_contender_with_its_figures_or_its_reason(runner: Runner) -> None:
    contenders = [CONTENDERS["direct"], _copying(), _copying("fails"), Contender("gone", "gone", None, _missing)]
    result = runner.run([FEW], contenders)
    assert result.missing == {"gone": "not on PATH"}
    assert set(result.figures["small"]) == {"direct", "copies"}
    assert "503" in result.failures["small"]["fails"]
    assert result.figures["small"]["copies"][0]["cpu_us_per_request"] > 0
    assert result.figures["small"]["direct"][0]["cpu_us_per_request"] == 0
    assert len(result.figures["small"]["copies"]) == 2


def test_who_does_not_start_is_not_waited_for_again(runner: Runner) -> None:
    starts: list[str] = []
    result = runner.run([FEW, replace(FEW, name="sdk")], [_dead(starts)])
    assert len(starts) == 1
    assert "no config" in result.failures["small"]["dead"]
    assert "no config" in result.failures["sdk"]["dead"]


def test_heavy_work_is_not_asked_of_a_slow_one(runner: Runner) -> None:
    slow = replace(_copying(), is_slow=True)
    assert "not asked" in runner.run([replace(FEW, is_heavy=True)], [slow]).failures["small"]["copies"]


def test_an_interrupted_run_keeps_what_was_measured(runner: Runner) -> None:
    rounds = itertools.count()

    def measure(_started: object, _seconds: float) -> dict[str, float]:
        if next(rounds):
            raise KeyboardInterrupt
        return {"cpu_us_per_request": 1.0}

    result = runner.run([replace(FEW, measure=measure)], [CONTENDERS["direct"]])
    assert result.figures["small"]["direct"] == [{"cpu_us_per_request": 1.0}]
    assert result.stopped == "small, round 2: interrupted"


def test_rounds_but_the_first_end_with_the_time(program: Path, tmp_path: Path) -> None:
    now = itertools.count()  # a second for each look

    def measure(_started: object, _seconds: float) -> dict[str, float]:
        return {"cpu_us_per_request": 1.0}

    with contextlib.ExitStack() as stack:
        runner = Runner(
            program, tmp_path, stack, 9, 0.05, may_be_busy=True, limit_s=6.5, clock=lambda: float(next(now))
        )  # fmt: skip
        result = runner.run(
            [replace(FEW, measure=measure), replace(FEW, name="sdk", measure=measure)], [CONTENDERS["direct"]]
        )
    assert [len(result.figures[name]["direct"]) for name in ("small", "sdk")] == [2, 1]
