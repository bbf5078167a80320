"""Requests for Ollama, translated from the hub or as an Ollama client wrote them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import ChatBody, ChatRequest, Dialect, JsonObject, ModelTraits, Task
from linx.core.errors import BadRequest
from linx.dialects.completions.face import CompletionsFace
from linx.dialects.ollama.provider_request import chat_body, completion_body, keep_alive_for, own_body, think_for

MESSAGES = [{"role": "user", "content": "Hi"}]
THINKER = ModelTraits(can_think=True)


def sent(traits: ModelTraits | None = None, /, **body: Any) -> JsonObject:
    chat = ChatRequest("asked", ChatBody({"model": "asked", "messages": MESSAGES} | body))
    return chat_body(chat, "m:7b", traits or ModelTraits())


def own(given: JsonObject, traits: ModelTraits | None = None, task: Task = Task.CHAT) -> JsonObject:
    """The body for a client of Ollama's dialect."""
    made = ChatBody({"model": "asked", "messages": MESSAGES})
    return own_body(ChatRequest("asked", ChatBody(made), task=task, client_body=given), "m:7b", traits or ModelTraits())


def test_the_least_request() -> None:
    assert sent() == {"model": "m:7b", "messages": MESSAGES, "stream": True}


def test_what_has_no_place_is_left_out() -> None:
    assert sent(
        stream=False, stream_options={"include_usage": True}, parallel_tool_calls=True, logit_bias={"1": 2}, user="u",
        metadata={}, store=True, service_tier="auto", prediction={}, verbosity="low", n=1, tool_choice="auto",
        prompt_cache_key="k", modalities=["text"], web_search_options={}, temperature=None, stop=None,
    ) == sent()  # fmt: skip


def test_sampling_goes_into_options() -> None:
    body = sent(
        max_tokens=5, max_completion_tokens=6.0, temperature=0, top_p=0.9, seed=7, presence_penalty=1,
        frequency_penalty=-1, top_k=40, min_p=0.1, typical_p=0.9, repetition_penalty=1.2, repeat_last_n=64,
        num_ctx=8192, stop="END",
    )  # fmt: skip
    assert body["options"] == {
        "num_predict": 6, "temperature": 0, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "typical_p": 0.9, "seed": 7,
        "presence_penalty": 1, "frequency_penalty": -1, "repeat_penalty": 1.2, "repeat_last_n": 64, "num_ctx": 8192,
        "stop": ["END"],
    }  # fmt: skip


def test_options_of_the_client_win() -> None:
    body = sent(ModelTraits(num_ctx=4096), temperature=1, options={"temperature": 0.5, "num_ctx": 9, "seed": None})
    assert body["options"] == {"temperature": 0.5, "num_ctx": 9}


@pytest.mark.parametrize(
    ("stop", "own"),
    [("a", ["a"]), (["a", "", None, "b"], ["a", "b"]), ("", None), ([], None), ([""], None), (None, None)],
)
def test_stop(stop: Any, own: list[str] | None) -> None:
    assert sent(stop=stop).get("options", {}).get("stop") == own


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": "0"}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**70}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop"),
        ({"options": []}, "options"),
        ({"options": {"num_ctx": "x"}}, "options.num_ctx"),
        ({"keep_alive": []}, "keep_alive"),
        ({"keep_alive": True}, "keep_alive"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.schema"),
        ({"response_format": {}}, "response_format"),
        ({"response_format": "json"}, "response_format"),
    ],
)
def test_what_is_wrong_everywhere(body: JsonObject, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        sent(**body)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"audio": {"voice": "x"}},
        {"modalities": ["text", "audio"]},
        {"response_format": {"type": "grammar"}},
        {"tools": [{"type": "custom"}]},
    ],
)
def test_what_another_provider_may_do(body: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        sent(**body)
    assert refused.value.fallback is Fallback.YES
    assert refused.value.status == 400
    assert not refused.value.blames_provider


SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}


