"""Providers beside the list, charts above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import worlds

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener


def test_each_provider_tells_its_state_and_numbers(open_page: Opener) -> None:
    page = open_page(worlds.busy()).page
    ollama = page.locator("[data-test=provider][data-name=ollama]")
    expect(ollama).to_have_attribute("data-state", "up")
    expect(ollama).to_contain_text("qwen3:8b")
    expect(ollama).to_contain_text("32.8k ctx")
    expect(ollama).to_contain_text("2 running, 1 queued")
    expect(ollama).to_contain_text("0.34 / 1.21 s")
    expect(page.locator("[data-test=provider][data-name=openrouter]")).to_contain_text("$0.42")
    expect(page.locator("[data-test=provider][data-name=attic][data-state=disabled]")).to_contain_text("off")


def test_an_ill_provider_tells_why_and_when_it_is_asked_again(open_page: Opener) -> None:
    fake = open_page(worlds.broken())
    page = fake.page
    expect(page.locator("[data-test=provider][data-name=ollama][data-state=down]")).to_contain_text(
        "connection refused"
    )
    expect(page.locator("[data-test=provider][data-name=workstation] .state")).to_have_text("paused 24 s")
    fake.send("provider", provider=worlds.provider("ollama"))
    expect(page.locator("[data-test=provider][data-name=ollama]")).to_have_attribute("data-state", "up")


def test_a_mapping_without_its_model_is_told_with_the_command_that_gets_it(open_page: Opener) -> None:
    gone = {
        "name": "gpt-4o",
        "model": "qwen2.5-coder:32b",
        "command": "ollama pull qwen2.5-coder:32b",
        "near": ["a", "b"],
    }
    bare = {"name": "default", "model": "x", "command": "", "near": []}
    fake = open_page(worlds.snapshot(providers=[worlds.provider("ollama", missing_models=[gone, bare])]))
    page = fake.page
    row = page.locator("[data-test=provider][data-name=ollama] [data-test=missing-model][data-name=gpt-4o]")
    expect(row).to_contain_text("gpt-4o → qwen2.5-coder:32b is not there")
    expect(row.locator("code")).to_have_text("ollama pull qwen2.5-coder:32b")
    expect(row.locator("p").first).to_have_attribute("title", "there is a, b")
    expect(page.get_by_test_id("missing-model")).to_have_count(2)
    expect(page.get_by_test_id("missing-copy")).to_have_count(1)
    page.get_by_test_id("missing-copy").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text === 'ollama pull qwen2.5-coder:32b')")
    fake.send("provider", provider=worlds.provider("ollama"))
    expect(page.get_by_test_id("missing-model")).to_have_count(0)


def test_a_spent_budget_is_told_at_its_provider_and_above_the_page(open_page: Opener) -> None:
    spent = worlds.limit("provider", "openrouter", reached=True, spent=2.0031)
    ill = worlds.provider("openrouter", local=False, budget=[spent])
    half = worlds.limit("all", None, kind="daily_tokens", limit=200_000, spent=100_000)
    page = open_page(worlds.snapshot(providers=[ill], budget=[half, spent])).page
    expect(page.get_by_test_id("budget-reached")).to_have_count(1)
    expect(page.get_by_test_id("budget-reached")).to_contain_text("openrouter. $2.00 of $2.00 today")
    expect(page.locator("[data-test=provider] .budget")).to_contain_text("$2.00 of $2.00 today")


def test_a_click_on_a_provider_shows_its_requests(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(providers=worlds.providers(), requests=[worlds.request(1), worlds.remote(2)])).page
    page.locator("[data-test=provider][data-name=openrouter] .name").click()
    expect(page.get_by_test_id("request")).to_have_count(1)


def test_three_charts_with_one_cursor(open_page: Opener) -> None:
    page = open_page(worlds.busy()).page
    for name in ("tokens", "first-token", "requests"):
        expect(page.locator(f"[data-test=chart][data-name={name}] canvas")).to_be_visible()
    page.locator("[data-test=chart][data-name=tokens] .u-over").hover()
    shown = [page.locator(f"[data-test=chart][data-name={name}] .u-cursor-x") for name in ("tokens", "requests")]
    places = [
        one.evaluate("(line) => line.getBoundingClientRect().x - line.parentElement.getBoundingClientRect().x")
        for one in shown
    ]
    assert places[0] > 0
    assert abs(places[0] - places[1]) < 2


def test_charts_take_new_points(open_page: Opener) -> None:
    fake = open_page(worlds.busy())
    last = fake.page.locator("[data-test=chart][data-name=tokens] .legend b").first
    expect(last).to_have_text(f"{fake.snapshot['series']['tokens_local'][-1]:.0f}")
    point = {
        "tokens_local": 77.0,
        "tokens_remote": 0.0,
        "first_token_p50": 210.0,
        "first_token_p95": 420.0,
        "ok": 2,
        "failed": 1,
    }
    fake.send("point", at=worlds.NOW + 5, point=point)
    expect(last).to_have_text("77")
    expect(fake.page.locator("[data-test=chart][data-name=first-token] .legend b").first).to_have_text("210 ms")
