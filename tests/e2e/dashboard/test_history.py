"""The ledger: by day, model, provider, key and client; bars, total, budgets, and all of it to take away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener

BUDGET = {
    "scope": "all",
    "name": None,
    "kind": "daily_usd",
    "limit": 1.0,
    "spent": 0.42,
    "reserved": 0.0,
    "ends_at": worlds.NOW + 3600,
    "reached": False,
}


def test_usage_by_each_dimension(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    page = open_page(worlds.snapshot(budget=[BUDGET]), "#/history").page
    rows = page.get_by_test_id("usage").locator("tbody th")
    expect(rows).to_have_count(7)
    expect(rows.first).to_have_text("2026-11-29")
    expect(page.get_by_test_id("history-total")).to_have_text(
        "889 of 931 requests were answered on your own machines and saved $3.73; $0.52 spent on others."
    )
    expect(page.get_by_test_id("usage").locator("tfoot .num").first).to_have_text("931")
    expect(page.get_by_test_id("history-budgets")).to_contain_text("$0.42 of $1.00 today")
    page.get_by_test_id("tab-model").click()
    expect(rows).to_have_text(
        ["qwen3:8b asked as gpt-4o", "openai/gpt-4o asked as gpt-4o", "qwen3-coder:30b asked as gpt-4o"]
    )
    for name, first in {"provider": "ollama", "key": "anna", "client": "cursor"}.items():
        page.get_by_test_id(f"tab-{name}").click()
        expect(rows.first).to_have_text(first)
    page.get_by_test_id("history-since").select_option("30d")
    expect(rows.first).to_have_text("cursor")
    page.reload()
    expect(page.get_by_test_id("history-since")).to_have_value("30d")
    expect(rows.first).to_have_text("cursor")


def test_bars_are_as_long_as_the_tokens_and_tell_local_from_remote(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    page = open_page(worlds.snapshot(), "#/history").page
    page.get_by_test_id("tab-provider").click()
    bars = page.locator(".usage .share")
    expect(bars).to_have_count(3)
    widths = [round(box["width"]) for bar in bars.all() if (box := bar.bounding_box())]
    assert widths[1] > widths[2] > widths[0]
    kinds = [[piece.get_attribute("data-kind") for piece in bar.locator(".piece").all()] for bar in bars.all()]
    assert kinds == [["local"], ["paid"], ["local", "paid"]]


def test_a_heading_sorts(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    page = open_page(worlds.snapshot(), "#/history").page
    requests = page.get_by_role("columnheader", name="requests")
    requests.get_by_role("button").click()
    expect(requests).to_have_attribute("aria-sort", "descending")
    first = page.get_by_test_id("usage").locator("tbody tr").first
    expect(first).to_contain_text("226")
    requests.get_by_role("button").click()
    expect(requests).to_have_attribute("aria-sort", "ascending")
    expect(first).to_contain_text("40")


def test_it_is_taken_away_as_csv_and_json(open_page: Opener) -> None:
    bodies.prepare(open_page.server.answers)
    open_page.server.answers["/linx/usage?by=day&since=7d&format=csv"] = (200, {"csv": True})
    page = open_page(worlds.snapshot(), "#/history").page
    with page.expect_download() as csv:
        page.get_by_test_id("export-csv").click()
    assert csv.value.suggested_filename == "linx-usage-by-day.csv"
    assert json.loads(Path(csv.value.path()).read_text()) == {"csv": True}
    with page.expect_download() as found:
        page.get_by_test_id("export-json").click()
    assert json.loads(Path(found.value.path()).read_text())["total"]["requests"] == 931


def test_nothing_yet_or_no_ledger(open_page: Opener) -> None:
    nothing: dict[str, Any] = {"by": "day", "since": None, "rows": [], "total": {}}
    open_page.server.answers["/linx/usage"] = (200, nothing)
    page = open_page(worlds.snapshot(), "#/history").page
    expect(page.get_by_test_id("history-empty")).to_be_visible()
    open_page.watch.allowed = ("500 (Internal Server Error)",)
    open_page.server.answers["/linx/usage"] = (500, {"error": {"message": "The ledger cannot be read.", "type": "x"}})
    page.get_by_test_id("tab-key").click()
    expect(page.get_by_role("alert").filter(has_text="ledger")).to_have_text("The ledger cannot be read.")
