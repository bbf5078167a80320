"""A small storm in one process, where every object can be looked at; the full one is ``benchmarks.storm``."""

from __future__ import annotations

import gc
import logging
import os
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import trio

from benchmarks.storm import KINDS, NAMES, ROUTING, Report, blow, settled, watch, weather
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock

REQUESTS = 600


async def until(holds: Callable[[], bool]) -> None:
    """Sockets close when the kernel has said so to the other side."""
    with trio.fail_after(HANG_S):
        while not holds():
            await trio.sleep(0.01)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
async def test_hang_ups_and_faults_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """Under the mock clock no silence is longer than it was meant to be, however busy the machine is."""
    draw = random.Random(7)
    report = Report()
    caplog.set_level(logging.WARNING)
    async with AsyncExitStack() as stack:
        fakes = []
        for kind in KINDS:
            fake = FakeProvider(kind, ["m"], record=False)  # type: ignore[arg-type]
            fakes.append(await stack.enter_async_context(fake))
            fake.rule = weather(draw)
        config = config_for(*fakes, names=NAMES, routing={**ROUTING, "first_token_timeout_s": 0.3})
        app = await stack.enter_async_context(linx_here(config, tmp_path))
        port = app.bound[0][1]
        files = len(os.listdir("/proc/self/fd"))
        tasks = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch, port, fakes, report, 0.2)
                await blow(port, REQUESTS, draw, report, pause_s=1.0)
                nursery.cancel_scope.cancel()
            after = await settled(port, fakes)

        assert report.odd == []
        assert all(excess <= 0 for excess in report.worst.values()), report.worst
        assert sum(report.ends.values()) == REQUESTS
        assert report.ends["answered"] > REQUESTS / 4
        assert report.ends["left"] > REQUESTS / 5

        assert app.context.telemetry.running == {}
        assert app.context.heartbeats.streams == set()
        assert [(one.slots.active, one.slots.waiting) for one in app.context.providers] == [(0, 0)] * len(fakes)
        assert after["linx_upstream_connections active"] == after["linx_upstream_connections draining"] == 0
        gc.collect()

        def are_closed() -> bool:
            app.pool.close_idle()  # each time: a probe of a provider may have left one more
            return not any(fake.open_sockets for fake in fakes)

        await until(are_closed)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= files)
        await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks)
    assert [entry.getMessage() for entry in caplog.records if entry.exc_info] == []
