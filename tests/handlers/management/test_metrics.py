"""/metrics and the packages that few need: imported by the first request for them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from pathlib import Path

LATE = ("prometheus_client", "trio_websocket", "wsproto")
"""3 MB of memory, and a tenth of the time of a start."""


def test_a_start_imports_none_of_them() -> None:
    code = f"import sys, linx.app; print([name for name in {LATE} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


async def test_the_first_scrape_is_answered_as_any_other(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        for _ in range(2):
            answer = await ask(app.bound[0][1], "/metrics")
            assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
            assert b"linx_requests_total" in answer.body