@pytest.mark.parametrize(
    ("wanted", "own"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_object", "schema": {}}, "json"),
        ({"type": "json_object", "schema": SCHEMA}, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
    ],
)
def test_format(wanted: Any, own: Any) -> None:
    assert sent(response_format=wanted).get("format") == own


def test_tools() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    parameters = {"type": "object", "properties": {}}
    assert sent(tools=[tool])["tools"] == [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    assert "tools" not in sent(tools=[tool], tool_choice="none")


@pytest.mark.parametrize(
    ("wish", "can_think", "think"),
    [
        (None, True, None),
        (False, True, False),
        (False, False, False),
        (False, None, False),
        ("none", None, False),
        ("off", None, False),
        (True, True, True),
        (True, False, None),
        (True, None, None),
        ("low", None, None),
        ("minimal", True, "low"),
        ("low", True, "low"),
        ("Medium", True, "medium"),
        ("high", True, "high"),
        ("xhigh", True, "max"),
        ("ultra", True, "max"),
        ("max", True, "max"),
        ("dynamic", True, True),
    ],
)
def test_think(wish: bool | str | None, can_think: bool | None, think: bool | str | None) -> None:
    assert think_for(wish, ModelTraits(can_think=can_think)) == think


def test_every_way_to_ask_for_thinking() -> None:
    assert sent(THINKER, reasoning_effort="high")["think"] == "high"
    assert sent(THINKER, reasoning_effort="none")["think"] is False
    assert sent(THINKER, reasoning={"effort": "low"})["think"] == "low"
    assert sent(THINKER, think=True)["think"] is True
    assert sent(chat_template_kwargs={"enable_thinking": False})["think"] is False
    assert sent(ModelTraits(thinking_mode=False))["think"] is False
    assert "think" not in sent(ModelTraits(thinking_mode=True))
    assert sent(ModelTraits(thinking_mode=True, can_think=True))["think"] is True
    assert "think" not in sent(THINKER)


def test_keep_alive_and_num_ctx_are_configured_or_asked() -> None:
    traits = ModelTraits(num_ctx=8192, keep_alive="300")
    body = sent(traits)
    assert body["keep_alive"] == 300
    assert body["options"] == {"num_ctx": 8192}
    assert sent(traits, keep_alive="5m")["keep_alive"] == "5m"
    assert sent(traits, keep_alive=0)["keep_alive"] == 0
    assert "keep_alive" not in sent()


@pytest.mark.parametrize(
    ("given", "own"),
    [(None, None), ("300", 300), ("-1", -1), ("1.5", 1.5), ("5m", "5m"), ("-1m", "-1m"), (2.5, 2.5), (0, 0), ("", "")],
)
def test_numbers_are_sent_as_numbers(given: Any, own: Any) -> None:
    value = keep_alive_for(given)
    assert value == own
    assert type(value) is type(own)


def test_logprobs() -> None:
    body = sent(logprobs=True, top_logprobs=3)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert "top_logprobs" not in sent(logprobs=True)
    assert "logprobs" not in sent(logprobs=False, top_logprobs=3)


def test_the_body_is_the_same_each_time_and_the_hub_is_left_alone() -> None:
    hub = {"model": "a", "messages": MESSAGES, "tools": [{"type": "function", "function": {"name": "f"}}], "stop": "x"}
    before = jsontext.dumps(hub)
    chat = ChatRequest("a", ChatBody(hub))
    assert jsontext.dumps(chat_body(chat, "m", THINKER)) == jsontext.dumps(chat_body(chat, "m", THINKER))
    assert jsontext.dumps(hub) == before


def test_a_body_of_its_own_dialect_keeps_every_field() -> None:
    given = {"model": "asked", "messages": [], "stream": False, "new": {"x": 1}, "options": {"num_gpu": 1}}
    assert own(given) == {**given, "model": "m:7b", "stream": True}
    assert given["model"] == "asked"


def test_what_is_configured_fills_what_such_a_body_leaves_open() -> None:
    traits = ModelTraits(num_ctx=8192, keep_alive="300", thinking_mode=False)
    body = own({"model": "a", "messages": [], "options": {"seed": 1}}, traits)
    assert body["options"] == {"seed": 1, "num_ctx": 8192}
    assert body["keep_alive"] == 300
    assert body["think"] is False
    said = {"model": "a", "messages": [], "options": {"num_ctx": 9}, "keep_alive": 0, "think": True}
    assert own(said, traits) == {**said, "model": "m:7b", "stream": True}
    body = own({"model": "a", "messages": [], "options": None}, traits)
    assert body["options"] == {"num_ctx": 8192}
    assert "think" not in own({"model": "a"}, ModelTraits(thinking_mode=True))


def test_a_generate_body_is_kept_too() -> None:
    given = {"model": "a", "prompt": "x", "suffix": "y", "raw": False, "template": "t"}
    body = own(given, ModelTraits(thinking_mode=False, num_ctx=4096), Task.INSERT)
    assert body == {**given, "model": "m:7b", "stream": True, "options": {"num_ctx": 4096}}
    assert own({"prompt": "x"}, ModelTraits(thinking_mode=False))["think"] is False


def test_a_generate_request_can_be_a_chat() -> None:
    chat = ChatRequest(
        "a", ChatBody({"messages": MESSAGES}), dialect=Dialect.OLLAMA_GENERATE, client_body={"prompt": "Hi"}
    )
    assert chat_body(chat, "m", ModelTraits()) == {"model": "m", "messages": MESSAGES, "stream": True}


# --- a text completion ----------------------------------------------------------------


def completion(**fields: Any) -> ChatRequest:
    return CompletionsFace().parse({"model": "m", "prompt": "a", **fields})


def test_ollama_is_asked_to_generate() -> None:
    asked = completion(suffix="b", max_tokens=4, temperature=0.5, stop="x", logprobs=2, user="u")
    body = completion_body(asked, "real", ModelTraits(can_think=True, keep_alive=60, num_ctx=8192))
    assert body == {
        "model": "real",
        "prompt": "a",
        "suffix": "b",
        "stream": True,
        "options": {"num_predict": 4, "temperature": 0.5, "stop": ["x"], "num_ctx": 8192},
        "keep_alive": 60,
        "think": False,
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert completion_body(completion(logprobs=0), "real", ModelTraits()) == {
        "model": "real",
        "prompt": "a",
        "stream": True,
        "logprobs": True,
    }


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"prompt": [1, 2]}, "tokens"), ({"max_tokens": 0}, "max_tokens 0"), ({"best_of": 2}, "best_of")],
)
def test_what_a_text_completion_cannot_have_lets_another_try(fields: JsonObject, word: str) -> None:
    with pytest.raises(Refused, match=word) as caught:
        completion_body(completion(**fields), "real", ModelTraits())
    assert caught.value.fallback is Fallback.YES
