"""What the dashboard is told besides the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.handlers.management.overview import Overview
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path


async def test_it_says_the_same_as_the_status(tmp_path: Path) -> None:
    off = {"off": {"kind": "llamacpp", "endpoint": "http://10.0.0.9", "enabled": False}}
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake, providers=off, server={"capture": False}), tmp_path) as app,
    ):
        overview = Overview(app.context)
        status = (await ask(app.bound[0][1], "/v1/providers/status")).json
        tunnel = (await ask(app.bound[0][1], "/api/tunnel/status")).json
        rows = dict(overview.providers())
        assert next(iter(rows)) == "openai1"
        assert {rows[name]["state"] for name in ("openai1", "off")} == {"up", "disabled"}
        assert [row.keys() for row in rows.values()] == [one.keys() for one in status["data"]]
        assert rows["off"].keys() == rows["openai1"].keys()
        parts = overview.parts()
        assert (parts["tunnel"], parts["config"]) == (tunnel, status["config"])
        head = overview.head()
        assert head["address"] == f"http://localhost:{app.bound[0][1]}"
        assert (head["needs_key"], head["capture"]) == (False, False)
        assert head["series"]["step_s"] == 5
