"""How much a model shall think, in the words that it takes."""

from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.anthropic.abilities import Abilities, abilities_of
from linx.dialects.anthropic.thinking import thinking_for
from tests.dialects.anthropic.help import HAIKU, OPUS, SONNET, body_for, calls, function, result, said

ADAPTIVE = {"type": "adaptive", "display": "summarized"}
SIGNED = {"type": "reasoning.text", "text": "", "signature": "s", "format": "anthropic-claude-v1"}


def asked(wish: bool | str | None, model: str, budget: int | None = None, max_tokens: int = 64_000) -> Any:
    return thinking_for(wish, budget, abilities_of(model, None), max_tokens, may_think=True)


@pytest.mark.parametrize("model", [HAIKU, SONNET, OPUS, "claude-3-5-haiku-20241022", "glm-5"])
def test_nobody_said_anything(model: str) -> None:
    assert asked(None, model) == (None, None)


@pytest.mark.parametrize(
    ("wish", "effort"),
    [
        (True, None),
        ("minimal", "low"),
        ("low", "low"),
        ("high", "high"),
        ("xhigh", "xhigh"),
        ("ultra", "max"),
        ("odd", None),
    ],
)
def test_by_effort(wish: bool | str, effort: str | None) -> None:
    assert asked(wish, SONNET) == (ADAPTIVE, effort)


def test_an_effort_that_the_model_lacks_becomes_the_next_lower() -> None:
    assert asked("xhigh", "claude-sonnet-4-6") == (ADAPTIVE, "high")
    able = Abilities(adaptive=True, efforts=("high",))
    assert thinking_for("low", None, able, 64_000, may_think=True) == (ADAPTIVE, None)


@pytest.mark.parametrize(("budget", "effort"), [(2000, "low"), (10_000, "medium"), (30_000, "high")])
def test_a_budget_where_only_efforts_count(budget: int, effort: str) -> None:
    assert asked(True, SONNET, budget) == (ADAPTIVE, effort)


@pytest.mark.parametrize(
    ("wish", "budget", "max_tokens", "tokens"),
    [
        (True, None, 64_000, 8192),
        ("low", None, 64_000, 2048),
        ("high", None, 64_000, 16_384),
        ("high", None, 8000, 4000),
        ("odd", None, 64_000, 8192),
        ("high", None, 1100, 1024),
        (True, 5000, 64_000, 5000),
        (True, 5000, 4000, 3999),
        (True, 100, 4000, 1024),
    ],
)
def test_by_budget(wish: bool | str, budget: int | None, max_tokens: int, tokens: int) -> None:
    assert asked(wish, HAIKU, budget, max_tokens) == ({"type": "enabled", "budget_tokens": tokens}, None)


def test_an_answer_too_short_to_think_in() -> None:
    assert asked(True, HAIKU, max_tokens=1024) == (None, None)


@pytest.mark.parametrize(
    ("model", "thinking", "effort"),
    [
        (HAIKU, {"type": "disabled"}, None),
        (SONNET, {"type": "disabled"}, None),
        (OPUS, None, "low"),
        ("claude-3-5-haiku-20241022", None, None),
    ],
)
def test_off(model: str, thinking: Any, effort: str | None) -> None:
    assert asked(False, model) == (thinking, effort)


# --- in a body -------------------------------------------------------------------------


@pytest.mark.parametrize("model", [HAIKU, SONNET, OPUS, "claude-sonnet-4-6", "claude-sonnet-5-5"])
@pytest.mark.parametrize(
    "wish",
    [
        {"reasoning_effort": "high"},
        {"reasoning_effort": "none"},
        {"reasoning": {"max_tokens": 4000}},
        {"think": True},
        {"think": False},
        {"reasoning_effort": "xhigh", "temperature": 0.2, "top_k": 3, "top_p": 0.3},
        {"think": True, "thinking_budget": 9000, "max_tokens": 3000},
    ],
    ids=str,
)
def test_every_wish_makes_a_body_that_every_model_takes(model: str, wish: dict[str, Any]) -> None:
    body_for(said("hi", **wish), model)


def test_the_provider_s_mode_where_the_client_says_nothing() -> None:
    assert body_for(said("hi"), HAIKU, thinking_mode=True)["thinking"]["type"] == "enabled"
    assert body_for(said("hi"), SONNET, thinking_mode=False)["thinking"] == {"type": "disabled"}
    assert "thinking" not in body_for(said("hi"), HAIKU, thinking_mode=True, can_think=False)


def test_a_forced_tool_comes_before_a_thought() -> None:
    forced = said("hi", tools=[function()], tool_choice="required", reasoning_effort="high")
    assert "thinking" not in body_for(forced, HAIKU)
    body = body_for(forced, SONNET)
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "high"}


def test_an_answer_to_be_continued_is_not_thought_about() -> None:
    assert "thinking" not in body_for(said("hi", ("assistant", "Once"), think=True), HAIKU)


def test_a_tool_loop_goes_on_with_its_thought_or_without_any() -> None:
    talk = ["hi", calls("a"), result("a")]
    more: dict[str, Any] = {"tools": [function()], "think": True}
    assert "thinking" not in body_for(said(*talk, **more), HAIKU)
    assert body_for(said(*talk, **more), SONNET)["thinking"] == ADAPTIVE
    talk[1] = calls("a", reasoning_details=[SIGNED])
    assert body_for(said(*talk, **more), HAIKU)["thinking"]["type"] == "enabled"
    talk += [("assistant", "Done."), "And now?"]
    assert body_for(said(*talk, **more), HAIKU)["thinking"]["type"] == "enabled"
