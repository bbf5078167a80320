"""Text completions toward servers of OpenAI's dialect, from clients of both paths that ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Refused
from linx.core.chat import ChatRequest, ModelTraits
from linx.dialects.completions import provider_request as provider
from linx.dialects.completions.face import CompletionsFace
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai import servers

TRAITS = ModelTraits()


def chat(**fields: Any) -> ChatRequest:
    return CompletionsFace().parse({"model": "m", "prompt": "a", **fields})


def test_openai_gets_the_body_as_it_is_but_for_what_chooses_a_destination() -> None:
    asked = chat(suffix="b", echo=True, logprobs=3, best_of=2, api_base="http://evil", stream=False, top_k=4)
    body = provider.openai_body(servers.PLAIN, None, asked, "real", TRAITS)
    assert body == {
        "model": "real",
        "prompt": "a",
        "suffix": "b",
        "echo": True,
        "logprobs": 3,
        "best_of": 2,
        "top_k": 4,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_chat_words_do_not_reach_a_text() -> None:
    asked = chat(tools=[{"type": "function"}], reasoning={"effort": "low"}, response_format={"type": "text"})
    body = provider.openai_body(servers.OPENROUTER, None, asked, "real", ModelTraits(thinking_mode=True))
    assert body.keys() == {"model", "prompt", "stream", "stream_options"}


def test_llamacpp_is_not_sent_what_it_would_pass_over() -> None:
    body = provider.llamacpp_body(chat(echo=True, best_of=1, grammar="g", stop=["x"]), "real", TRAITS)
    assert body["grammar"] == "g"
    assert not body.keys() & {"echo", "best_of", "suffix"}
    assert provider.llamacpp_body(chat(logprobs=0), "real", TRAITS)["logprobs"] == 1


def test_infill_names_the_two_texts() -> None:
    body = provider.infill_body(chat(suffix="b", max_tokens=4, temperature=0, logprobs=2), "real", TRAITS)
    expected = {"model": "real", "input_prefix": "a", "input_suffix": "b", "n_predict": 4, "temperature": 0}
    assert body == {**expected, "stream": True}


@pytest.mark.parametrize(
    ("make", "fields", "word"),
    [
        (provider.llamacpp_body, {"best_of": 2}, "best_of"),
        (provider.llamacpp_body, {"echo": True, "logprobs": 1}, "echo"),
        (provider.llamacpp_body, {"echo": True, "prompt": [1, 2]}, "tokens"),
        (provider.infill_body, {"suffix": "b", "prompt": [1, 2]}, "tokens"),
    ],
)
def test_what_a_kind_cannot_do_lets_another_try(make: Any, fields: Any, word: str) -> None:
    with pytest.raises(Refused) as caught:
        make(chat(**fields), "real", TRAITS)
    assert word in caught.value.problem
    assert caught.value.code == "unsupported_feature"


def test_token_prompts_reach_llamacpp() -> None:
    assert provider.llamacpp_body(chat(prompt=[[1], [2]]), "real", TRAITS)["prompt"] == [[1], [2]]


# --- raw or with a suffix, from /api/generate -----------------------------------------

OPTIONS = {"num_predict": 5, "temperature": 0, "top_k": 3, "repeat_penalty": 1.1, "stop": ["\n"], "num_ctx": 512}
THINKING = ModelTraits(thinking_mode=True)


def generate(**fields: Any) -> ChatRequest:
    return OllamaFace("generate").parse({"model": "m", "prompt": "def f(", **fields})


def test_a_prompt_goes_to_completions_past_the_template() -> None:
    assert provider.llamacpp_body(generate(raw=True, options=OPTIONS), "served", THINKING) == {
        "model": "served",
        "prompt": "def f(",
        "max_tokens": 5,
        "temperature": 0,
        "top_k": 3,
        "repeat_penalty": 1.1,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_each_server_gets_what_it_knows() -> None:
    asked = generate(suffix=")", options=OPTIONS, system="be brief", format="json", think=True)
    body = provider.openai_body(servers.PLAIN, None, asked, "served", THINKING)
    assert not body.keys() & {"top_k", "repeat_penalty", "response_format", "think", "reasoning_effort", "system"}
    assert (body["prompt"], body["suffix"]) == ("def f(", ")")
    body = provider.openai_body(servers.OPENROUTER, None, asked, "served", THINKING)
    assert (body["top_k"], body["repetition_penalty"]) == (3, 1.1)


def test_plain_servers_are_told_a_length_for_clients_that_do_not_know_how_soon_they_stop() -> None:
    def length(asked: ChatRequest, usual: int | None = provider.USUAL_LENGTH) -> int | None:
        limit: int | None = provider.openai_body(servers.PLAIN, usual, asked, "m", THINKING).get("max_tokens")
        return limit

    assert length(generate(raw=True)) == provider.USUAL_LENGTH
    assert length(generate(raw=True, options={"num_predict": 3})) == 3
    assert length(generate(raw=True), None) is None
    assert length(chat()) is None


def test_log_probabilities_are_asked_for_from_either_path() -> None:
    assert provider.llamacpp_body(generate(raw=True, logprobs=True, top_logprobs=3), "m", TRAITS)["logprobs"] == 3
    assert provider.llamacpp_body(generate(raw=True, logprobs=True), "m", TRAITS)["logprobs"] == 1
    assert "logprobs" not in provider.llamacpp_body(generate(raw=True, top_logprobs=3), "m", TRAITS)


def test_infill_is_the_same_from_either_path() -> None:
    mine = provider.infill_body(generate(suffix=")", options={"num_predict": 5, "temperature": 0}), "served", TRAITS)
    theirs = provider.infill_body(chat(prompt="def f(", suffix=")", max_tokens=5, temperature=0), "served", TRAITS)
    assert mine == theirs
    assert (mine["input_prefix"], mine["input_suffix"], mine["n_predict"]) == ("def f(", ")", 5)
