"""What the handlers share: two clocks that agree, and a mark of its own for each process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

from linx.config.model import Config
from linx.config.shape import ServerConfig
from linx.handlers.context import Context, new_id
from linx.routing.router import Router
from tests.handlers.contexts import context_for

if TYPE_CHECKING:
    from trio.testing import MockClock


def context() -> Context:
    config = Config()
    return context_for(config, Router((), config.routing))


async def test_wall_time_follows_trios_clock_and_never_runs_backwards(mock_clock: MockClock) -> None:
    one = context()
    start = one.now()
    assert abs(start - time.time()) < 5
    assert one.at(one.started) == start
    mock_clock.jump(3600)
    assert one.now() - start == 3600
    assert one.at(trio.current_time()) == one.now()


async def test_after_the_machine_has_slept_the_time_is_right_again(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = context()
    start, slept_s = one.now(), 8 * 3600.0
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + trio.current_time() + slept_s)
    one.keep_time()
    assert one.now() - start == pytest.approx(slept_s, abs=1)
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    one.keep_time()
    assert one.now() - start == pytest.approx(slept_s, abs=1)


async def test_each_process_has_a_mark_of_its_own() -> None:
    marks = {context().instance for _ in range(20)}
    assert len(marks) == 20
    assert all(len(mark) == 16 and mark.isalnum() for mark in marks)


async def test_heartbeats_follow_the_config_in_force() -> None:
    one = context()
    assert one.heartbeat_s() == 15.0
    assert one.providers == ()
    config = Config(server=ServerConfig(heartbeat_s=3.0))
    one.apply(config, Router((), config.routing))
    assert one.heartbeat_s() == 3.0


async def test_a_config_in_force_ends_the_problem_of_the_one_before() -> None:
    one = context()
    one.config_problem = "config.json: is not JSON"
    config = Config(path="/etc/linx.json")
    router = Router((), config.routing)
    one.apply(config, router)
    assert one.config is config
    assert one.router is router
    assert one.config_problem is None
    assert abs(one.config_loaded_at - one.now()) < 5


def test_ids_are_random_hex() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in ids)
