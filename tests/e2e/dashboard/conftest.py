"""A real Chromium for the page: one process and one tab for all tests. It is Debian's; none is downloaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import find_program
from tests.e2e.dashboard.fake_linx import FakeLinx, FakeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request

ARGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
PATIENCE_MS = 20_000  # of a busy machine: nothing waits that long that is going to happen
HEIGHTS = {360: 720, 900: 760}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ended with the last test of this folder: while it runs, no other event loop may run in this thread."""
    program = find_program("chromium")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture(scope="package")
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@dataclass
class Watch:
    """What no page may do: log an error, break the policy for its content, ask another origin."""

    origin: str
    problems: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()
    """Parts of console messages that a test expects."""

    def on(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._error)
        page.on("request", self._request)

    def off(self, page: Page) -> None:
        page.remove_listener("console", self._console)
        page.remove_listener("pageerror", self._error)
        page.remove_listener("request", self._request)

    def _error(self, error: Error) -> None:
        self.problems.append(f"{error}\n{error.stack}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.allowed):
            self.problems.append(f"console {message.type}: {message.text} {message.location}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.problems.append(f"a request to another origin: {request.url}")


class Opener:
    """Opens the page."""

    def __init__(self, server: FakeServer, page: Page, watch: Watch) -> None:
        self.server = server
        self.page = page
        self.watch = watch

    def __call__(
        self, snapshot: dict[str, Any], hash_: str = "", *, width: int = 1440, look: Any = "light", **options: Any
    ) -> FakeLinx:
        self.page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
        self.page.emulate_media(color_scheme=look, reduced_motion="reduce")
        fake = FakeLinx(self.server, self.page, snapshot)
        fake.open(hash_, **options)
        return fake


@pytest.fixture(scope="package")
def tab(context: BrowserContext) -> Iterator[Page]:
    """For all tests one after another: a new tab would be a new process, which costs three times as much as a page."""
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture
def open_page(tab: Page, server: FakeServer) -> Iterator[Opener]:
    server.reset()
    watch = Watch(server.origin)
    watch.on(tab)
    yield Opener(server, tab, watch)
    watch.off(tab)
    if tab.url.startswith(server.origin):
        tab.evaluate("localStorage.clear(), sessionStorage.clear()")
    tab.mouse.move(0, 0)
    tab.goto("about:blank")
    assert not watch.problems, "\n".join(watch.problems)
