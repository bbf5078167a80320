"""The page and a real Linx: what the fake of the page's own tests says, Linx says too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import Watch
from tests.e2e.dashboard.real_linx import LIMITED, RealLinx, real_linx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

KEY = "a-key-of-24-characters-x"


@pytest.fixture(scope="module")
def linx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLinx]:
    with real_linx(tmp_path_factory.mktemp("linx")) as linx:
        yield linx


@pytest.fixture
def page(context: BrowserContext, linx: RealLinx) -> Iterator[Page]:
    page = context.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    watch = Watch(linx.url)
    watch.on(page)
    page.goto(f"{linx.url}/dashboard")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    yield page
    page.close()
    assert not watch.problems, "\n".join(watch.problems)


def test_an_answer_appears_with_its_numbers(page: Page, linx: RealLinx) -> None:
    linx.chat("hello")
    row = page.get_by_test_id("request").first
    expect(row).to_have_attribute("data-phase", "done")
    expect(row).to_have_attribute("data-provider", "home")
    expect(row.locator(".tokens")).to_contain_text("5")
    expect(row.locator(".cost")).to_have_text("free")
    expect(row.locator(".client")).to_have_text("cursor")


def test_a_fallback_is_told_with_its_price(page: Page, linx: RealLinx) -> None:
    linx.chat("fail at home")
    row = page.get_by_test_id("request").first
    expect(row).to_have_attribute("data-provider", "away")
    expect(row).to_have_attribute("data-place", "paid")
    expect(page.get_by_test_id("paid-fallback")).to_be_visible()
    expect(page.locator("[data-test=provider][data-name=home]")).to_be_visible()


def test_a_running_request_counts_and_is_cancelled_by_its_button(page: Page, linx: RealLinx) -> None:
    def ask() -> None:
        with pytest.raises(OSError):
            linx.chat("slow please")

    thread = threading.Thread(target=ask)
    thread.start()
    row = page.locator("[data-test=request][data-phase=streaming]")
    expect(row).to_have_count(1)
    id_ = row.get_attribute("data-id")
    row = page.locator(f'[data-test=request][data-id="{id_}"]')
    before = row.locator(".tokens").text_content()
    expect(row.locator(".tokens")).not_to_have_text(before or "")
    row.get_by_test_id("cancel").click()
    expect(row).to_have_attribute("data-phase", "cancelled")
    thread.join(20)


def test_the_page_reads_the_config_again(page: Page) -> None:
    page.get_by_test_id("config-reload").click()
    expect(page.get_by_test_id("note")).to_have_text("The config was read again.")


def test_the_page_can_be_installed(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    assert session.send("Page.getAppManifest")["errors"] == []
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors] == ["in-incognito"]  # as every page of a test is


def test_a_key_opens_the_page(context: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> None:
    with real_linx(tmp_path_factory.mktemp("locked"), key=KEY) as linx:
        page = context.new_page()
        page.goto(f"{linx.url}/dashboard")
        page.get_by_test_id("key-input").fill(KEY + LIMITED)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The key limited has limits")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("The key limited has limits")
        page.get_by_test_id("key-input").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        linx.chat("hello")
        expect(page.get_by_test_id("request")).to_have_count(1)
        page.close()
