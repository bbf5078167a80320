"""Connect: the settings of each client for this address and key, to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.dashboard.conftest import Opener

KEY = "key-of-the-page"


def client(page: Page, name: str) -> Locator:
    return page.locator(f'[data-test=setup-client][data-name="{name}"]')


def copied(page: Page, button: Locator, wanted: str) -> None:
    button.click()
    page.wait_for_function("(wanted) => navigator.clipboard.readText().then((text) => text === wanted)", arg=wanted)


def test_the_settings_of_a_client_are_copied(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    page = open_page(worlds.snapshot(), "#/connect").page
    expect(page.get_by_test_id("setup-client")).to_have_count(8)
    client(page, "claude-code").click()
    settings = page.get_by_test_id("setup-settings")
    expect(settings.locator("h2")).to_have_text("Claude Code")
    expect(settings).to_contain_text("~/.claude/settings.json")
    lines = "export ANTHROPIC_BASE_URL=http://localhost:8080\nexport ANTHROPIC_AUTH_TOKEN=YOUR_KEY"
    copied(page, page.get_by_test_id("setup-copy").first, lines)
    client(page, "cursor").click()
    expect(page.get_by_test_id("needs-tunnel")).to_be_visible()
    page.reload()
    expect(settings.locator("h2")).to_have_text("Cursor")


def test_the_key_is_in_what_is_copied_and_not_on_the_screen(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    open_page.server.key = KEY
    open_page.watch.allowed = ("401 (Unauthorized)",)
    page = open_page(worlds.snapshot(), "#/connect", until="[data-test=key-input]").page
    page.get_by_test_id("key-input").fill(KEY)
    page.keyboard.press("Enter")
    client(page, "claude-code").click()
    lines = f"export ANTHROPIC_BASE_URL=http://localhost:8080\nexport ANTHROPIC_AUTH_TOKEN={KEY}"
    copied(page, page.get_by_test_id("setup-copy").first, lines)
    expect(page.get_by_test_id("setup-settings")).not_to_contain_text(KEY)
    page.get_by_test_id("show-key").check()
    expect(page.get_by_test_id("setup-settings")).to_contain_text(f"ANTHROPIC_AUTH_TOKEN={KEY}")


def test_any_client_finds_address_key_and_a_test(open_page: Opener) -> None:
    open_page.watch.allowed = ("404 (Not Found)",)
    open_page.server.answers["/linx/clients"] = (404, {"error": {"message": "no such path", "type": "x"}})
    page = open_page(worlds.snapshot(), "#/connect").page
    expect(page.get_by_test_id("setup-client")).to_have_text(["Any other client"])
    copied(page, page.get_by_test_id("setup-copy").first, "http://localhost:8080/v1")
    copied(page, page.get_by_test_id("setup-copy").last, "curl http://localhost:8080/v1/models")
