"""The head of the page and its banners: today in numbers, address, tunnel, looks, what needs the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import worlds

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener


def test_today_in_numbers(open_page: Opener) -> None:
    fake = open_page(worlds.busy())
    page = fake.page
    expect(page.get_by_test_id("today-running").locator("dd")).to_have_text("4")
    expect(page.get_by_test_id("today-local-tokens").locator("dd")).to_have_text("1.2M")
    expect(page.get_by_test_id("today-remote-tokens").locator("dd")).to_have_text("50.8k")
    expect(page.get_by_test_id("today-cost").locator("dd")).to_have_text("$0.42")
    expect(page.get_by_test_id("today-saved").locator("dd")).to_have_text("$3.71")
    fake.send("totals", totals={**fake.snapshot["totals"], "cost_usd": 12.3, "failed": 7})
    expect(page.get_by_test_id("today-cost").locator("dd")).to_have_text("$12.30")
    expect(page.get_by_test_id("today-failed").locator("dd")).to_have_text("7")


def test_the_address_is_copied(open_page: Opener) -> None:
    page = open_page(worlds.empty()).page
    page.get_by_test_id("address").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text === 'http://localhost:8080')")


def test_the_tunnel_is_switched_on_and_off(open_page: Opener) -> None:
    fake = open_page(worlds.empty())
    page, toggle = fake.page, fake.page.get_by_test_id("tunnel-toggle")
    expect(toggle).to_have_attribute("aria-checked", "false")
    starting = {**fake.snapshot["tunnel"], "status": "starting"}
    fake.server.answers["/api/tunnel/start"] = (200, starting)
    toggle.click()
    expect(toggle).to_have_attribute("aria-checked", "true")
    fake.send("tunnel", tunnel={**starting, "status": "running", "url": "https://abc.example"})
    expect(page.get_by_test_id("tunnel-url")).to_have_text("https://abc.example")
    fake.server.answers["/api/tunnel/stop"] = (200, fake.snapshot["tunnel"])
    toggle.click()
    expect(toggle).to_have_attribute("aria-checked", "false")
    expect(page.get_by_test_id("tunnel-url")).to_have_count(0)


def test_a_tunnel_that_cannot_start_says_why(open_page: Opener) -> None:
    fake = open_page(worlds.empty())
    open_page.watch.allowed = ("400 (Bad Request)",)
    fake.server.answers["/api/tunnel/start"] = (400, {"error": {"message": "ssh is not installed.", "type": "x"}})
    fake.page.get_by_test_id("tunnel-toggle").click()
    expect(fake.page.get_by_test_id("note")).to_have_text("ssh is not installed.")


def test_looks_are_chosen_and_kept(open_page: Opener) -> None:
    page = open_page(worlds.empty()).page
    dark = "getComputedStyle(document.documentElement).colorScheme === 'dark'"
    assert not page.evaluate(dark)
    page.get_by_test_id("theme").click()
    assert page.evaluate(dark)
    page.reload()
    page.wait_for_selector("[data-test=connection][data-state=live]")
    assert page.evaluate(dark)
    page.get_by_test_id("theme").click()
    assert page.evaluate("localStorage.getItem('linx.theme')") is None  # what the system says needs no memory


def test_a_problem_of_the_config_stands_until_it_is_mended(open_page: Opener) -> None:
    fake = open_page(worlds.broken())
    problem = fake.page.get_by_test_id("config-problem")
    expect(problem).to_contain_text("did you mean endpoint?")
    mended = {**fake.snapshot["config"], "problem": None}
    fake.server.answers["/linx/reload"] = (200, mended)
    problem.get_by_role("button").click()
    expect(problem).to_have_count(0)
    assert fake.asked("/linx/reload") == [None]


def test_the_config_is_read_again_by_its_button(open_page: Opener) -> None:
    fake = open_page(worlds.empty())
    fake.server.answers["/linx/reload"] = (200, fake.snapshot["config"])
    fake.page.get_by_test_id("config-reload").click()
    expect(fake.page.get_by_test_id("note")).to_have_text("The config was read again.")


def test_paid_answers_in_place_of_local_ones_are_told_until_seen(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.fallback(0), worlds.remote(1), worlds.request(2)]))
    banner = fake.page.get_by_test_id("paid-fallback")
    expect(banner).to_contain_text("1 answer was paid for")
    expect(banner).to_contain_text("$0.02")
    banner.get_by_role("button", name="Show").click()
    expect(fake.page.get_by_test_id("request")).to_have_count(1)
    banner.get_by_role("button", name="Seen").click()
    expect(banner).to_have_count(0)
    fake.send("request", request={**worlds.fallback(3), "started_at": worlds.NOW + 100})
    expect(banner).to_have_count(1)


def test_no_banner_without_a_reason(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(requests=[worlds.remote(1), worlds.failed(2)])).page
    expect(page.locator(".banner")).to_have_count(0)
