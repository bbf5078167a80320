"""An Ollama client's messages as those of a chat body: roles, images, calls and their results."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from linx.dialects.ollama.client_messages import messages_of

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

USER = {"role": "user", "content": "Hi"}
PNG = b64encode(b"\x89PNG\r\n\x1a\n some bytes").decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def history(*messages: JsonObject) -> list[JsonObject]:
    return messages_of({"messages": list(messages)})


def calls(*named: str, **more: Any) -> JsonObject:
    listed = [{"function": {"name": name, "arguments": {"of": name}}} for name in named]
    return {"role": "assistant", "content": "", "tool_calls": listed} | more


def pairs(messages: list[JsonObject]) -> list[tuple[str, str]]:
    """(call id, result) of the tool messages."""
    return [(message["tool_call_id"], message["content"]) for message in messages if message["role"] == "tool"]


def test_roles_and_images() -> None:
    assert history(
        {"role": "SYSTEM", "content": "s"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "look", "images": [PNG]},
        {"role": "user", "images": [PNG.rstrip("=")]},
        {"role": "assistant", "content": None, "thinking": "hm"},
    ) == [
        {"role": "system", "content": "s"},
        {"role": "developer", "content": "d"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE]},
        {"role": "user", "content": [IMAGE]},
        {"role": "assistant", "content": "", "reasoning_content": "hm"},
    ]


def test_calls_get_ids_and_results_find_them_by_name() -> None:
    messages = history(
        USER,
        calls("a", "b"),
        {"role": "tool", "tool_name": "b", "content": "of b"},
        {"role": "tool", "tool_name": "a", "content": "of a"},
        USER,
    )
    assert messages[1]["tool_calls"] == [
        {"id": "call_1_0", "type": "function", "function": {"name": "a", "arguments": '{"of":"a"}'}},
        {"id": "call_1_1", "type": "function", "function": {"name": "b", "arguments": '{"of":"b"}'}},
    ]
    assert pairs(messages) == [("call_1_1", "of b"), ("call_1_0", "of a")]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user"]


def test_two_calls_of_one_name_are_answered_in_order() -> None:
    messages = history(
        calls("a", "a"),
        {"role": "tool", "tool_name": "a", "content": "1"},
        {"role": "tool", "name": "a", "content": "2"},
    )
    assert pairs(messages) == [("call_0_0", "1"), ("call_0_1", "2")]


def test_given_ids_are_kept() -> None:
    call = {"id": "x", "function": {"name": "f"}}
    messages = history(
        {"role": "assistant", "tool_calls": [call, {"id": "y", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "y", "content": "1"},
        {"role": "tool", "tool_call_id": "unknown", "content": "2"},
    )
    assert pairs(messages) == [("y", "1"), ("x", "2")]
    assert messages[0]["tool_calls"][0] == {
        "id": "x",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }


def test_a_result_without_a_name_answers_the_oldest_call() -> None:
    messages = history(calls("a", "b"), {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"})
    assert pairs(messages) == [("call_0_0", "1"), ("call_0_1", "2")]


def test_a_result_without_a_name_answers_the_oldest_call_that_is_open() -> None:
    messages = history(
        calls("a", "b", "c"),
        {"role": "tool", "tool_name": "a", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "tool", "tool_name": "c", "content": "3"},
    )
    assert pairs(messages) == [("call_0_0", "1"), ("call_0_1", "2"), ("call_0_2", "3")]


def test_a_name_whose_calls_are_all_answered_is_no_name() -> None:
    messages = history(
        calls("a", "b"),
        {"role": "tool", "content": "1"},
        {"role": "tool", "tool_name": "a", "content": "2"},
        {"role": "tool", "tool_name": "a", "content": "3"},
    )
    assert pairs(messages) == [("call_0_0", "1"), ("call_0_1", "2")]
    assert messages[-1] == {"role": "user", "content": "[tool a result] 3"}


def test_calls_that_nobody_answered_get_an_empty_answer() -> None:
    messages = history(calls("a", "b"), {"role": "tool", "tool_name": "b", "content": "1"}, USER, calls("c"))
    assert pairs(messages) == [("call_0_1", "1"), ("call_0_0", ""), ("call_3_0", "")]
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user", "assistant", "tool"]


def test_a_result_that_no_call_asked_for_is_told_in_words() -> None:
    messages = history(USER, {"role": "tool", "tool_name": "f", "content": "42"})
    assert messages == [USER, {"role": "user", "content": "[tool f result] 42"}]


def test_an_answer_kept_as_several_messages_is_one() -> None:
    messages = history(
        calls("a", content="x", thinking="1"),
        calls("b", content="y", thinking="2"),
        calls("c"),
        {"role": "tool", "tool_name": "c", "content": "of c"},
        {"role": "tool", "tool_name": "a", "content": "of a"},
        {"role": "tool", "tool_name": "b", "content": "of b"},
        calls("d"),
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "tool", "assistant", "tool"]
    assert messages[0]["content"] == "xy"
    assert messages[0]["reasoning_content"] == "12"
    assert [call["id"] for call in messages[0]["tool_calls"]] == ["call_0_0", "call_1_0", "call_2_0"]
    assert pairs(messages)[:3] == [("call_2_0", "of c"), ("call_0_0", "of a"), ("call_1_0", "of b")]


def test_calls_after_a_half_answered_message_are_a_message_of_their_own() -> None:
    messages = history(calls("a", "b"), {"role": "tool", "content": "1"}, calls("c"), {"role": "tool", "content": "2"})
    assert pairs(messages) == [("call_0_0", "1"), ("call_0_1", ""), ("call_2_0", "2")]


def test_images_of_a_result_follow_the_results() -> None:
    messages = history(
        calls("a", "b"),
        {"role": "tool", "tool_name": "a", "content": "see", "images": [PNG]},
        {"role": "tool", "tool_name": "b", "content": "of b"},
        USER,
    )
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user", "user"]
    assert messages[3] == {"role": "user", "content": [IMAGE]}


def test_big_integers_in_arguments_stay_whole() -> None:
    number = 123456789012345678901234567890
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"n": number}}}]}
    assert history(message)[0]["tool_calls"][0]["function"]["arguments"] == f'{{"n":{number}}}'


def test_long_histories_cost_no_more_per_message_than_short_ones() -> None:
    """Both took many seconds when a search through all open calls, or a copy of all text, was made for each."""
    count = 20_000
    began = time.process_time()
    names = [f"f{number}" for number in range(count)]
    results = [{"role": "tool", "tool_name": name, "content": name} for name in reversed(names)]
    found = pairs(history(USER, calls(*names), *results))
    assert found[0] == (f"call_1_{count - 1}", names[-1])
    assert found[-1] == ("call_1_0", "f0")
    frames = [calls("f", content="x" * 500, thinking="y" * 500) for _ in range(count)]
    asked = history(USER, *frames)[1]
    assert len(asked["content"]) == len(asked["reasoning_content"]) == 500 * count
    assert len(asked["tool_calls"]) == count
    assert time.process_time() - began < 3


def test_an_unknown_role_is_a_users_since_ollama_checks_none() -> None:
    given = [{"role": "bogus", "content": "a"}, {"content": "b"}, {"role": None, "content": "c"}]
    assert messages_of({"messages": given}) == [{"role": "user", "content": text} for text in "abc"]
