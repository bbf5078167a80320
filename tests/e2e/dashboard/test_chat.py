"""Chat: it streams, stops, shows thinking and tool calls apart, takes pictures, goes on behind another view."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.streams import HOLD, Streamed, said, used

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload

    from tests.e2e.dashboard.conftest import Opener
    from tests.e2e.dashboard.fake_linx import FakeLinx

CHAT = "/v1/chat/completions"
HEADERS = {"x-request-id": "req-700", "x-linx-provider": "ollama"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def open_chat(open_page: Opener, *pieces: object) -> tuple[FakeLinx, Streamed]:
    bodies.prepare(open_page.server.answers)
    stream = Streamed(*pieces, headers=HEADERS)
    open_page.server.answers[CHAT] = stream
    return open_page(worlds.busy(), "#/chat"), stream


def test_an_answer_streams_in(open_page: Opener) -> None:
    thought = said("", reasoning_content="Hm, the sky.")
    fake, stream = open_chat(open_page, thought, HOLD, said("It **is"), HOLD, said("** blue."), used(9, 5))
    page, answer = fake.page, fake.page.get_by_test_id("chat-answer")
    page.get_by_test_id("chat-model").select_option("qwen3-coder:30b")
    page.get_by_test_id("chat-input").fill("Why?")
    page.get_by_test_id("chat-send").click()
    expect(page.get_by_test_id("thinking")).to_have_text("ThinkingHm, the sky.")
    expect(page.get_by_test_id("thinking")).to_have_attribute("open", "")
    stream.go()
    expect(answer).to_have_text("It **is")
    stream.go()
    expect(answer.locator("strong")).to_have_text("is")
    expect(answer).to_have_text("It is blue.")
    expect(page.get_by_test_id("thinking")).not_to_have_attribute("open", "")
    expect(page.get_by_test_id("chat-stop")).to_have_count(0)
    expect(page.locator(".answer-facts")).to_contain_text("qwen3:8b at ollama")
    expect(page.locator(".answer-facts")).to_contain_text("5 tok")
    expect(page.get_by_role("link", name="request", exact=True)).to_have_attribute("href", "#/requests/req-700")
    assert fake.asked(CHAT) == [
        {
            "model": "qwen3-coder:30b",
            "messages": [{"role": "user", "content": "Why?"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


def test_the_conversation_goes_along_with_the_next_question(open_page: Opener) -> None:
    fake, _ = open_chat(open_page, said("One."))
    page = fake.page
    page.get_by_test_id("chat-system").fill("Be short.")
    page.get_by_test_id("chat-input").fill("First")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-answer")).to_have_text("One.")
    page.keyboard.type("Two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("lines")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-answer")).to_have_count(2)
    page.get_by_test_id("chat-again").click()
    expect(page.get_by_test_id("chat-again")).to_be_visible()
    sent = [asked["messages"] for asked in fake.asked(CHAT) if asked]
    assert sent[1] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "Two\nlines"},
    ]
    assert sent[2] == sent[1]
    page.get_by_test_id("chat-new").click()
    expect(page.get_by_test_id("chat-answer")).to_have_count(0)


def test_stop_ends_the_request_and_keeps_what_came(open_page: Opener) -> None:
    fake, stream = open_chat(open_page, said("Once upon"), HOLD)
    page = fake.page
    page.get_by_test_id("chat-input").fill("Tell")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-answer")).to_have_text("Once upon")
    page.get_by_test_id("chat-input").fill("the next question")
    page.get_by_test_id("chat-stop").click()
    expect(page.get_by_test_id("chat-stopped")).to_be_visible()
    expect(page.get_by_test_id("chat-input")).to_have_value("the next question")
    expect(page.get_by_test_id("chat-answer")).to_have_text("Once upon")
    expect(page.get_by_test_id("chat-send")).to_be_visible()
    assert stream.left.wait(5)


def test_it_goes_on_while_another_view_is_open(open_page: Opener) -> None:
    fake, stream = open_chat(open_page, said("Once upon"), HOLD, said(" a time"))
    page = fake.page
    page.get_by_test_id("chat-input").fill("Tell")
    page.keyboard.press("Enter")
    page.get_by_test_id("chat-input").fill("a draft")
    expect(page.get_by_test_id("chat-answer")).to_have_text("Once upon")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("chat-answer")).to_have_count(0)
    stream.go()
    page.keyboard.press("c")
    expect(page.get_by_test_id("chat-answer")).to_have_text("Once upon a time")
    expect(page.get_by_test_id("chat-input")).to_have_value("a draft")


def test_tool_calls_are_shown_with_what_they_are_called_with(open_page: Opener) -> None:
    calls = [
        said("", tool_calls=[{"index": 0, "id": "1", "function": {"name": "weather", "arguments": '{"city":'}}]),
        said("", tool_calls=[{"index": 0, "function": {"arguments": '"Rome"}'}}]),
        said("", tool_calls=[{"index": 1, "id": "2", "function": {"name": "time", "arguments": "{}"}}]),
    ]
    fake, _ = open_chat(open_page, *calls)
    fake.page.get_by_test_id("chat-input").fill("Weather?")
    fake.page.keyboard.press("Enter")
    expect(fake.page.get_by_test_id("tool-call")).to_have_text(['calls weather{\n  "city": "Rome"\n}', "calls time{}"])


def test_a_pasted_picture_goes_along(open_page: Opener) -> None:
    fake, _ = open_chat(open_page, said("A dot."))
    page = fake.page
    page.evaluate(
        """(pixel) => {
            const bytes = Uint8Array.from(atob(pixel), (one) => one.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], "dot.png", {type: "image/png"}));
            const paste = new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true});
            document.querySelector("[data-test=chat-input]").dispatchEvent(paste);
        }""",
        PIXEL,
    )
    expect(page.get_by_test_id("chat-picture").locator("img")).to_have_js_property("naturalWidth", 1)
    dot: FilePayload = {"name": "two.png", "mimeType": "image/png", "buffer": base64.b64decode(PIXEL)}
    page.get_by_test_id("chat-file").set_input_files([dot])
    page.get_by_role("button", name="Remove two.png").click()
    drawing: FilePayload = {"name": "x.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    page.get_by_test_id("chat-file").set_input_files([drawing])
    expect(page.locator(".composer .problem")).to_have_text("x.svg is no PNG, JPEG, GIF or WebP picture.")
    page.get_by_test_id("chat-input").fill("What is it?")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-question").locator("img")).to_have_js_property("naturalWidth", 1)
    [asked] = fake.asked(CHAT)
    assert asked is not None
    assert asked["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]


def test_code_is_copied_as_it_is(open_page: Opener) -> None:
    fake, _ = open_chat(open_page, said("```sh\nls  -l <x> &amp;\n```\n"))
    page = fake.page
    page.get_by_test_id("chat-input").fill("Code")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copy the code").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text === 'ls  -l <x> &amp;')")


def test_what_goes_wrong_is_told_and_may_be_asked_again(open_page: Opener) -> None:
    fake, _ = open_chat(open_page)
    page = fake.page
    open_page.watch.allowed = ("503 (Service Unavailable)",)
    open_page.server.answers[CHAT] = (503, {"error": {"message": "Nobody can answer.", "type": "x"}})
    page.get_by_test_id("chat-input").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Nobody")).to_have_text("Nobody can answer.")
    late = {"error": {"message": "The provider broke off.", "type": "x"}}
    open_page.server.answers[CHAT] = Streamed(said("Hel"), late)
    page.get_by_test_id("chat-again").click()
    expect(page.get_by_test_id("chat-answer")).to_have_text("Hel")
    expect(page.get_by_role("alert").filter(has_text="broke")).to_have_text("The provider broke off.")


def test_the_view_follows_the_answer_unless_the_reader_scrolls_up(open_page: Opener) -> None:
    long = "\n\n".join(f"Line {number}" for number in range(80))
    fake, stream = open_chat(open_page, said(long), HOLD, said("\n\nthe end"), HOLD, said("\n\nafter the end"))
    page = fake.page
    page.get_by_test_id("chat-input").fill("Long")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Line 79")).to_be_in_viewport()
    stream.go()
    expect(page.get_by_text("the end", exact=True)).to_be_in_viewport()
    page.locator(".messages").evaluate("(room) => { room.scrollTop = 0; }")
    page.wait_for_timeout(50)
    stream.go()
    expect(page.get_by_text("after the end")).to_be_attached()
    assert page.locator(".messages").evaluate("(room) => room.scrollTop") == 0
