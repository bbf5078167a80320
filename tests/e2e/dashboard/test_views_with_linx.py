"""The opened request, chat, history, models and connect with a real Linx: what the stand-in says, Linx says too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard.test_with_linx import linx, page

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.dashboard.real_linx import RealLinx

__all__ = ["linx", "page"]


def test_a_request_is_opened_compared_and_replayed(page: Page, linx: RealLinx) -> None:
    linx.chat("fail")
    page.get_by_test_id("request").first.locator(".time").click()
    lanes = page.get_by_test_id("lane")
    expect(lanes.last.locator(".lane-reason")).to_have_text("answered")
    assert lanes.count() > 1
    expect(page.get_by_test_id("said")).not_to_be_empty()
    page.get_by_test_id("tab-client").click()
    expect(page.get_by_test_id("body")).to_contain_text('"content": "fail"')
    page.get_by_test_id("tab-diff").click()
    expect(page.get_by_test_id("diff-summary")).to_be_visible()
    page.get_by_test_id("replay-model").select_option("gpt-4o")
    page.get_by_test_id("replay").click()
    new = page.get_by_test_id("replay-new")
    expect(new.get_by_test_id("said")).not_to_be_empty()
    new.get_by_role("link", name="open").click()
    expect(page.get_by_role("link", name="a replay")).to_be_visible()
    expect(page.locator(".lane-provider").last).to_have_text("away")


def test_a_chat_streams_and_is_stopped(page: Page) -> None:
    page.keyboard.press("c")
    page.get_by_test_id("chat-model").select_option("m")
    page.get_by_test_id("chat-input").fill("hello")
    page.keyboard.press("Enter")
    expect(page.locator(".answer-facts")).to_contain_text("tok")
    expect(page.get_by_test_id("chat-answer")).not_to_be_empty()
    page.get_by_test_id("chat-input").fill("slow")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-answer").last).to_contain_text("word word")
    page.get_by_test_id("chat-stop").click()
    page.get_by_role("link", name="request", exact=True).last.click()
    expect(page.get_by_test_id("request-detail").locator(".state-word")).to_contain_text("cancelled")


def test_history_models_and_connect_have_what_linx_tells(page: Page, linx: RealLinx) -> None:
    linx.chat("hello")
    page.evaluate("location.hash = '#/models'")
    expect(page.locator('[data-test=model][data-name="gpt-4o"]')).to_be_visible()
    page.evaluate("location.hash = '#/connect'")
    page.locator('[data-test=setup-client][data-name="claude-code"]').click()
    expect(page.get_by_test_id("setup-settings")).to_contain_text(linx.url.rpartition(":")[2])
    page.evaluate("location.hash = '#/history'")
    page.get_by_test_id("tab-client").click()
    expect(page.get_by_test_id("usage").locator("tbody th").filter(has_text="cursor")).to_be_visible()
