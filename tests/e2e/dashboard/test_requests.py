"""The list of requests: what a row shows, that it counts live, cancels, and never moves under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import worlds

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.dashboard.conftest import Opener


def row(page: Page, id_: str) -> Locator:
    return page.locator(f'[data-test=request][data-id="{id_}"]')


def test_a_row_tells_asked_served_provider_and_numbers(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(requests=[worlds.request(1, key="anna")])).page
    one = row(page, "req-1")
    expect(one).to_have_attribute("data-phase", "done")
    expect(one).to_have_attribute("data-provider", "ollama")
    expect(one.locator(".asked")).to_have_text("gpt-4o")
    expect(one.locator(".served")).to_have_text("qwen3:8b")
    for name, text in {
        "tokens": "220 tok",
        "rate": "58 tok/s",
        "first": "380 ms",
        "time": "4.20 s",
        "cost": "free",
    }.items():
        expect(one.locator(f".{name}")).to_have_text(text)
    expect(one.locator(".who")).to_have_text("cursoranna")
    expect(one.get_by_test_id("cancel")).to_have_count(0)


def test_local_and_paid_differ_by_more_than_colour(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.remote(2)])).page
    shapes = [row(page, id_).locator(".place path").get_attribute("d") for id_ in ("req-1", "req-2")]
    words = [row(page, id_).locator(".place .unseen").text_content() for id_ in ("req-1", "req-2")]
    assert shapes[0] != shapes[1]
    assert words == ["local", "remote"]
    expect(row(page, "req-2").locator(".cost")).to_have_text("$0.02")


def pieces(page: Page, id_: str) -> list[str | None]:
    return [piece.get_attribute("data-kind") for piece in row(page, id_).locator(".piece").all()]


def test_the_phase_bar_shows_the_phases_in_time(open_page: Opener) -> None:
    requests = [worlds.request(1), worlds.fallback(2), worlds.failed(3), worlds.running(4, "queued", 3, queue=2)]
    page = open_page(worlds.snapshot(requests=requests)).page
    assert pieces(page, "req-1") == ["queued", "waiting", "streaming"]
    assert pieces(page, "req-2") == ["queued", "broken", "queued", "waiting", "streaming"]
    assert pieces(page, "req-3") == ["queued", "broken", "queued", "broken"]
    assert pieces(page, "req-4") == ["queued"]
    expect(row(page, "req-3").locator(".word")).to_have_text("timed out")
    expect(row(page, "req-4").locator(".word")).to_have_text("queued, #2")


def test_a_running_request_counts_live_until_its_end(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[]))
    running = worlds.running(1, "waiting", 1)
    fake.send("request", request=running)
    one = row(fake.page, "req-1")
    expect(one).to_have_attribute("data-phase", "waiting")
    fake.send("request", request={**running, "phase": "streaming", "first_token_ms": 400, "streamed": 17})
    expect(one).to_have_attribute("data-phase", "streaming")
    expect(one.locator(".tokens")).to_have_text("17 tok")
    before = one.locator(".time").text_content()
    expect(one.locator(".time")).not_to_have_text(before or "")
    fake.send("request", request=worlds.request(1))
    expect(one).to_have_attribute("data-phase", "done")
    expect(one.locator(".tokens")).to_have_text("220 tok")


def test_only_the_changed_row_is_rendered_again(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.request(2)]))
    page = fake.page
    page.evaluate(
        """() => {
            window.changed = new Set();
            const note = (records) => records.forEach((record) => {
                const element = record.target.nodeType === 1 ? record.target : record.target.parentElement;
                window.changed.add(element.closest("[data-id]")?.dataset.id ?? "the list");
            });
            const options = {subtree: true, childList: true, attributes: true, characterData: true};
            new MutationObserver(note).observe(document.querySelector(".rows"), options);
        }"""
    )
    fake.send("request", request=worlds.request(2, tokens={"prompt": 1, "completion": 999, "cached": 0}))
    expect(row(page, "req-2").locator(".tokens")).to_have_text("999 tok")
    assert page.evaluate("[...window.changed]") == ["req-2"]


def test_a_second_snapshot_renders_only_what_changed(open_page: Opener) -> None:
    """A page that fell behind gets everything anew; 500 rows that are over are not rendered again for it."""
    fake = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.running(2, "streaming", 3)]))
    page = fake.page
    page.evaluate(
        """() => {
            window.changed = 0;
            const options = {subtree: true, childList: true, attributes: true, characterData: true};
            const row = document.querySelector('[data-id="req-1"]');
            new MutationObserver(() => { window.changed += 1; }).observe(row, options);
        }"""
    )
    fake.send(**worlds.snapshot(requests=[worlds.request(1), worlds.request(2)]))
    expect(row(page, "req-2")).to_have_attribute("data-phase", "done")
    assert page.evaluate("window.changed") == 0


def test_many_messages_are_one_paint(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.running(1, "streaming", 1)]))
    page = fake.page
    page.evaluate(
        """() => {
            window.paints = 0;
            const note = () => { window.paints += 1; };
            const options = {subtree: true, childList: true, characterData: true};
            new MutationObserver(note).observe(document.querySelector("[data-id] .tokens"), options);
        }"""
    )
    # In one task of the browser, as a burst of frames of the socket comes.
    page.evaluate(
        """async (rows) => {
            const {createStore} = await import("/dashboard/store.js");
            const store = createStore();
            let painted = 0;
            store.subscribe(() => { painted += 1; });
            for (const request of rows) store.receive({type: "request", request});
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            window.painted = painted;
        }""",
        [worlds.running(1, "streaming", 1, streamed=number) for number in range(200)],
    )
    assert page.evaluate("window.painted") == 1


def test_cancel_asks_linx_and_says_what_it_refuses(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.running(1, "streaming", 3)]))
    open_page.watch.allowed = ("409 (Conflict)",)
    path = "/linx/requests/req-1/cancel"
    with fake.page.expect_response(f"**{path}"):
        row(fake.page, "req-1").get_by_test_id("cancel").click()
    assert not fake.page.url.endswith("/req-1")  # the button is no link
    assert fake.asked(path) == [None]
    fake.server.answers[path] = (409, {"error": {"message": "It is over.", "type": "x"}})
    row(fake.page, "req-1").get_by_test_id("cancel").click()
    expect(fake.page.get_by_test_id("note")).to_have_text("It is over.")


def test_a_click_anywhere_on_a_row_opens_it(open_page: Opener) -> None:
    page = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.request(2)])).page
    row(page, "req-2").locator(".phase").click()
    page.wait_for_url("**/dashboard#/requests/req-2")
    expect(row(page, "req-2")).to_have_attribute("data-open", "true")


@pytest.mark.parametrize("kept", [3, 80], ids=["a short list", "a long list"])
def test_nothing_moves_under_the_pointer(open_page: Opener, kept: int) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.request(number) for number in range(kept)]))
    page = fake.page
    one = row(page, "req-1")
    one.hover()
    before = one.bounding_box()
    for number in range(3):
        fake.send("request", request=worlds.running(900 + number, "waiting", 0.1 * number))
    expect(row(page, "req-902")).to_have_count(1)
    expect(page.locator(".fresh")).to_have_text("3 new")
    assert one.bounding_box() == before
    page.mouse.move(5, 5)
    expect(row(page, "req-902")).to_be_in_viewport()
    expect(page.locator(".fresh")).to_have_count(0)


def test_a_scrolled_list_stays_where_it_is(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.request(number) for number in range(80)]))
    page = fake.page
    page.evaluate("document.querySelector('.scroller').scrollTop = 600")
    before = row(page, "req-24").bounding_box()
    fake.send("request", request=worlds.running(900, "waiting", 0.1))
    expect(page.locator(".fresh")).to_have_text("1 new")
    assert row(page, "req-24").bounding_box() == before
    page.locator(".fresh").click()
    expect(row(page, "req-900")).to_be_in_viewport()


def test_five_hundred_rows_cost_nothing_out_of_sight(open_page: Opener) -> None:
    """Rows that are not seen are neither laid out nor painted, and a message for one of them touches it alone."""
    fake = open_page(worlds.snapshot(requests=[worlds.request(number) for number in range(500)]))
    page = fake.page
    expect(page.get_by_test_id("request")).to_have_count(500)
    assert row(page, "req-400").evaluate("(row) => getComputedStyle(row).contentVisibility") == "auto"
    assert not row(page, "req-400").evaluate(
        "(row) => row.firstElementChild.checkVisibility({contentVisibilityAuto: true})"
    )
    row(page, "req-400").scroll_into_view_if_needed()
    expect(row(page, "req-400").locator(".names")).to_be_in_viewport()


def test_the_oldest_finished_request_leaves_and_running_ones_stay(open_page: Opener) -> None:
    requests = [worlds.request(number) for number in range(499)] + [worlds.running(999, "waiting", 9)]
    fake = open_page(worlds.snapshot(requests=requests))
    fake.send("request", request=worlds.request(1000))
    expect(row(fake.page, "req-1000")).to_have_count(1)
    expect(row(fake.page, "req-498")).to_have_count(0)
    expect(row(fake.page, "req-999")).to_have_count(1)


def test_the_filter_narrows_the_list(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.request(1), worlds.remote(2), worlds.failed(3)]))
    page, rows = fake.page, fake.page.get_by_test_id("request")
    page.get_by_test_id("filter").fill("key:anna cost>0.01")
    expect(rows).to_have_count(1)
    expect(page.get_by_test_id("request-count")).to_have_text("1 of 3")
    fake.send("request", request=worlds.remote(4))
    expect(rows).to_have_count(2)
    page.get_by_test_id("filter").fill("is:nothing")
    expect(page.locator("#filter-problem")).to_contain_text("is: takes running")
    page.get_by_test_id("filter").fill("status:nowhere")
    page.get_by_role("button", name="Clear the filter").click()
    expect(rows).to_have_count(4)


def test_a_screen_reader_hears_of_failures_alone(open_page: Opener) -> None:
    fake = open_page(worlds.snapshot(requests=[worlds.running(1, "waiting", 1)]))
    page = fake.page
    fake.send("request", request=worlds.request(2))
    fake.send("request", request=worlds.failed(1))
    said = page.get_by_test_id("failures")
    expect(said).to_have_text("gpt-4o failed at workstation: timed out")
    assert page.locator("[aria-live], [role=log], [role=status]").count() == 1


@pytest.mark.parametrize("width", [1440, 900, 360])
def test_cost_and_provider_are_there_at_every_width(open_page: Opener, width: int) -> None:
    page = open_page(worlds.busy(), width=width).page
    expect(page.get_by_test_id("request").first.locator(".cost")).to_be_visible()
    expect(page.get_by_test_id("request").first.locator(".provider-name")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width


def test_a_phone_shows_requests_first_and_providers_by_the_bar(open_page: Opener) -> None:
    page = open_page(worlds.busy(), width=360).page
    provider = page.get_by_test_id("provider").first
    expect(provider).to_be_hidden()
    page.locator(".bottom").get_by_role("link", name="Providers").click()
    expect(provider).to_be_visible()
    expect(page.get_by_test_id("request").first).to_be_hidden()
    expect(page.locator("[data-test=chart][data-name=tokens]")).to_be_visible()
