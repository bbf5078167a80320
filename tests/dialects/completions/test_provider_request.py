"""Completions toward providers: bodies of each kind, and llama.cpp's and OpenAI's frames."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.chat import ChatRequest, Chunk, JsonObject, ModelTraits
from linx.core.errors import Refused
from linx.dialects.completions import provider_request as provider
from linx.dialects.completions.face import CompletionsFace
from linx.dialects.openai import servers

TRAITS = ModelTraits()


def chat(**fields: Any) -> ChatRequest:
    return CompletionsFace().parse({"model": "m", "prompt": "a", **fields})


def test_openai_gets_the_body_as_it_is_but_for_what_chooses_a_destination() -> None:
    asked = chat(suffix="b", echo=True, logprobs=3, best_of=2, api_base="http://evil", stream=False, top_k=4)
    body = provider.openai_body(servers.PLAIN, asked, "real", TRAITS)
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
    body = provider.openai_body(servers.OPENROUTER, asked, "real", ModelTraits(thinking_mode=True))
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


def test_ollama_is_asked_to_generate() -> None:
    asked = chat(suffix="b", max_tokens=4, temperature=0.5, stop="x", logprobs=2, user="u")
    body = provider.generate_body(asked, "real", ModelTraits(can_think=True, keep_alive=60, num_ctx=8192))
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
    assert provider.generate_body(chat(logprobs=0), "real", TRAITS) == {
        "model": "real",
        "prompt": "a",
        "stream": True,
        "logprobs": True,
    }


@pytest.mark.parametrize(
    ("make", "fields", "word"),
    [
        (provider.generate_body, {"prompt": [1, 2]}, "tokens"),
        (provider.generate_body, {"max_tokens": 0}, "max_tokens 0"),
        (provider.generate_body, {"best_of": 2}, "best_of"),
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


# --- the decoder ----------------------------------------------------------------------


def frame(text: str, index: int = 0, finish: str | None = None, **more: Any) -> JsonObject:
    top = {"usage": more.pop("usage")} if "usage" in more else {}
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish, **more}
    return {"id": "x", "object": "text_completion", "choices": [choice], **top}


def read(*frames: Any) -> tuple[list[Chunk], provider.CompletionsDecoder]:
    decoder = provider.CompletionsDecoder(lambda: "id")
    wire = b"".join(b"data: %b\n\n" % jsontext.dumps(one) for one in frames) + b"data: [DONE]\n\n"
    chunks = [chunk for byte in range(len(wire)) for chunk in decoder.feed(wire[byte : byte + 1])]
    return chunks + decoder.end(), decoder


def test_a_read_that_is_one_frame_says_the_same() -> None:
    decoder = provider.CompletionsDecoder(lambda: "id")
    frames = [frame("a"), frame("b"), frame("c"), frame("", finish="stop")]
    chunks = [chunk for one in frames for chunk in decoder.feed(b"data: %b\n\n" % jsontext.dumps(one))]
    assert [chunk.text for chunk in chunks] == ["a", "b", "c", ""]


def test_texts_of_several_choices() -> None:
    chunks, decoder = read(None, frame("a"), frame("b", 1), frame("", 1, "length"), frame("", 0, "stop"))
    assert [(chunk.index, chunk.text, chunk.finish) for chunk in chunks] == [
        (0, "a", None),
        (1, "b", None),
        (1, "", "length"),
        (0, "", "stop"),
    ]
    assert decoder.done
    assert decoder.problem is None


@pytest.mark.parametrize(
    "logprobs",
    [
        {
            "content": [
                {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2.0}]}
            ]
        },
        {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -2.0}], "text_offset": [0]},
    ],
    ids=["llama.cpp", "openai"],
)
def test_log_probabilities_in_both_shapes(logprobs: Any) -> None:
    chunks, _decoder = read(frame("a", logprobs=logprobs), frame("", finish="stop"))
    assert chunks[0].logprobs is not None
    (found,) = chunks[0].logprobs
    assert (found["token"], found["logprob"]) == ("a", -1.0)
    assert [(top["token"], top["logprob"]) for top in found["top_logprobs"]] == [("b", -2.0)]


@pytest.mark.parametrize("odd", [5, {"tokens": ["a"]}, {"tokens": ["a"], "token_logprobs": []}])
def test_odd_log_probabilities_are_none(odd: Any) -> None:
    chunks, _decoder = read(frame("a", logprobs=odd), frame("", finish="stop"))
    assert chunks[0].logprobs is None


def test_usage_of_each_choice_adds_up_and_a_total_is_the_total() -> None:
    first = frame("", 0, "stop", usage={"prompt_tokens": 5, "completion_tokens": 1})
    details = {"prompt_tokens_details": {"cached_tokens": 3}}
    second = frame("", 1, "stop", usage={"prompt_tokens": 7, "completion_tokens": 2, **details})
    chunks, _decoder = read(frame("a"), frame("b", 1), first, second)
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [(usage.prompt, usage.completion) for usage in usages] == [(5, 1), (12, 3)]
    assert usages[-1].cached == 3
    whole = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "cost": 0.5}}
    chunks, _decoder = read(frame("a"), first, whole)
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt, chunks[-1].usage.cost_usd) == (9, 0.5)


def test_a_last_frame_need_not_hold_a_text() -> None:
    chunks, decoder = read(frame("a"), {"choices": [{"index": 0, "finish_reason": "length"}]})
    assert [(chunk.text, chunk.finish) for chunk in chunks] == [("a", None), ("", "length")]
    assert decoder.done


def test_what_each_choice_costs_adds_up() -> None:
    frames = [frame("ab"[index], index) for index in (0, 1)]
    for index, cost in enumerate((0.25, 0.5)):
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost": cost}
        frames.append(frame("", index, "stop", usage=usage))
    chunks, _decoder = read(*frames)
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert [(usage.prompt, usage.completion, usage.cost_usd) for usage in usages] == [(5, 1, 0.25), (10, 2, 0.75)]
