"""What clients, providers and models say is text on the page, whatever it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.e2e.dashboard import worlds

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener

CORPUS = (
    "<script>window.hit = 1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "' onmouseover='window.hit=1",
    "javascript:window.hit=1",
    '</textarea><iframe srcdoc="<script>parent.hit=1</script>">',
    "${window.hit=1}",
    "{{constructor.constructor('window.hit=1')()}}",
    "<style>*{display:none}</style>",
    "<a href=//elsewhere.example/steal>click</a>",
    "<base href=//elsewhere.example/>",
    "<math><mtext></p><style><img src onerror=window.hit=1>",
    "\u202egnp.exe <b>bold</b>\x00\ufeff",
    "__proto__",
    "constructor",
)


def hostile(text: str, number: int) -> dict[str, Any]:
    tries = [worlds.attempt(text, text, ended_ms=10.0, outcome=text, adapted=[text])]
    return worlds.failed(
        number,
        id=f"{text}{number}",
        model=text,
        served_model=text + "2",
        provider=text,
        client=text,
        key=text,
        outcome=text,
        attempts=tries,
    )


def test_hostile_names_stay_text(open_page: Opener) -> None:
    providers = [
        worlds.provider(
            text, last_error=text, warning=text, loaded=[{"model": text, "context": 1}], models=[text], state="down"
        )
        for text in CORPUS
    ]
    requests = [hostile(text, number) for number, text in enumerate(CORPUS)]
    config = {"path": CORPUS[1], "loaded_at": worlds.NOW, "problem": CORPUS[1] + CORPUS[2]}
    tunnel = {"status": "running", "type": CORPUS[0], "url": CORPUS[4], "since": 0, "error": CORPUS[2]}
    fake = open_page(
        worlds.snapshot(providers=providers, requests=requests, config=config, tunnel=tunnel, version=CORPUS[1])
    )
    page = fake.page
    expect(page.get_by_test_id("provider")).to_have_count(len(CORPUS))
    expect(page.get_by_test_id("request")).to_have_count(len(CORPUS))
    assert page.locator(".asked").all_text_contents() == [text.replace("\x00", "\x00") for text in CORPUS]
    assert page.locator(".name").all_text_contents() == list(CORPUS)
    fake.send("request", request=hostile(CORPUS[1], 99))
    expect(page.get_by_test_id("failures")).to_contain_text(CORPUS[1])
    fake.send("request", request={**worlds.request(100), "model": CORPUS[2], "phase": CORPUS[3]})
    expect(page.get_by_test_id("request")).to_have_count(len(CORPUS) + 2)
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette")).to_contain_text("Requests")
    page.keyboard.press("Escape")
    for text in CORPUS:
        page.get_by_test_id("filter").fill(text)
    own = page.evaluate(
        "[...document.querySelectorAll('script, style, iframe, base')].map((one) => one.outerHTML).join()"
    )
    assert "hit" not in own
    assert "elsewhere" not in own
    assert page.evaluate("window.hit") is None
    # The one link that comes from outside is shown to be copied, and is no link.
    assert page.evaluate("[...document.links].every((link) => link.origin === location.origin)")


def test_a_hostile_address_of_the_page_opens_nothing(open_page: Opener) -> None:
    page = open_page(worlds.empty(), "#/requests/%3Cimg%20src%3Dx%20onerror%3Dwindow.hit%3D1%3E%zz").page
    assert page.evaluate("window.hit") is None
    page.evaluate("location.hash = '#/__proto__/x'")
    expect(page.get_by_test_id("empty")).to_be_visible()
