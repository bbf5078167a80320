"""Requests as bodies of the Messages API; each is judged by the SDK's types and the fake's checks."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import ModelTraits
from linx.core.errors import BadRequest
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.anthropic.provider_request import chat_body, client_body
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.shared import opaque_reasoning
from tests.dialects.anthropic.help import HAIKU, OPUS, SONNET, body_for, function, judge, said

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
SHAPE = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
USER = [{"role": "user", "content": "hi"}]


def test_the_least_that_is_said() -> None:
    assert body_for(said("hi")) == {
        "model": HAIKU,
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
    }


# --- limits ----------------------------------------------------------------------------


def limit(model: str = HAIKU, *, is_listed: bool = True, **more: Any) -> Any:
    traits: dict[str, Any] = {} if is_listed else {"listed": None}
    return body_for(said("hi", **more), model, **traits)["max_tokens"]


def test_the_longest_answer_where_nobody_says() -> None:
    assert limit(OPUS) == 128_000
    assert limit(OPUS, is_listed=False) == 64_000
    assert limit("m", is_listed=False) == 4096


def test_the_client_s_limit() -> None:
    assert limit(max_tokens=5) == 5
    assert limit(max_tokens=5, max_completion_tokens=7) == 7
    assert limit(max_tokens=10**6) == 64_000
    assert limit("claude-opus-4-20250514", is_listed=False, max_tokens=60_000) == 60_000


@pytest.mark.parametrize("tokens", [0, -1, 1.5, "5", True])
def test_a_limit_that_is_none(tokens: Any) -> None:
    with pytest.raises(BadRequest, match="max_tokens"):
        body_for(said("hi", max_tokens=tokens))


# --- samplers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"top_p": 1}, {}),
        ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}),
        ({"temperature": 1, "top_p": 0.5}, {"top_p": 0.5}),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}),
        ({"temperature": 0.5, "top_k": 40}, {"temperature": 0.5, "top_k": 40}),
        ({"top_k": 0}, {}),
        ({"think": True, "temperature": 0.5, "top_k": 40, "top_p": 0.5}, {}),
        ({"think": True, "top_p": 0.97}, {"top_p": 0.97}),
        ({"think": False, "temperature": 0.5}, {"temperature": 0.5}),
        ({"seed": 3, "frequency_penalty": 1, "presence_penalty": 1, "logit_bias": {"1": 1}, "min_p": 0.1}, {}),
    ],
    ids=str,
)
def test_samplers(given: dict[str, Any], sent: dict[str, Any]) -> None:
    names = {"temperature", "top_p", "top_k"}
    assert {key: value for key, value in body_for(said("hi", **given)).items() if key in names} == sent
    assert not names & body_for(said("hi", **given), SONNET).keys()


# --- the rest --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "sent"), [("END", ["END"]), (["a", "", " b"], ["a", " b"]), ("", None), ([], None), (None, None)]
)
def test_stops(stop: Any, sent: Any) -> None:
    assert body_for(said("hi", stop=stop)).get("stop_sequences") == sent


def test_a_schema_for_the_answer() -> None:
    wanted = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    assert body_for(said("hi", response_format=SHAPE))["output_config"] == {"format": wanted}
    both = body_for(said("hi", response_format=SHAPE, reasoning_effort="low"), SONNET)["output_config"]
    assert both == {"effort": "low", "format": wanted}
    short = {"type": "json_schema", "schema": SCHEMA}
    assert body_for(said("hi", response_format=short))["output_config"] == {"format": wanted}
    assert "output_config" not in body_for(said("hi", response_format={"type": "text"}))


def test_who_the_user_is_stays_here() -> None:
    body = body_for(said("hi", user="ann@example.com", metadata={"a": "b"}, safety_identifier="x", store=True))
    assert body.keys() == {"model", "max_tokens", "messages", "stream"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"n": 2}, "n > 1"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "audio output"),
        ({"audio": {"voice": "x"}}, "audio output"),
        ({"response_format": {"type": "json_object"}}, "json_object"),
        ({"stop": ["\n"]}, "white space"),
    ],
    ids=str,
)
def test_what_another_candidate_may_do(more: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        body_for(said("hi", **more))
    assert (caught.value.fallback, caught.value.blames_provider) == (Fallback.YES, False)


def test_a_schema_where_the_model_takes_none() -> None:
    with pytest.raises(Refused, match="with this model"):
        body_for(said("hi", response_format=SHAPE), "claude-3-5-haiku-20241022")


@pytest.mark.parametrize(
    ("wanted", "words"), [({"type": 3}, "response_format.type"), ({"type": "json_schema"}, "schema must be an object")]
)
def test_bad_formats(wanted: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        body_for(said("hi", response_format=wanted))


def test_the_hub_s_body_is_not_changed() -> None:
    hub = said(("system", "s " * 3000), "a", ("assistant", "b "), tools=[function()], response_format=SHAPE)
    before = repr(hub)
    body_for(hub)
    assert repr(hub) == before


# --- from every face -------------------------------------------------------------------


def test_a_body_of_every_face() -> None:
    tool = function(parameters=SCHEMA)
    asked = (
        OpenAIFace().parse({"model": "m", "messages": USER, "tools": [tool], "reasoning_effort": "low"}),
        ResponsesFace().parse({"model": "m", "input": "hi", "reasoning": {"effort": "low"}}),
        OllamaFace("chat").parse({"model": "m", "messages": USER, "tools": [tool], "think": "low", "format": SCHEMA}),
    )
    for chat in asked:
        for model in (HAIKU, SONNET, OPUS):
            body = chat_body(chat, model, ModelTraits())
            judge(body)
            assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
            assert "thinking" in body


# --- a client of the same dialect ------------------------------------------------------


def native(**more: Any) -> dict[str, Any]:
    own = {"model": "asked", "max_tokens": 9, "messages": USER, "stream": False, **more}
    return client_body(AnthropicFace().parse(own), "claude-opus-5", ModelTraits())


def test_a_client_s_own_body_goes_on_as_it_is() -> None:
    more = {
        "system": [{"type": "text", "text": "x-anthropic-billing-header: a", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "tools": [{"type": "web_search_20260318", "name": "web_search"}, {"name": "f", "input_schema": SCHEMA}],
        "context_management": {"edits": []},
        "top_k": 3,
    }
    assert native(**more) == {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "messages": USER,
        "stream": True,
        **more,
    }


def test_who_the_user_is_and_where_it_goes_are_not_the_client_s_to_say() -> None:
    body = native(metadata={"user_id": "user_1_account_2"}, api_base="http://x", base_url="http://y")
    assert body.keys() == {"model", "max_tokens", "messages", "stream"}
    assert native(metadata={"user_id": "u", "new": 1})["metadata"] == {"new": 1}


def test_thoughts_that_no_provider_signed_are_taken_out() -> None:
    own = {"type": "thinking", "thinking": "t", "signature": "EqQB"}
    linx = {"type": "thinking", "thinking": "t", "signature": opaque_reasoning.UNSIGNED}
    packed = {"type": "redacted_thinking", "data": opaque_reasoning.pack([{"type": "x"}])}
    said_ = {"type": "text", "text": "a"}
    messages = [*USER, {"role": "assistant", "content": [own, linx, packed, said_]}, *USER]
    assert native(messages=messages)["messages"][1]["content"] == [own, said_]
    assert native(messages=[*USER, {"role": "assistant", "content": [linx]}, *USER])["messages"] == USER * 2
