"""By keyboard and by palette; with nothing yet, with the connection lost, with a key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import worlds
from tests.e2e.dashboard.test_requests import row

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener

KEY = "open-sesame/with a slash"


def test_the_keys_walk_open_cancel_and_close(open_page: Opener) -> None:
    requests = [worlds.running(1, "streaming", 3), worlds.request(2), worlds.request(3)]
    fake = open_page(worlds.snapshot(requests=requests))
    page = fake.page
    page.keyboard.press("j")
    expect(row(page, "req-1")).to_have_attribute("data-selected", "true")
    with page.expect_response("**/linx/requests/req-1/cancel"):
        page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(row(page, "req-2")).to_have_attribute("data-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url("**#/requests/req-2")
    page.keyboard.press("j")
    page.wait_for_url("**#/requests/req-3")
    page.keyboard.press("Escape")
    page.wait_for_url("**#/requests")
    assert fake.asked("/linx/requests/req-1/cancel") == [None]


PRESS = """(keys) => {
  const common = { bubbles: true, cancelable: true };
  for (const key of keys) document.body.dispatchEvent(new KeyboardEvent("keydown", { ...common, ...key }));
}"""


def test_keys_that_follow_each_other_at_once_act_on_what_the_last_one_did(open_page: Opener) -> None:
    """Sooner than the browser tells of the new address."""
    page = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.request(2), worlds.request(3)])).page
    page.evaluate(PRESS, [{"key": "j"}, {"key": "Enter"}, {"key": "j"}])
    page.wait_for_url("**#/requests/req-2")


def test_the_palette_takes_what_is_typed_behind_its_key(open_page: Opener) -> None:
    """It has the focus before the next key, and not with the next frame."""
    page = open_page(worlds.busy()).page
    at_once = f"""async () => {{
      ({PRESS})([{{ key: "k", ctrlKey: true }}]);
      for (let turn = 0; turn < 20; turn += 1) await null;
      return document.activeElement.getAttribute("role");
    }}"""
    assert page.evaluate(at_once) == "combobox"


def test_a_key_leads_to_the_providers(open_page: Opener) -> None:
    page = open_page(worlds.busy()).page
    page.keyboard.press("p")
    expect(page.locator("[data-test=provider] button").first).to_be_focused()
    expect(page.locator(".tabs [aria-current]")).to_have_text("Requests")


def test_the_filter_has_a_key_and_typing_in_it_is_typing(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(requests=[worlds.request(1)])).page
    page.keyboard.press("/")
    expect(page.get_by_test_id("filter")).to_be_focused()
    page.keyboard.type("jxk")
    expect(page.get_by_test_id("filter")).to_have_value("jxk")
    expect(page.locator("[data-selected]")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("filter")).to_have_value("")


def test_help_names_every_key(open_page: Opener) -> None:
    page = open_page(worlds.empty()).page
    page.keyboard.press("?")
    expect(page.get_by_test_id("help").locator("dt")).to_have_text(
        ["j", "k", "Enter", "x", "r", "/", "p", "c", "?", "Escape", "⌘K / Ctrl K"]
    )
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("help")).to_have_count(0)


def test_the_palette_finds_and_does(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.failed(2)]))
    page = fake.page
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Command")).to_be_focused()
    page.keyboard.type("failed")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    expect(page.get_by_test_id("filter")).to_have_value("status:failed")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Command")).to_be_focused()
    page.keyboard.type("req-1")
    page.keyboard.press("Enter")
    page.wait_for_url("**#/requests/req-1")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Command")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    expect(page).to_have_url(f"{fake.server.origin}/dashboard#/requests/req-1")


def test_one_overlay_closes_and_the_next_stays_open(open_page: Opener) -> None:
    """The browser tells late that a dialog was closed: that must not close the dialog that was opened since."""
    page = open_page(worlds.empty()).page
    page.keyboard.press("?")
    expect(page.get_by_test_id("help")).to_be_visible()
    page.evaluate(
        """() => new Promise((done) => {
            const press = (key, ctrlKey) => dispatchEvent(new KeyboardEvent("keydown", {key, ctrlKey}));
            const look = new MutationObserver(() => {
                if (document.querySelector("[data-test=help]")) return;
                look.disconnect();
                press("k", true);
                setTimeout(done, 50);
            });
            look.observe(document.body, {subtree: true, childList: true});
            document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
        })"""
    )
    expect(page.get_by_test_id("palette")).to_be_visible()


def test_an_empty_page_says_what_to_do_and_does_it(open_page: Opener) -> None:
    fake = open_page(worlds.empty())
    empty = fake.page.get_by_test_id("empty")
    expect(empty).to_contain_text("ollama with 2 models")
    expect(empty).to_contain_text("http://localhost:8080/v1")
    with fake.page.expect_response("**/v1/chat/completions"):
        fake.page.get_by_test_id("send-request").click()
    fake.send("request", request=worlds.request(1))
    expect(empty).to_have_count(0)
    (body,) = fake.asked("/v1/chat/completions")
    assert body is not None
    assert body["model"] == "qwen3:8b"


def test_an_empty_page_without_a_provider(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(providers=[worlds.provider("ollama", state="down")])).page
    expect(page.get_by_test_id("empty")).to_contain_text("No provider answers yet")


def test_a_lost_connection_is_told_and_comes_back(open_page: Opener) -> None:
    fake = open_page(worlds.busy())
    open_page.watch.allowed = ("ERR_",)
    page, connection = fake.page, fake.page.get_by_test_id("connection")
    fake.drop()
    expect(connection).to_have_attribute("data-state", "lost")
    expect(connection).to_contain_text(re.compile(r"Last seen \d+ s ago"))
    assert page.locator(".home").evaluate("(home) => getComputedStyle(home).filter") == "grayscale(0.9)"
    expect(page.get_by_test_id("request").first).to_be_visible()
    expect(connection).not_to_have_text(connection.text_content() or "")  # so the loss has been painted whole
    time = page.locator("[data-phase=streaming] .time").first.text_content()
    expect(connection).not_to_have_text(connection.text_content() or "")
    expect(page.locator("[data-phase=streaming] .time").first).to_have_text(time or "")  # what is old stands still
    fake.server.is_up = True
    fake.snapshot = worlds.empty()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(connection).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("request")).to_have_count(0)


def test_the_key_is_asked_for_once_and_kept_for_the_tab(open_page: Opener) -> None:
    open_page.server.key = KEY
    open_page.watch.allowed = ("401 (Unauthorized)",)
    fake = open_page(worlds.snapshot(requests=[worlds.request(1)]), until="[data-test=key-input]")
    page = fake.page
    expect(page.get_by_test_id("request")).to_have_count(0)
    expect(page.get_by_test_id("connection")).to_have_text("Locked")
    page.get_by_test_id("key-input").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the key.")
    page.get_by_test_id("key-input").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("request")).to_have_count(1)
    page.reload()
    expect(page.get_by_test_id("request")).to_have_count(1)
    assert page.evaluate("Object.keys(localStorage)") == []
