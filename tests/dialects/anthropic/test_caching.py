"""Where the provider is asked to keep the prompt."""

from __future__ import annotations

from typing import Any

from tests.dialects.anthropic.help import body_for, calls, function, result, said

LONG = "word " * 1000
MARK = {"type": "ephemeral"}


def marked(body: dict[str, Any]) -> list[str]:
    """The places of the marks."""
    places = [f"tools.{at}" for at, tool in enumerate(body.get("tools", ())) if "cache_control" in tool]
    places += [f"system.{at}" for at, block in enumerate(body.get("system", ())) if "cache_control" in block]
    for number, turn in enumerate(body["messages"]):
        places += [f"{number}.{at}" for at, block in enumerate(turn["content"]) if "cache_control" in block]
    return places


def test_a_short_prompt_has_no_marks() -> None:
    assert marked(body_for(said(("system", "s"), "hi", tools=[function()]))) == []


def test_tools_system_and_the_last_two_turns_of_the_user() -> None:
    talk = (("system", "s"), ("system", LONG), "a", ("assistant", "b"), "c", ("assistant", "d"), "e")
    body = body_for(said(*talk, tools=[function(), function("g")]))
    assert marked(body) == ["tools.1", "system.1", "2.0", "4.0"]
    assert body["system"][1]["cache_control"] == MARK


def test_a_single_question_is_hardly_asked_again() -> None:
    assert marked(body_for(said(("system", "s"), LONG))) == ["system.0"]
    assert marked(body_for(said(LONG))) == []
    assert marked(body_for(said(LONG, tools=[function()]))) == ["tools.0", "0.0"]


def test_the_last_block_of_a_turn() -> None:
    body = body_for(said(LONG, calls("x", "y"), result("x"), result("y"), tools=[function()]))
    assert marked(body) == ["tools.0", "0.0", "2.1"]


def test_an_answer_to_be_continued_has_no_mark() -> None:
    assert marked(body_for(said(LONG, ("assistant", "Once")))) == ["0.0"]


def test_a_client_that_sets_marks_sets_all_of_them() -> None:
    own = ("user", [{"type": "text", "text": LONG, "cache_control": MARK}, {"type": "text", "text": "b"}])
    assert marked(body_for(said(("system", "s"), own, ("assistant", "c"), "d"))) == ["0.0"]
