"""Work in a thread: its results and errors come out, and the loop gets its turns."""

from __future__ import annotations

import sys
import threading
import time

import pytest
import trio

from linx.core.errors import BadRequest
from linx.core.worker import TURN_S, in_thread


async def test_what_it_returns_and_raises() -> None:
    assert await in_thread(lambda one, two: one + two, 1, 2) == 3
    assert await in_thread(threading.get_ident) != threading.get_ident()

    def fail() -> None:
        raise BadRequest("no")

    with pytest.raises(BadRequest, match="no"):
        await in_thread(fail)


async def test_turns_are_short_only_meanwhile() -> None:
    usual = sys.getswitchinterval()
    assert await in_thread(sys.getswitchinterval) == pytest.approx(TURN_S)
    assert sys.getswitchinterval() == pytest.approx(usual)


async def test_the_loop_goes_on() -> None:
    is_enough = threading.Event()
    turns = 0

    def work() -> None:
        end = time.monotonic() + 30
        while not is_enough.is_set():
            assert time.monotonic() < end

    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_thread, work)
        while turns < 20:
            await trio.sleep(0.001)
            turns += 1
        is_enough.set()


async def test_ten_do_not_run_at_once() -> None:
    running = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(in_thread, work)
    assert 1 <= most <= 2


async def test_one_that_is_cancelled_waits_for_its_end() -> None:
    may_end = threading.Event()
    has_begun = threading.Event()
    is_over = False

    def work() -> None:
        nonlocal is_over
        has_begun.set()
        may_end.wait(30)
        is_over = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_thread, work)
        while not has_begun.is_set():
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
        may_end.set()
    assert is_over
    assert sys.getswitchinterval() > TURN_S
