"""Models: what is loaded, unloading, pulling with progress, and that not every key may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.streams import HOLD, Streamed

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.dashboard.conftest import Opener
    from tests.e2e.dashboard.fake_linx import FakeLinx


def open_models(open_page: Opener) -> FakeLinx:
    bodies.prepare(open_page.server.answers)
    return open_page(worlds.snapshot(providers=worlds.providers()), "#/models")


def model(page: Page, name: str) -> Locator:
    return page.locator(f'[data-test=model][data-name="{name}"]')


def test_what_is_loaded_is_told(open_page: Opener) -> None:
    page = open_models(open_page).page
    loaded = model(page, "qwen3:8b")
    expect(loaded).to_have_attribute("data-loaded", "true")
    expect(loaded.locator(".model-state")).to_have_text("loaded · 6.7 GB · 4 min more")
    expect(loaded).to_contain_text("32.8k ctx")
    expect(model(page, "llama3.2:3b")).to_have_attribute("data-loaded", "false")
    expect(model(page, "llama3.2:3b")).to_contain_text("131k ctx")
    expect(model(page, "qwen3-coder:30b").get_by_test_id("unload")).to_have_count(0)
    expect(model(page, "openai/gpt-4o").get_by_test_id("unload")).to_have_count(0)
    model(page, "llama3.2:3b").get_by_role("link").click()
    expect(page.get_by_test_id("chat-model")).to_have_value("llama3.2:3b")


def test_a_model_is_unloaded(open_page: Opener) -> None:
    fake = open_models(open_page)
    open_page.server.answers["/api/ps"] = (200, {"models": []})
    model(fake.page, "qwen3:8b").get_by_test_id("unload").click()
    expect(fake.page.get_by_test_id("note")).to_have_text("qwen3:8b is unloaded.")
    assert fake.asked("/api/generate") == [{"model": "qwen3:8b", "keep_alive": 0, "stream": False}]
    fake.send("provider", provider={**worlds.providers()[0], "loaded": []})
    expect(model(fake.page, "qwen3:8b")).to_have_attribute("data-loaded", "false")


def line(**fields: object) -> str:
    return json.dumps(fields) + "\n"


def test_a_model_is_pulled_with_progress(open_page: Opener) -> None:
    """The lines are those of Ollama's docs/api.md, "Pull a Model"."""
    stream = Streamed(
        line(status="pulling manifest"),
        line(status="pulling 8eeb52dfb3bb", digest="sha256:8ee", total=2_000_000_000, completed=500_000_000),
        HOLD,
        line(status="pulling 8eeb52dfb3bb", digest="sha256:8ee", total=2_000_000_000, completed=2_000_000_000),
        line(status="success"),
        headers={"content-type": "application/x-ndjson"},
    )
    open_page.server.answers["/api/pull"] = stream
    fake = open_models(open_page)
    page = fake.page
    page.get_by_test_id("pull-model").fill("qwen3:0.6b")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("pull-state")).to_have_text("pulling 8eeb52dfb3bb · 500 MB of 2.0 GB")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 0.25)
    stream.go()
    expect(page.get_by_test_id("pull-state")).to_have_text("qwen3:0.6b is there.")
    assert fake.asked("/api/pull") == [{"model": "qwen3:0.6b"}]


def test_a_pull_that_fails_or_is_not_allowed_says_so(open_page: Opener) -> None:
    fake = open_models(open_page)
    page = fake.page
    open_page.server.answers["/api/pull"] = Streamed(line(error="pull model manifest: file does not exist"))
    page.get_by_test_id("pull-model").fill("nothing")
    page.get_by_test_id("pull").click()
    expect(page.get_by_test_id("pull-state")).to_have_text("pull model manifest: file does not exist")
    open_page.watch.allowed = ("403 (Forbidden)",)
    open_page.server.answers["/api/pull"] = (403, {"error": {"message": "anna may not manage models.", "type": "x"}})
    page.get_by_test_id("pull").click()
    expect(page.get_by_test_id("pull-state")).to_have_text("Not allowed here: anna may not manage models.")


def test_a_pull_is_stopped(open_page: Opener) -> None:
    stream = Streamed(line(status="pulling manifest"), HOLD)
    open_page.server.answers["/api/pull"] = stream
    page = open_models(open_page).page
    page.get_by_test_id("pull-model").fill("qwen3:0.6b")
    page.get_by_test_id("pull").click()
    expect(page.get_by_test_id("pull-state")).to_have_text("pulling manifest")
    page.get_by_test_id("pull-stop").click()
    expect(page.get_by_test_id("pull-state")).to_contain_text("Stopped")
    assert stream.left.wait(5)
