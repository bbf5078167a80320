"""The opened request: lanes, bodies, difference, timings, copies, links, cancel."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.dashboard.conftest import Opener
    from tests.e2e.dashboard.fake_linx import FakeLinx

ID = "req-500"
OPENED = f"#/requests/{ID}"


def open_detail(
    open_page: Opener, request: dict[str, Any] | None = None, hash_: str = OPENED, **options: Any
) -> FakeLinx:
    """The page with a request opened that has everything, or with ``request``."""
    shown = request or bodies.with_all()
    bodies.prepare(open_page.server.answers)
    open_page.server.answers.setdefault(f"/linx/requests/{shown['id']}", (200, bodies.opened(shown)))
    return open_page(worlds.snapshot(requests=[shown, worlds.request(501)]), hash_, **options)


def clipboard_becomes(page: Page, wanted: str) -> None:
    page.wait_for_function("(wanted) => navigator.clipboard.readText().then((text) => text === wanted)", arg=wanted)


def test_attempts_are_lanes_with_their_ends_and_what_was_adapted(open_page: Opener) -> None:
    page = open_detail(open_page).page
    lanes = page.get_by_test_id("lane")
    expect(lanes).to_have_count(3)
    expect(lanes.locator(".lane-reason")).to_have_text(["✕ no connection", "another was faster", "answered"])
    expect(lanes.nth(2).get_by_test_id("adapted")).to_have_text(
        ["answer_limit:max_completion_tokens", "stream_options"]
    )
    expect(lanes.nth(2)).to_contain_text("hedge")
    expect(page.get_by_test_id("not-asked")).to_have_text(
        ["groqnot asked: secret in message 2", "paidnot asked: budget"]
    )
    kinds = [
        [piece.get_attribute("data-kind") for piece in lane.locator(".track .piece").all()] for lane in lanes.all()
    ]
    assert kinds == [["queued", "broken"], ["queued", "waiting"], ["queued", "waiting", "streaming"]]
    # On one axis: the second begins where the first ends, the third streams to the end.
    boxes = [lane.locator(".track .piece").last.bounding_box() for lane in lanes.all()]
    track = lanes.first.locator(".track").bounding_box()
    assert track is not None
    assert all(boxes)
    ends = [box["x"] + box["width"] - track["x"] for box in boxes if box]
    assert ends[0] / track["width"] == pytest.approx(1480 / 7900, abs=0.01)
    assert ends[2] / track["width"] == pytest.approx(1, abs=0.01)


def test_the_timings_are_told(open_page: Opener) -> None:
    page = open_detail(open_page, bodies.with_all(tokens={"prompt": 1204, "completion": 220, "cached": 1000})).page
    expect(page.get_by_test_id("timings").locator("div")).to_have_text(
        [
            "first token3.95 s",
            "total7.90 s",
            "prompt1,204 (1,000 cached)",
            "answer220 tok",
            "rate56 tok/s",
            "cost$0.02",
            "sent18.2k B",
        ]
    )


def test_the_tabs_show_client_provider_and_answer(open_page: Opener) -> None:
    page = open_detail(open_page).page
    expect(page.get_by_test_id("said")).to_contain_text("Rayleigh scattering")
    expect(page.get_by_test_id("thinking")).to_have_text("ThinkingThe user asks about the sky. Rayleigh scattering.")
    page.get_by_test_id("raw").check()
    expect(page.get_by_test_id("body")).to_contain_text('data: {"model"')
    page.get_by_test_id("tab-answer").press("ArrowRight")
    expect(page.get_by_test_id("tab-client")).to_be_focused()
    expect(page.get_by_test_id("body")).to_have_text(json.dumps(bodies.ASKED, indent=2))
    page.locator(".headers summary").click()
    expect(page.locator(".headers dl")).to_contain_text("cursor/1.2")
    page.get_by_test_id("tab-provider").click()
    expect(page.get_by_test_id("body")).to_contain_text('"model": "openai/gpt-4o"')
    page.get_by_test_id("attempt").select_option("1. ollama")
    expect(page.get_by_test_id("body")).to_contain_text('"model": "qwen3:8b"')


def test_the_difference_of_what_was_sent_and_what_arrived(open_page: Opener) -> None:
    page = open_detail(open_page).page
    page.get_by_test_id("tab-diff").click()
    expect(page.get_by_test_id("diff-summary")).to_contain_text("+5 \u22121 lines")
    lines = page.locator(".diff-line")
    expect(page.locator(".diff-line[data-kind=out] code")).to_have_text(['taken out:   "model": "gpt-4o",'])
    expect(page.locator(".diff-line[data-kind=in] code").first).to_have_text('put in:   "max_tokens": 1024,')
    before = lines.count()
    page.get_by_test_id("fold").click()
    expect(page.get_by_test_id("fold")).to_have_count(0)
    assert lines.count() > before


def test_a_difference_of_large_bodies_takes_no_time(open_page: Opener) -> None:
    """256 KiB each, every fifth line changed: far more than any shortest difference could be looked for."""
    one = ",".join(str(number % 97) for number in range(60_000))
    two = ",".join(str(number % 97 if number % 5 else number) for number in range(60_000))
    shown = bodies.opened(bodies.with_all())
    shown["client_request"] = {"headers": [], "body": f'{{"input":[{one}]}}', "truncated": False}
    shown["provider_requests"][-1]["body"] = f'{{"input":[{two}'
    shown["provider_requests"][-1]["truncated"] = True
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    page = open_detail(open_page).page
    page.get_by_test_id("tab-client").click()
    expect(page.get_by_test_id("whole")).to_be_visible()
    assert page.get_by_test_id("body").evaluate("(body) => body.textContent.split('\\n').length") == 3000
    page.get_by_test_id("tab-diff").click()
    expect(page.get_by_test_id("diff")).to_contain_text("more…")
    expect(page.get_by_test_id("diff")).to_contain_text("as far as the bodies are kept")
    assert page.locator(".diff-line").count() <= 500


def test_copied_as_curl_it_is_the_same_request(open_page: Opener) -> None:
    """The command is run by a real shell, with a curl that writes down what it is called with."""
    shown = bodies.opened(bodies.with_all(path="/v1/chat/completions"))
    body = json.dumps({"messages": [{"role": "user", "content": 'it\'s $HOME `id` "!"\n\\ ;|& ünïcödé'}]})
    shown["client_request"]["body"] = body
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    page = open_detail(open_page, bodies.with_all(path="/v1/chat/completions")).page
    page.get_by_test_id("copy-curl").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('curl '))")
    command = page.evaluate("navigator.clipboard.readText()")
    script = 'curl() { for one in "$@"; do printf \'%s\\0\' "$one"; done; }\n' + command
    args = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    assert args[:2] == ["-N", "http://localhost:8080/v1/chat/completions"]
    assert args[args.index("--data-raw") + 1] == body
    headers = [args[place + 1] for place, one in enumerate(args) if one == "-H"]
    assert headers == ["Content-Type: application/json", "X-Title: it's a review"]


def test_the_palette_copies_as_curl_and_replays(open_page: Opener) -> None:
    page = open_detail(open_page, hash_="#/requests").page
    page.keyboard.press("j")
    page.keyboard.press("Control+k")
    page.keyboard.type("as curl")
    page.keyboard.press("Enter")
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('curl '))")
    expect(page.get_by_test_id("note")).to_have_text("Copied.")
    page.keyboard.press("Control+k")
    page.keyboard.type("replay")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("replay-model")).to_be_focused()


def test_the_key_is_not_in_what_is_copied_as_curl(open_page: Opener) -> None:
    open_page.server.key = "secret-of-the-page"
    open_page.watch.allowed = ("401 (Unauthorized)",)
    page = open_detail(open_page, until="[data-test=key-input]").page
    page.get_by_test_id("key-input").fill("secret-of-the-page")
    page.keyboard.press("Enter")
    page.get_by_test_id("copy-curl").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('$LINX_API_KEY'))")
    assert "secret-of-the-page" not in page.evaluate("navigator.clipboard.readText()")


def test_a_link_opens_it_and_is_copied(open_page: Opener) -> None:
    page = open_detail(open_page).page
    detail = page.get_by_test_id("request-detail")
    expect(detail).to_have_attribute("data-id", ID)
    page.get_by_test_id("copy-link").click()
    clipboard_becomes(page, f"{open_page.server.origin}/dashboard{OPENED}")
    page.get_by_test_id("close").click()
    expect(detail).to_have_count(0)
    page.locator('[data-test=request][data-id="req-501"] .time').click()
    expect(detail).to_have_attribute("data-id", "req-501")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    expect(page.locator('[data-test=request][data-id="req-501"] a')).to_be_focused()


def test_a_running_request_is_cancelled_and_its_end_asked_for(open_page: Opener) -> None:
    running = worlds.running(500, "streaming", 3)
    fake = open_detail(open_page, running)
    page = fake.page
    expect(page.get_by_test_id("lane")).to_contain_text("answers…")
    page.get_by_test_id("detail-cancel").click()
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, bodies.opened(worlds.cancelled(500)))
    fake.send("request", request=worlds.cancelled(500))
    expect(page.get_by_test_id("detail-cancel")).to_have_count(0)
    expect(page.get_by_test_id("request-detail").locator(".state-word")).to_have_text("cancelled · 499")
    expect(page.get_by_test_id("said")).to_contain_text("Rayleigh")
    assert fake.asked(f"/linx/requests/{ID}/cancel") == [None]


def test_the_answer_of_a_running_request_is_looked_at_now_and_then(open_page: Opener) -> None:
    running = worlds.running(500, "streaming", 3)
    shown = bodies.opened(running)
    answers = open_page.server.answers
    begun = {**shown["answer"], "body": bodies.events("The sky")}
    answers[f"/linx/requests/{ID}"] = (200, {**shown, "answer": begun})
    page = open_detail(open_page, running).page
    expect(page.get_by_test_id("said")).to_have_text("The sky")
    answers[f"/linx/requests/{ID}"] = (200, {**shown, "answer": {**begun, "body": bodies.events("The sky is blue")}})
    expect(page.get_by_test_id("said")).to_have_text("The sky is blue")


def test_x_cancels_the_opened_request(open_page: Opener) -> None:
    fake = open_detail(open_page, worlds.running(500, "waiting", 3))
    expect(fake.page.get_by_test_id("request-detail")).to_be_focused()
    with fake.page.expect_response(f"**/linx/requests/{ID}/cancel"):
        fake.page.keyboard.press("x")


@pytest.mark.parametrize(
    ("answer", "capture", "told"),
    [
        ({}, False, "server.capture is false"),
        ({}, True, "Linx keeps those of the last 50"),
        (None, True, "Linx has no request in memory."),
    ],
    ids=["capture off", "too old", "unknown"],
)
def test_what_is_not_kept_is_said(open_page: Opener, answer: Any, capture: bool, told: str) -> None:
    request = worlds.request(500, has_body=False)
    nothing = {**request, "client_request": None, "provider_requests": [], "answer": None}
    open_page.watch.allowed = ("404 (Not Found)",)
    lost = (404, {"error": {"message": "Linx has no request in memory.", "type": "x"}})
    open_page.server.answers[f"/linx/requests/{ID}"] = lost if answer is None else (200, nothing)
    page = open_page(worlds.snapshot(requests=[request], capture=capture), OPENED).page
    expect(page.get_by_test_id("request-detail")).to_contain_text(told)
    expect(page.get_by_test_id("replay")).to_be_disabled()


def test_a_link_to_a_forgotten_request_says_so(open_page: Opener) -> None:
    open_page.watch.allowed = ("404 (Not Found)",)
    open_page.server.answers["/linx/requests/gone"] = (404, {"error": {"message": "x", "type": "x"}})
    page = open_page(worlds.empty(), "#/requests/gone").page
    expect(page.get_by_test_id("request-detail")).to_contain_text("it keeps the last 500")


def test_a_cut_body_is_shown_as_far_as_it_goes(open_page: Opener) -> None:
    shown = bodies.opened(bodies.with_all())
    shown["client_request"] |= {"body": '{"messages":[{"content":"and then', "truncated": True}
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    page = open_detail(open_page).page
    page.get_by_test_id("tab-client").click()
    expect(page.get_by_test_id("body")).to_have_text('{\n  "messages": [\n    {\n      "content": "and then')
    expect(page.get_by_test_id("truncated")).to_be_visible()
    expect(page.get_by_test_id("replay")).to_be_disabled()


@pytest.mark.parametrize(("width", "covers"), [(900, 0.5), (360, 1)], ids=["overlay", "full screen"])
def test_on_less_room_it_lies_over_the_list(open_page: Opener, width: int, covers: float) -> None:
    page = open_detail(open_page, width=width).page
    box = page.get_by_test_id("request-detail").bounding_box()
    assert box is not None
    assert box["width"] >= covers * width - 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_test_id("close").click()
    expect(page.get_by_test_id("request-detail")).to_have_count(0)
