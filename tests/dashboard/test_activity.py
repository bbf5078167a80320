"""The counting that goes on whether a page is open or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.config.shape import LedgerConfig
from linx.core.telemetry import Telemetry
from linx.dashboard.activity import Activity
from linx.dashboard.series import STEP_S
from linx.ledger.database import open_for_writing
from tests.dashboard.records import Sending, record
from tests.ledger.records import NOON, row

if TYPE_CHECKING:
    from pathlib import Path

    from linx.dashboard.series import Point

NO_LEDGER = LedgerConfig(enabled=False)


def counting(at: float = NOON) -> tuple[Telemetry, Activity]:
    telemetry = Telemetry()
    begun = trio.current_time()
    activity = Activity(telemetry, lambda _asked: None, lambda: at + trio.current_time() - begun)
    activity.totals._clock = lambda: at
    activity.totals._begin_day(at)
    telemetry.watchers.append(activity.note)
    return telemetry, activity


def no_gap() -> None:
    pytest.fail("the machine has not slept")


async def test_a_machine_that_slept_has_empty_steps_in_the_charts(autojump_clock: object) -> None:
    """trio's clock stands still meanwhile; a step that is late by less is a busy machine, and no gap."""
    slept = [0.0]
    begun = trio.current_time()
    activity = Activity(Telemetry(), lambda _asked: None, lambda: NOON + trio.current_time() - begun + slept[0])
    told: list[float] = []
    gaps: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            activity.run, NO_LEDGER, lambda at, _point: told.append(at), lambda: gaps.append(activity._series.at)
        )
        await trio.sleep(1.5 * STEP_S)
        slept[0] = 8 * 3600.0
        await trio.sleep(2 * STEP_S)
        nursery.cancel_scope.cancel()
    assert gaps == [NOON + 2 * STEP_S + slept[0]]
    assert told == [NOON + STEP_S, NOON + 2 * STEP_S, gaps[0] + STEP_S]
    shown = activity.series_json()
    assert shown["from"] + shown["step_s"] * len(shown["ok"]) == gaps[0] + STEP_S


async def test_each_step_is_told_in_time(autojump_clock: object) -> None:
    telemetry, activity = counting(NOON + 2)
    told: list[tuple[float, Point]] = []
    for number in range(450):
        telemetry.begin(record(str(number), first_token=100.1, is_local=True, answer=Sending(1, 10)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.run, NO_LEDGER, lambda at, point: told.append((at, point)), no_gap)
        await trio.sleep(2.9)
        assert not told
        await trio.sleep(1 + STEP_S)
        nursery.cancel_scope.cancel()
    assert [at for at, _point in told] == [NOON + STEP_S, NOON + 2 * STEP_S]
    assert [point.tokens_local for _at, point in told] == [90.0, 0.0]


async def test_only_requests_of_a_model_of_those_who_may_ask_count() -> None:
    _telemetry, activity = counting()
    activity.note(record(at=NOON, outcome="not_found", is_model_path=False))
    activity.note(record(at=NOON, outcome="unauthorized", is_admitted=False))
    assert activity.totals_json()["requests"] == 0
    activity.note(record(at=NOON, outcome="model_not_found"))
    assert activity.totals_json()["failed"] == 1
    assert activity._series.step().failed == 1


async def test_the_ledger_is_read_once_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    database, _notice = open_for_writing(path)
    database.write([row(NOON - 10)])
    database.close()
    _telemetry, activity = counting()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(activity.run, LedgerConfig(path=str(path)), lambda _at, _point: None, no_gap)
        with trio.fail_after(10):
            while not activity.totals_json()["requests"]:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert activity.totals_json()["local_tokens"] == 1200


async def test_a_ledger_that_cannot_be_read_is_said_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 100)
    _telemetry, activity = counting()
    with caplog.at_level("INFO", "linx.dashboard"):
        await activity._read_ledger(LedgerConfig(path=str(path)))
    assert "begin at zero" in caplog.text
