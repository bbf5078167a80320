"""Ollama clients' bodies as chat bodies."""

from __future__ import annotations

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
