"""axe-core finds nothing serious in the opened request, chat, history, models and connect: light, dark, narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.streams import Streamed, said
from tests.e2e.dashboard.test_axe import assert_accessible, axe
from tests.e2e.dashboard.test_chat import CHAT, HEADERS
from tests.e2e.dashboard.test_detail import ID, OPENED

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener

__all__ = ["axe"]
pytestmark = pytest.mark.needs("npm")
LOOKS = [("light", 1440), ("dark", 1440), ("light", 360)]


@pytest.mark.parametrize(("look", "width"), LOOKS, ids=["light", "dark", "narrow"])
def test_the_opened_request(open_page: Opener, axe: str, look: str, width: int) -> None:
    answers = open_page.server.answers
    bodies.prepare(answers)
    answers[f"/linx/requests/{ID}"] = (200, bodies.opened(bodies.with_all()))
    answers[f"/linx/requests/{ID}/replay"] = Streamed(bodies.events())
    page = open_page(worlds.snapshot(requests=[bodies.with_all()]), OPENED, look=look, width=width).page
    expect(page.get_by_test_id("said")).to_contain_text("Rayleigh")
    page.get_by_test_id("replay").click()
    expect(page.get_by_test_id("replay-new")).to_contain_text("Rayleigh")
    assert_accessible(page, axe)
    page.get_by_test_id("tab-diff").click()
    expect(page.get_by_test_id("fold")).to_be_visible()
    assert_accessible(page, axe)


@pytest.mark.parametrize(("look", "width"), LOOKS, ids=["light", "dark", "narrow"])
def test_the_other_views(open_page: Opener, axe: str, look: str, width: int) -> None:
    answers = open_page.server.answers
    bodies.prepare(answers)
    call = said("", tool_calls=[{"index": 0, "function": {"name": "look", "arguments": "{}"}}])
    answers[CHAT] = Streamed(bodies.events(), call, {"error": {"message": "It broke off."}}, headers=HEADERS)
    world = worlds.snapshot(providers=worlds.providers(), requests=[worlds.request(1)])
    page = open_page(world, "#/chat", look=look, width=width).page
    page.get_by_test_id("chat-input").fill("Why?")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("tool-call")).to_be_visible()
    assert_accessible(page, axe)
    for view, there in {"history": "usage", "models": "model", "connect": "setup-copy"}.items():
        page.evaluate(f"location.hash = '#/{view}'")
        expect(page.get_by_test_id(there).first).to_be_visible()
        assert_accessible(page, axe)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
