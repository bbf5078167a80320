"""Histories of every kind, put into the order that the API demands."""

from __future__ import annotations

import random
from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.anthropic.provider_messages import BLANK, OPENING, UNANSWERED, History
from tests.dialects.anthropic.help import HAIKU, SONNET, body_for, calls, function, result, said
from tests.fakes.wire_anthropic import signature_of


def turns(*messages: Any, tools: bool = True) -> list[tuple[str, list[Any]]]:
    """Role and blocks of each turn, a text as itself, in a body that the API takes."""
    body = body_for(said(*messages, **({"tools": [function()]} if tools else {})))
    return [(turn["role"], [_short(block) for block in turn["content"]]) for turn in body["messages"]]


def _short(block: dict[str, Any]) -> Any:
    match block["type"]:
        case "text":
            return block["text"]
        case "tool_use":
            return ("call", block["id"], block["input"])
        case "tool_result":
            found = [_short(inner) for inner in block.get("content", [])]
            return ("error" if block.get("is_error") else "result", block["tool_use_id"], found)
        case "thinking":
            return ("thought", block["thinking"])
    return block["type"]


def thought(text: str, **more: Any) -> dict[str, Any]:
    signed = {"type": "reasoning.text", "text": text, "signature": signature_of(text)}
    return {**signed, "format": "anthropic-claude-v1", **more}


REDACTED = {"type": "reasoning.encrypted", "data": "x", "format": "anthropic-claude-v1"}


# --- system ----------------------------------------------------------------------------


def test_system_messages_at_the_start_are_the_system_prompt() -> None:
    body = body_for(said(("system", "a"), ("developer", [{"type": "text", "text": "b"}]), ("system", " "), "hi"))
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert len(body["messages"]) == 1


def test_a_system_message_in_the_middle_stays_in_its_place() -> None:
    talk = turns("a", ("assistant", "b"), ("system", "be brief"), "c", ("system", ""), ("assistant", "d"), "e")
    assert talk[2] == ("user", ["<system>\nbe brief\n</system>", "c"])


def test_a_system_message_alone() -> None:
    assert turns(("system", "say hi")) == [("user", [OPENING])]
    assert "system" not in body_for(said("hi"))


# --- turns -----------------------------------------------------------------------------


def test_messages_of_the_same_side_become_one_turn() -> None:
    assert turns("a", "b", ("assistant", "c"), ("assistant", "d"), "e") == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_blank_messages() -> None:
    assert turns("", ("assistant", ""), ("assistant", None), " ", ("assistant", " \n"), "\t") == [("user", [BLANK])]
    assert turns("a", ("assistant", "b"), "") == [("user", ["a"]), ("assistant", ["b"]), ("user", [BLANK])]


def test_a_history_that_begins_with_the_assistant() -> None:
    assert turns(("system", "s"), ("assistant", "Welcome!"), "hi") == [
        ("user", [OPENING]),
        ("assistant", ["Welcome!"]),
        ("user", ["hi"]),
    ]


def test_an_answer_to_be_continued_ends_without_a_space() -> None:
    assert turns("a", ("assistant", "Once upon \n")) == [("user", ["a"]), ("assistant", ["Once upon"])]


def test_refusals_are_said_too() -> None:
    said_no = {"role": "assistant", "content": None, "refusal": "no"}
    assert turns("a", said_no, "b")[1] == ("assistant", ["no"])


def test_names_of_users_stay_here() -> None:
    assert turns({"role": "user", "content": "a", "name": "Ann"}) == [("user", ["a"])]


# --- tools -----------------------------------------------------------------------------


def test_calls_and_their_results() -> None:
    assert turns("a", calls("x", "y"), result("y", "2"), result("x", "1"), "b") == [
        ("user", ["a"]),
        ("assistant", [("call", "x", {"a": 1}), ("call", "y", {"a": 1})]),
        ("user", [("result", "y", ["2"]), ("result", "x", ["1"]), "b"]),
    ]


def test_results_come_before_what_the_user_says() -> None:
    assert turns("a", calls("x"), "wait", result("x", "1"))[2] == ("user", [("result", "x", ["1"]), "wait"])


