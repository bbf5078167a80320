"""All parts of the dashboard's side together."""

from __future__ import annotations

import trio

from linx.config.shape import LedgerConfig
from linx.core.redaction import Redactor
from linx.core.telemetry import Telemetry
from linx.dashboard.dashboard import Dashboard
from linx.dashboard.series import STEP_S
from tests.dashboard.records import PAGE, record
from tests.dashboard.test_hub import World, messages


async def test_it_counts_from_the_start_and_tells_each_step(autojump_clock: object) -> None:
    telemetry = Telemetry()
    dashboard = Dashboard(telemetry, Redactor(), lambda _asked: None)
    assert not dashboard.needs_key()
    viewer = dashboard.hub.join(PAGE)
    assert viewer is not None
    viewer.take()
    telemetry.note(record(outcome="reset"), "failed", 101.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dashboard.run, World(), LedgerConfig(enabled=False))
        await trio.sleep(STEP_S + 0.01)
        nursery.cancel_scope.cancel()
    points = [one["point"] for one in messages(viewer.take()) if one["type"] == "point"]
    assert points[0] == {
        "tokens_local": 0.0,
        "tokens_remote": 0.0,
        "first_token_p50": None,
        "first_token_p95": None,
        "ok": 0,
        "failed": 1,
    }
