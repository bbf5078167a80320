"""What a model says is hostile: it is text, nothing is fetched, no link tells where it was followed from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.streams import Streamed, said
from tests.e2e.dashboard.test_chat import CHAT, PIXEL, open_chat
from tests.e2e.dashboard.test_detail import ID, open_detail
from tests.e2e.dashboard.test_injection import CORPUS

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.dashboard.conftest import Opener

MARKDOWN = (
    "![a picture](http://elsewhere.example/p.png)",
    "![ref][1]\n\n[1]: http://elsewhere.example/p.png",
    "![svg](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImhpdCI+)",
    '<img src="http://elsewhere.example/p.png" style="position:fixed">',
    "[click](javascript:window.hit=1)",
    "[click](JaVaScRiPt:window.hit=1)",
    "[click](java&#115;cript:window.hit=1)",
    "[click](data:text/html,<script>parent.hit=1</script>)",
    "[click](//elsewhere.example/)",
    "<javascript:window.hit=1>",
    '[x](http://elsewhere.example/ "\\" onmouseover=window.hit=1")',
    "<div style='background:url(http://elsewhere.example/x)'>styled</div>",
    "| <script>window.hit=1</script> |\n|--|\n| <img src=x onerror=window.hit=1> |",
    '```html" onmouseover=window.hit=1\n<script>window.hit=1</script>\n```',
    "# <svg onload=window.hit=1>",
    "&lt;script&gt;window.hit=1&lt;/script&gt; &#0; &#x110000; &bogus; &NotEqualTilde;",
    "</textarea><script>window.hit=1</script>",
)


def assert_harmless(page: Page) -> None:
    assert page.evaluate("window.hit") is None
    own = "[...document.querySelectorAll('script, style, iframe, base, object, embed')].map((one) => one.outerHTML)"
    assert "hit" not in str(page.evaluate(own))
    assert page.locator("img:not([src^='data:image/']):not([src^='dashboard/'])").count() == 0
    bad = """[...document.links].filter((link) => link.origin !== location.origin && !(
        /^(https?|mailto):/.test(link.href) && link.rel.includes("noopener") && link.rel.includes("noreferrer")
        && link.target === "_blank" && link.referrerPolicy === "no-referrer"))
        .map((link) => link.outerHTML)"""
    assert page.evaluate(bad) == []
    handlers = "[...document.querySelectorAll('.said *')].flatMap((one) => one.getAttributeNames())"
    assert not [name for name in page.evaluate(handlers) if name.startswith("on")]


def test_hostile_answers_in_the_chat_stay_text(open_page: Opener) -> None:
    text = "\n\n".join((*CORPUS, *MARKDOWN))
    call = said("", tool_calls=[{"index": 0, "function": {"name": CORPUS[0], "arguments": CORPUS[1]}}])
    fake, _ = open_chat(open_page, said("", reasoning_content=text), said(text), call, {"error": {"message": text}})
    page = fake.page
    page.get_by_test_id("chat-input").fill(CORPUS[0])
    page.keyboard.press("Enter")
    answer = page.get_by_test_id("chat-answer")
    expect(page.get_by_role("alert").filter(has_text="<svg")).to_be_visible()
    for shown in (
        CORPUS[0],
        CORPUS[1],
        "[picture: a picture http://elsewhere.example/p.png]",
        MARKDOWN[4],
        MARKDOWN[11],
    ):
        expect(answer).to_contain_text(shown)
    expect(answer).to_contain_text("<script>window.hit=1</script>")
    expect(page.get_by_test_id("tool-call")).to_contain_text(CORPUS[1])
    expect(page.get_by_test_id("chat-question")).to_have_text(CORPUS[0])
    page.locator(".thinking").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    page.mouse.move(400, 400)
    assert_harmless(page)


def test_markdown_is_shown_as_it_is_meant(open_page: Opener) -> None:
    picture = f"![dot](data:image/png;base64,{PIXEL})"
    text = (
        "# Title\n\nA *b* **c** ~~d~~ `e<f` &amp; [g](https://elsewhere.example/) \\*h\\*\n\n"
        f"- [x] done\n- open\n  1. deep\n\n7. seven\n\n> said\n\n---\n\n|i|j|\n|:-|-:|\n|1|2|\n\n{picture}"
    )
    fake, _ = open_chat(open_page, said(text))
    page = fake.page
    page.get_by_test_id("chat-input").fill("x")
    page.keyboard.press("Enter")
    answer = page.get_by_test_id("chat-answer")
    expect(answer.locator("img")).to_have_js_property("naturalWidth", 1)
    expect(answer.get_by_role("heading")).to_have_text("Title")
    for selector, shown in {
        "em": "b",
        "strong": "c",
        "del": "d",
        "p > code": "e<f",
        "a": "g",
        "blockquote": "said",
    }.items():
        expect(answer.locator(selector)).to_have_text(shown)
    expect(answer.locator("p").nth(1)).to_have_text("A b c d e<f & g *h*")
    expect(answer.locator(":scope > div > ul > li")).to_have_text(["☑ done", "opendeep"])
    expect(answer.locator("ol[start='7'] li")).to_have_text("seven")
    expect(answer.locator("td")).to_have_text(["1", "2"])
    expect(answer.locator("hr")).to_have_count(1)
    assert_harmless(page)


SLOW = {
    "emphasis that never ends": "a**_" * 20_000,
    "deep quotes": ">" * 50_000 + "a",
    "deep lists": "1. " * 20_000 + "a",
    "brackets": "[a](" * 15_000,
    "pictures": "![a" * 15_000,
    "a huge word": "x" * 400_000,
}


def test_no_answer_holds_the_page(open_page: Opener) -> None:
    """Some of these take marked a minute: delimiters are tried in pairs, quotes are read again at each depth."""
    page = open_page(worlds.empty()).page
    took: dict[str, float] = page.evaluate(
        """async (texts) => {
            const {takenApart} = await import("/dashboard/markdown.js");
            const took = {};
            for (const [name, text] of Object.entries(texts)) {
                const begun = performance.now();
                takenApart(text);
                took[name] = performance.now() - begun;
            }
            return took;
        }""",
        SLOW,
    )
    assert {name: ms for name, ms in took.items() if ms > 2000} == {}


def test_an_answer_that_would_hold_the_page_is_shown_as_it_is(open_page: Opener) -> None:
    text = SLOW["emphasis that never ends"]
    shown = bodies.opened(bodies.with_all())
    shown["answer"]["body"] = json.dumps({"choices": [{"message": {"content": text}}]})
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    page = open_detail(open_page).page
    expect(page.get_by_test_id("said").locator(".as-is")).to_have_text(text)


def test_hostile_requests_and_bodies_stay_text(open_page: Opener) -> None:
    hostile = CORPUS[2]
    attempts = [worlds.attempt(text, text, outcome=text, ended_ms=9.0, adapted=[text, text + "2"]) for text in CORPUS]
    left_out = [{"provider": text, "reason": text} for text in CORPUS]
    request = worlds.failed(500, attempts=attempts, not_asked=left_out, model=hostile, served_model=CORPUS[1])
    body = json.dumps({text: text for text in CORPUS})
    message = {"headers": [[text, text] for text in CORPUS], "body": body, "truncated": False}
    asked = {"provider": hostile, "model": hostile, "path": hostile, **message, "body": body.replace("hit", "hit2")}
    answer = {**message, "status": 200, "body": "\n\n".join(CORPUS)}
    shown = {**request, "client_request": message, "provider_requests": [asked, asked], "answer": answer}
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    open_page.server.answers[f"/linx/requests/{ID}/replay"] = Streamed(said(hostile))
    page = open_detail(open_page, request).page
    expect(page.get_by_test_id("lane")).to_have_count(len(CORPUS))
    for tab in ("client", "provider", "diff", "answer"):
        page.get_by_test_id(f"tab-{tab}").click()
        expect(page.get_by_test_id("request-detail")).to_contain_text("window.hit")
        assert_harmless(page)
    page.locator(".headers summary").click()
    expect(page.locator(".headers dd").first).to_have_text(CORPUS[0])
    page.get_by_test_id("replay").click()
    expect(page.get_by_test_id("replay-new").get_by_test_id("said")).to_have_text(hostile)
    assert_harmless(page)


def test_hostile_lists_stay_text(open_page: Opener) -> None:
    answers = open_page.server.answers
    bodies.prepare(answers)
    answers["/v1/models"] = (200, {"data": [{"id": text, "owned_by": text} for text in CORPUS]})
    answers["/api/ps"] = (200, {"models": [{"name": text, "expires_at": text, "size": text} for text in CORPUS]})
    usage = bodies.usage("model")
    usage["rows"] = [{**usage["rows"][0], "model": text, "asked": text + "2"} for text in CORPUS]
    answers["/linx/usage?by=day&since=7d"] = (200, {**usage, "by": "day"})
    answers["/linx/usage?by=model&since=7d"] = (200, usage)
    one = {"steps": [*CORPUS, f"    {CORPUS[0]}"], "files": [{"path": CORPUS[1], "text": CORPUS[2]}]}
    answers["/linx/clients"] = (200, {"data": [{"client": text, "title": text, **one} for text in CORPUS]})
    answers[CHAT] = Streamed(said(CORPUS[0]), headers={"x-linx-provider": "<b>x</b>", "x-request-id": "<b>"})
    providers = [worlds.provider(text, models=list(CORPUS), loaded=[{"model": text, "context": 1}]) for text in CORPUS]
    page = open_page(worlds.snapshot(providers=providers), "#/models").page
    expect(page.get_by_test_id("model")).to_have_count(len(CORPUS) ** 2)
    assert_harmless(page)
    page.evaluate("location.hash = '#/history'")
    page.get_by_test_id("tab-model").click()
    expect(page.get_by_test_id("usage").locator("tbody .row-name")).to_have_text(list(CORPUS))
    assert_harmless(page)
    page.evaluate("location.hash = '#/connect'")
    page.get_by_test_id("setup-client").nth(1).click()
    expect(page.get_by_test_id("setup-settings").locator("h2")).to_have_text(CORPUS[0])
    assert_harmless(page)
    page.evaluate("location.hash = '#/chat'")
    expect(page.get_by_test_id("chat-model").locator("option")).to_have_text(list(CORPUS))
    assert_harmless(page)