def test_a_call_that_nobody_answered() -> None:
    lost = ("error", "x", [UNANSWERED])
    assert turns("a", calls("x"), "never mind", ("assistant", "ok"), "b")[2] == ("user", [lost, "never mind"])
    assert turns("a", calls("x"))[2:] == [("user", [lost])]
    assert turns("a", calls("x"), ("assistant", "ok"), "b")[1:] == [
        ("assistant", [("call", "x", {"a": 1}), "ok"]),
        ("user", [lost, "b"]),
    ]


def test_a_result_that_no_call_asked_for() -> None:
    assert turns("a", result("z", "1"), ("assistant", "b"), {**result("x", "2"), "name": "f"}) == [
        ("user", ["a", "[tool result]", "1"]),
        ("assistant", ["b"]),
        ("user", ["[tool f result]", "2"]),
    ]


def test_parallel_calls_in_messages_of_their_own() -> None:
    assert turns("a", calls("x"), calls("y"), result("x", "1"), result("y", "2"))[1:] == [
        ("assistant", [("call", "x", {"a": 1}), ("call", "y", {"a": 1})]),
        ("user", [("result", "x", ["1"]), ("result", "y", ["2"])]),
    ]


def test_two_results_of_one_call_are_one() -> None:
    assert turns("a", calls("x"), result("x", "1"), result("x", "2"))[2] == ("user", [("result", "x", ["1", "2"])])


def ids(talk: list[tuple[str, list[Any]]], word: str) -> list[tuple[str, Any]]:
    return [(block[1], block[2]) for _, blocks in talk for block in blocks if block[0] == word]


def test_ids_that_come_again() -> None:
    talk = turns("a", calls("0"), result("0", "one"), calls("0"), result("0", "two"), calls("0", "0"), result("0", "3"))
    made = [one for one, _ in ids(talk, "call")]
    assert len(set(made)) == 4
    assert ids(talk, "result") == [(made[0], ["one"]), (made[1], ["two"]), (made[2], ["3"])]
    assert ids(talk, "error") == [(made[3], [UNANSWERED])]


def test_ids_that_the_api_would_refuse_and_none_at_all() -> None:
    talk = turns("a", calls("functions.f:0", None), result("functions.f:0", "1"), result(None, "2"))
    made = [one for one, _ in ids(talk, "call")]
    assert ids(talk, "result") == [(made[0], ["1"]), (made[1], ["2"])]


def test_an_empty_result() -> None:
    assert turns("a", calls("x"), result("x", ""))[2] == ("user", [("result", "x", [])])
    body = body_for(said("a", calls("x"), result("x", None), tools=[function()]))
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "x"}]


def test_a_result_with_a_picture() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = body_for(said("a", calls("x"), result("x", [{"type": "text", "text": "see"}, picture]), tools=[function()]))
    found = body["messages"][2]["content"][0]["content"]
    assert [block["type"] for block in found] == ["text", "image"]


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        ("", {}),
        ("null", {}),
        ("{}", {}),
        ('{"a":{"b":1}}', {"a": {"b": 1}}),
        ("[1]", {"_raw": "[1]"}),
        ("{", {"_raw": "{"}),
    ],
)
def test_arguments_whatever_the_model_made_of_them(arguments: str, made: Any) -> None:
    assert turns("a", calls("x", arguments=arguments), result("x"))[1] == ("assistant", [("call", "x", made)])


def test_other_shapes_of_a_call() -> None:
    custom = {"id": "x", "type": "custom", "custom": {"name": "f", "input": "free text"}}
    whole = {"id": "y", "type": "function", "function": {"name": "a b", "arguments": {"n": 1}}}
    message = {"role": "assistant", "content": "t", "tool_calls": [custom, whole]}
    body = body_for(said("a", message, result("x"), result("y"), tools=[function()]))
    assert [block.get("input") for block in body["messages"][1]["content"]] == [None, {"input": "free text"}, {"n": 1}]
    assert body["messages"][1]["content"][2]["name"].startswith("a_b_")


def test_the_role_function_of_old_clients() -> None:
    old = {"role": "function", "name": "f", "content": "1", "tool_call_id": "x"}
    assert turns("a", calls("x"), old)[2] == ("user", [("result", "x", ["1"])])


# --- thoughts --------------------------------------------------------------------------


