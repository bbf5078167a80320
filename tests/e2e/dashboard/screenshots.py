"""``scripts/screenshots``: pictures of the page in the worlds of its tests, into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.conftest import find_program
from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.fake_linx import FakeLinx, FakeServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def opened() -> dict[str, Any]:
    """The busy world with a request in it whose bodies are known."""
    world = worlds.busy()
    shown = {**bodies.with_all(), "started_at": worlds.NOW - 100}
    return {**world, "requests": sorted([*world["requests"], shown], key=lambda row: -float(row["started_at"]))}


WORLDS = {"empty": worlds.empty, "busy": worlds.busy, "broken": worlds.broken, "open": opened}
SIZES = {1440: 900, 900: 760, 360: 720}
LOOKS: tuple[Any, ...] = ("light", "dark")
SETTLED_MS = 400  # until charts are drawn and the first frames of the running rows are counted


def shoot(browser: Browser, server: FakeServer, folder: Path, name: str, width: int, look: Any) -> None:
    viewport: Any = {"width": width, "height": SIZES[width]}
    context = browser.new_context(viewport=viewport, color_scheme=look, reduced_motion="reduce", timezone_id="UTC")
    fake = FakeLinx(server, context.new_page(), WORLDS[name]())
    bodies.prepare(server.answers)
    shown = bodies.with_all()
    server.answers[f"/linx/requests/{shown['id']}"] = (200, bodies.opened(shown))
    fake.open(f"#/requests/{shown['id']}" if name == "open" else "")
    fake.page.wait_for_timeout(SETTLED_MS)
    fake.page.screenshot(path=folder / f"dashboard-{name}-{width}-{look}.png")
    context.close()


def main(folder: Path) -> None:
    with sync_playwright() as playwright, FakeServer() as server:
        browser = playwright.chromium.launch(executable_path=find_program("chromium"), args=["--no-sandbox"])
        for name in WORLDS:
            for width in SIZES:
                for look in LOOKS:
                    shoot(browser, server, folder, name, width, look)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
