"""A request asked again of another model, side by side with its old answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.dashboard import bodies, worlds
from tests.e2e.dashboard.streams import HOLD, Streamed, said, used
from tests.e2e.dashboard.test_detail import ID, open_detail

if TYPE_CHECKING:
    from tests.e2e.dashboard.conftest import Opener

REPLAY = f"/linx/requests/{ID}/replay"


def test_the_new_answer_streams_in_beside_the_old_one(open_page: Opener) -> None:
    stream = Streamed(said("It is "), HOLD, said("**dust**."), used(31, 4), headers={"x-request-id": "req-600"})
    open_page.server.answers[REPLAY] = stream
    fake = open_detail(open_page)
    page = fake.page
    page.get_by_test_id("replay-model").select_option("qwen3-coder:30b")
    page.get_by_test_id("replay").click()
    new, old = page.get_by_test_id("replay-new"), page.get_by_test_id("replay-old")
    expect(new.get_by_test_id("said")).to_have_text("It is")
    expect(old).to_contain_text("Rayleigh scattering")
    left, right = old.bounding_box(), new.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"]
    assert left["y"] == right["y"]
    stream.go()
    expect(new.locator("strong")).to_have_text("dust")
    expect(page.get_by_test_id("replay-stop")).to_have_count(0)
    assert fake.asked(REPLAY) == [{"model": "qwen3-coder:30b"}]
    fake.send("request", request=worlds.request(600, replay_of=ID))
    expect(new.locator(".side-facts span:not(.place, .unseen)")).to_have_text(["4.20 s", "220 tok", "free"])
    new.get_by_role("link", name="open").click()
    expect(page.get_by_test_id("request-detail")).to_have_attribute("data-id", "req-600")
    page.get_by_role("link", name="a replay").click()
    expect(page.get_by_test_id("request-detail")).to_have_attribute("data-id", ID)


def test_a_replay_is_stopped(open_page: Opener) -> None:
    stream = Streamed(said("It is "), HOLD)
    open_page.server.answers[REPLAY] = stream
    page = open_detail(open_page).page
    page.get_by_test_id("replay").click()
    expect(page.get_by_test_id("replay-new").get_by_test_id("said")).to_have_text("It is")
    page.get_by_test_id("replay-stop").click()
    expect(page.get_by_test_id("replay-new")).to_contain_text("Stopped.")
    assert stream.left.wait(5)


def test_a_refused_replay_says_why(open_page: Opener) -> None:
    open_page.watch.allowed = ("403 (Forbidden)",)
    open_page.server.answers[REPLAY] = (403, {"error": {"message": "anna may not ask for that.", "type": "x"}})
    page = open_detail(open_page).page
    page.get_by_test_id("replay").click()
    expect(page.get_by_test_id("replay-new").get_by_role("alert")).to_have_text("anna may not ask for that.")


def test_r_goes_to_the_choice_of_the_model(open_page: Opener) -> None:
    page = open_detail(open_page, hash_="#/requests").page
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_test_id("replay-model")).to_be_focused()
    expect(page.get_by_test_id("replay-model")).to_have_value("gpt-4o")


DIALECTS = {
    "anthropic": "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in (
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "dust"}},
            {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "name": "look"}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        )
    ),
    "responses": "".join(
        f"data: {json.dumps(event)}\n\n"
        for event in (
            {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
            {"type": "response.output_text.delta", "delta": "dust"},
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": {"type": "function_call", "name": "look"},
            },
            {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"},
        )
    ),
    "ollama": '{"model":"m","message":{"content":"du","thinking":"hm"},"done":false}\n'
    '{"model":"m","message":{"content":"st","tool_calls":[{"function":{"name":"look","arguments":{}}}]},"done":true}\n',
    "openai, whole": json.dumps(
        {
            "choices": [
                {
                    "message": {
                        "content": "dust",
                        "reasoning_content": "hm",
                        "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": "{}"}}],
                    }
                }
            ]
        },
        indent=1,
    ),
    "anthropic, whole": json.dumps(
        {
            "type": "message",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "dust"},
                {"type": "tool_use", "id": "1", "name": "look", "input": {}},
            ],
        }
    ),
    "responses, whole": json.dumps(
        {
            "object": "response",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "dust"}]},
                {"type": "function_call", "name": "look", "arguments": "{}"},
            ],
        }
    ),
}


def test_an_answer_of_another_dialect_is_read(open_page: Opener) -> None:
    """All of them: ``test_pure_views.py``."""
    shown = bodies.opened(bodies.with_all())
    shown["answer"]["body"] = DIALECTS["anthropic"]
    open_page.server.answers[f"/linx/requests/{ID}"] = (200, shown)
    page = open_detail(open_page).page
    expect(page.get_by_test_id("said")).to_have_text("dust")
    expect(page.get_by_test_id("thinking")).to_have_text("Thinkinghm")
    expect(page.get_by_test_id("tool-call")).to_have_text("calls look{}")