def test_signed_thoughts_come_back_and_others_do_not() -> None:
    other = {"type": "reasoning.encrypted", "data": "g", "format": "google-gemini-v1"}
    unsigned = {"type": "reasoning.text", "text": "u", "format": "anthropic-claude-v1"}
    details = [thought("first"), REDACTED, other, unsigned, thought("second"), "x", {"type": "reasoning.summary"}]
    message = {"role": "assistant", "content": "b", "reasoning_content": "plain", "reasoning_details": details}
    assert turns("a", message, "c")[1] == (
        "assistant",
        [("thought", "first"), "redacted_thinking", ("thought", "second"), "b"],
    )


def test_a_thought_that_was_not_shown() -> None:
    message = {"role": "assistant", "content": "b", "reasoning_details": [{**thought("secret"), "text": ""}]}
    assert turns("a", message, "c")[1] == ("assistant", [("thought", ""), "b"])


@pytest.mark.parametrize(
    ("places", "order"),
    [
        ((0, 1), ["p", "q", "b"]),
        ((0, 2), ["p", "b", "q"]),
        ((1, 2), ["b", "p", "q"]),
        ((0, 0), ["p", "q", "b"]),
        ((None, None), ["p", "q", "b"]),
    ],
)
def test_thoughts_keep_their_places(places: tuple[int | None, int | None], order: list[str]) -> None:
    details = [thought(text, index=place) for text, place in zip("pq", places, strict=True)]
    message = {**calls("x"), "content": "b", "reasoning_details": details}
    _role, blocks = turns("a", message, result("x"))[1]
    assert [block[1] if block[0] == "thought" else block for block in blocks[:-1]] == order


def test_a_thought_and_nothing_else() -> None:
    message = {"role": "assistant", "content": None, "reasoning_details": [thought("hm")]}
    assert turns("a", message, "b")[1] == ("assistant", [("thought", "hm")])


# --- what cannot be read, and everything else ------------------------------------------


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("x", "messages[0] must be an object"),
        ({"role": "robot", "content": "a"}, "messages[0].role must be"),
        ({"content": "a"}, "messages[0].role must be"),
        ({"role": "assistant", "tool_calls": ["x"]}, "messages[0].tool_calls[0].function.name"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": 3}}]}, "messages[0].tool_calls[0].function.name"),
        ({"role": "user", "content": {}}, "messages[0].content must be"),
    ],
)
def test_bad_requests_name_the_place(message: Any, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        History([message])
    assert words in str(caught.value)


@pytest.mark.parametrize("seed", range(60))
def test_no_history_makes_a_body_that_the_api_refuses(seed: int) -> None:
    dice = random.Random(seed)
    ids = ["0", "0", "1", "call_a", "functions.f:0", None, "x" * 90]

    def message() -> dict[str, Any]:
        role = dice.choice(["system", "user", "user", "assistant", "assistant", "tool", "tool"])
        content = dice.choice(
            ["", " ", "text ", None, [], [{"type": "text", "text": ""}, {"type": "text", "text": "p"}]]
        )
        if role == "tool":
            return result(dice.choice(ids), content)
        made = {"role": role, "content": content}
        if role == "assistant" and dice.random() < 0.6:
            made |= calls(*dice.choices(ids, k=dice.randint(1, 3)), content=content)
        if role == "assistant" and dice.random() < 0.4:
            made["reasoning_details"] = [thought("hm", index=dice.choice([0, 1, None])), REDACTED]
        return made

    messages = [message() for _ in range(dice.randint(1, 12))]
    more: dict[str, Any] = {"tools": [function()]} if dice.random() < 0.5 else {}
    if dice.random() < 0.5:
        more["reasoning_effort"] = dice.choice(["low", "high", "none"])
    body_for(said(*messages, **more), HAIKU)
    if History(messages).turns[-1]["role"] == "user":
        body_for(said(*messages, **more), SONNET)  # it takes no answer to be continued


def test_a_long_history_is_read_in_linear_time() -> None:
    many = [str(number) for number in range(20_000)]
    history = History([{"role": "user", "content": "a"}, calls(*many), *(result(one) for one in reversed(many))])
    assert len(history.turns[2]["content"]) == len(many)
