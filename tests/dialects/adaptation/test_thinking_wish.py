"""A wish to think at a model that cannot, and a wish not to think at a model that always does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import CHAT, MESSAGES, OLLAMA, RESPONSES, asked_until_taken, step

if TYPE_CHECKING:
    from linx.dialects.adaptation.row import BodyFormat

CANNOT = (
    # An Ollama's /v1, as seen at 0.33; continue#10857 has it in a text inside a text.
    b'{"error":{"message":"\\"smol\\" does not support thinking","type":"invalid_request_error","param":null}}',
    b'"\\"qwen3-14b:latest\\" does not support thinking"',
    # Gemini: hajimi#304, gemini-cli#14025, Roo-Code#10700
    b"Unable to submit request because thinking is not supported by this model. Learn more: https://cloud.google.com",
    b"Unable to submit request because thinking_level is not supported by this model.. Learn more:",
    b'{"error":{"code":400,"message":"Thinking level is not supported for this model.","status":"INVALID_ARGUMENT"}}',
    b'{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support the effort'
    b' parameter."}}',  # Anthropic's Haiku 4.5
    b"The value of the enable_thinking parameter is restricted to False.",  # DashScope
    b"this model does not support reasoning",
)
MUST = (
    # OpenRouter: claude-code-router#1238, pi#8454
    b'{"error":{"message":"Reasoning is mandatory for this endpoint and cannot be disabled.","code":400}}',
    b"Budget 0 is invalid. This model only works in thinking mode.",  # any-llm#1294, gemini-2.5-pro
    b"The value of the enable_thinking parameter is restricted to True.",  # DashScope, thinking-only Qwen
)
ON: tuple[tuple[BodyFormat, dict[str, Any]], ...] = (
    (CHAT, {"reasoning_effort": "high"}),
    (CHAT, {"reasoning": {"enabled": True}}),
    (CHAT, {"reasoning": {"max_tokens": 2000}}),
    (CHAT, {"thinking": {"type": "enabled"}}),
    (CHAT, {"enable_thinking": True, "thinking_budget": 100}),
    (CHAT, {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget_tokens": 5}),
    (RESPONSES, {"reasoning": {"effort": "low", "summary": "auto"}}),
    (MESSAGES, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
    (MESSAGES, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
)
OFF: tuple[tuple[BodyFormat, dict[str, Any]], ...] = (
    (CHAT, {"reasoning_effort": "none"}),
    (CHAT, {"reasoning": {"effort": "none"}}),
    (CHAT, {"reasoning": {"enabled": False}}),
    (CHAT, {"enable_thinking": False}),
    (CHAT, {"thinking": {"type": "disabled"}}),
    (CHAT, {"chat_template_kwargs": {"enable_thinking": False}}),
    (RESPONSES, {"reasoning": {"effort": "none"}}),
    (MESSAGES, {"thinking": {"type": "disabled"}}),
)


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("words", CANNOT)
@pytest.mark.parametrize(("form", "wish"), ON, ids=lambda given: str(given)[:60])
def test_a_model_that_cannot_think_is_asked_without(
    form: BodyFormat, wish: dict[str, Any], words: bytes, status: int
) -> None:
    used, body = asked_until_taken({"model": "m", **wish}, [words], status, form)
    assert (used, body) == (["thinking_wish:cannot"], {"model": "m"})


@pytest.mark.parametrize("words", MUST)
@pytest.mark.parametrize(("form", "wish"), OFF, ids=lambda given: str(given)[:60])
def test_a_model_that_always_thinks_is_asked_without(form: BodyFormat, wish: dict[str, Any], words: bytes) -> None:
    used, body = asked_until_taken({"model": "m", **wish}, [words], form=form)
    assert (used, body) == (["thinking_wish:must"], {"model": "m"})


@pytest.mark.parametrize(("form", "wish"), ON, ids=lambda given: str(given)[:60])
def test_who_always_thinks_may_still_be_asked_to(form: BodyFormat, wish: dict[str, Any]) -> None:
    assert adapt(wish, [Adapted("thinking_wish", "must")], [], form) is wish
    assert step(wish, MUST[0], form=form) is None


def test_what_stands_beside_the_wish_stays() -> None:
    learnt = [Adapted("thinking_wish", "cannot")]
    body = {"chat_template_kwargs": {"enable_thinking": True, "x": 1}, "output_config": {"effort": "low", "format": 2}}
    assert adapt(body, learnt, []) == {"chat_template_kwargs": {"x": 1}, "output_config": {"format": 2}}
    for nothing in ({"model": "m"}, {"chat_template_kwargs": None}, {"output_config": {"format": 2}}):
        assert adapt(nothing, learnt, []) is nothing
    assert adapt(body, [Adapted("thinking_wish", "your prompt")], []) is body


@pytest.mark.parametrize(
    "words",
    [
        b"thinking is not supported with tool_choice required",
        b"thinking is not supported when tools are forced",
        b"Thinking may not be enabled when tool_choice forces tool use.",
        b'"m" does not support tools',
        b"this model does not support reasoning content in the history",
    ],
)
def test_other_refusals_are_about_something_else(words: bytes) -> None:
    assert step({"reasoning_effort": "high"}, words) is None


def test_a_level_that_is_refused_is_lowered_before_the_wish_is_given_up() -> None:
    words = b"reasoning_effort 'max' is not supported. Supported levels: high, low."
    assert step({"reasoning_effort": "max"}, words) == "reasoning_level:max>high"
    words = b"adaptive thinking is not supported on this model"
    body = {"thinking": {"type": "adaptive"}, "max_tokens": 9000}
    assert step(body, words, form=MESSAGES) == "thinking_kind:enabled"


def test_an_ollamas_think_is_another_rows() -> None:
    assert step({"think": True}, CANNOT[0], form=OLLAMA) == "think:*>"
    assert step({"think": False}, MUST[0], form=OLLAMA) is None
