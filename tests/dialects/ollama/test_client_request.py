"""Ollama clients' bodies as chat bodies."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.chat import TextCompletion
from linx.core.errors import BadRequest
from linx.dialects.ollama.client_request import asked_of_chat, asked_of_generate, is_unload

if TYPE_CHECKING:
    from linx.core.chat import ChatBody, JsonObject

USER = {"role": "user", "content": "Hi"}
PNG = b64encode(b"\x89PNG\r\n\x1a\n some bytes").decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def chat(**body: Any) -> JsonObject:
    return asked_of_chat({"model": "m", "messages": [USER]} | body)


def history(*messages: JsonObject) -> list[JsonObject]:
    made = asked_of_chat({"model": "m", "messages": list(messages)})
    assert isinstance(made["messages"], list)
    return made["messages"]


def calls(*named: str, **more: Any) -> JsonObject:
    listed = [{"function": {"name": name, "arguments": {"of": name}}} for name in named]
    return {"role": "assistant", "content": "", "tool_calls": listed} | more


def pairs(messages: list[JsonObject]) -> list[tuple[str, str]]:
    """(call id, result) of the tool messages."""
    return [(message["tool_call_id"], message["content"]) for message in messages if message["role"] == "tool"]


def test_the_least_request() -> None:
    assert chat() == {"model": "m", "messages": [USER]}


def test_nulls_and_what_only_ollama_knows_leave_no_trace() -> None:
    absent = ("stream", "format", "options", "think", "keep_alive", "tools", "logprobs", "top_logprobs")
    assert chat(**dict.fromkeys(absent)) == chat()
    own = {"num_ctx": 9, "num_gpu": 1, "num_keep": 4, "use_mmap": True, "num_predict": -1, "seed": -1, "stop": [""]}
    assert chat(keep_alive="5m", truncate=False, shift=True, options=own, format="", stream=False) == chat()


def test_options_get_the_hubs_names() -> None:
    options = {
        "num_predict": 5.0, "temperature": 0, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "typical_p": 0.9, "seed": 0,
        "presence_penalty": 1, "frequency_penalty": 2, "repeat_penalty": 1.1, "repeat_last_n": 64, "stop": ["a", ""],
    }  # fmt: skip
    assert chat(options=options) == chat() | {
        "max_tokens": 5, "temperature": 0, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "typical_p": 0.9, "seed": 0,
        "presence_penalty": 1, "frequency_penalty": 2, "repeat_penalty": 1.1, "repeat_last_n": 64, "stop": ["a"],
    }  # fmt: skip


def test_format() -> None:
    assert chat(format="json")["response_format"] == {"type": "json_object"}
    schema = {"type": "object"}
    assert chat(format=schema)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": schema, "strict": False},
    }


@pytest.mark.parametrize("think", [True, False, "low", "medium", "high", "max"])
def test_think(think: bool | str) -> None:
    assert chat(think=think)["think"] == think


def test_logprobs() -> None:
    assert chat(logprobs=True, top_logprobs=3) == chat() | {"logprobs": True, "top_logprobs": 3}
    assert chat(logprobs=True, top_logprobs=0) == chat() | {"logprobs": True}
    assert chat(top_logprobs=3) == chat()


def test_tools_get_their_type() -> None:
    function = {"name": "f", "parameters": {"type": "object"}}
    assert chat(tools=[{"function": function}])["tools"] == [{"type": "function", "function": function}]
    assert "tools" not in chat(tools=[])


@pytest.mark.parametrize(
    "body",
    [
        {"model": None},
        {"model": ""},
        {"model": 5},
        {"messages": "x"},
        {"messages": ["x"]},
        {"messages": [{}]},
        {"messages": [{"role": "bishop"}]},
        {"messages": [{"role": 5}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        {"messages": [{"role": "user", "content": "x", "images": [5]}]},
        {"messages": [{"role": "user", "content": "x", "images": "QUJD"}]},
        {"messages": [{"role": "user", "content": "x", "images": ["***"]}]},
        {"messages": [{"role": "user", "content": "x", "images": ["data:image/png;base64,QUJD"]}]},
        {"messages": [{"role": "assistant", "thinking": 5}]},
        {"messages": [{"role": "assistant", "tool_calls": 5}]},
        {"messages": [{"role": "assistant", "tool_calls": [5]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
        {"messages": [{"role": "tool", "tool_name": 5}]},
        {"messages": [{"role": "tool", "tool_call_id": 5}]},
        {"stream": "x"},
        {"stream": 1},
        {"options": []},
        {"options": {"num_ctx": "x"}},
        {"options": {"stop": "x"}},
        {"format": 5},
        {"format": "xml"},
        {"think": []},
        {"think": "hard"},
        {"think": 1},
        {"keep_alive": []},
        {"keep_alive": True},
        {"logprobs": 1},
        {"top_logprobs": 21},
        {"top_logprobs": True},
        {"tools": {}},
        {"tools": [{}]},
        {"tools": [{"function": {"name": ""}}]},
        {"tools": [{"function": {"name": "f", "parameters": []}}]},
    ],
)
def test_wrong_types_are_the_clients_error(body: JsonObject) -> None:
    with pytest.raises(BadRequest):
        chat(**body)


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


def generate(**body: Any) -> ChatBody | TextCompletion:
    return asked_of_generate({"model": "m", "prompt": "Hi"} | body)


def test_generate_is_a_conversation_of_one_turn() -> None:
    assert generate() == {"model": "m", "messages": [USER]}
    assert generate(system="s", images=[PNG], options={"seed": 1}, context=[1, 2], format="json") == {
        "model": "m",
        "seed": 1,
        "response_format": {"type": "json_object"},
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, IMAGE]},
        ],
    }


def test_generate_past_the_template_is_a_text_completion() -> None:
    assert generate(prompt=None, raw=True, suffix=None) == TextCompletion(prompts=[""])
    options = {"num_predict": 9, "stop": ["\n"], "temperature": 0.5}
    rest = {"system": "s", "think": True, "format": "json", "images": [PNG]}
    assert generate(suffix="return", options=options, **rest) == TextCompletion(
        prompts=["Hi"], suffix="return", fields={"max_tokens": 9, "stop": ["\n"], "temperature": 0.5}
    )
    assert generate(raw=True, logprobs=True) == TextCompletion(prompts=["Hi"], logprobs=0)
    assert generate(raw=True, logprobs=True, top_logprobs=2) == TextCompletion(prompts=["Hi"], logprobs=2)
    assert generate(raw=True, top_logprobs=2) == TextCompletion(prompts=["Hi"])


@pytest.mark.parametrize(
    "body",
    [
        {"model": None},
        {"prompt": 5},
        {"system": 5},
        {"suffix": 5},
        {"template": []},
        {"context": "x"},
        {"raw": "x"},
        {"images": [5]},
        {"raw": True, "system": "s"},
        {"raw": True, "template": "t"},
        {"raw": True, "context": [1]},
        {"options": {"num_ctx": "x"}},
    ],
)
def test_wrong_types_in_generate(body: JsonObject) -> None:
    with pytest.raises(BadRequest):
        generate(**body)


@pytest.mark.parametrize(
    ("keep_alive", "unloads"),
    [
        (0, True),
        (0.0, True),
        ("0", True),
        ("0s", True),
        ("0m0s", True),
        ("-0", True),
        ("0.0h", True),
        (None, False),
        (5, False),
        (-1, False),
        ("5m", False),
        ("10s", False),
        ("", False),
        ("s", False),
    ],
)
def test_is_unload(keep_alive: Any, unloads: bool) -> None:
    assert is_unload({"keep_alive": keep_alive}) is unloads


def test_no_keep_alive_unloads_nothing() -> None:
    assert not is_unload({})


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
