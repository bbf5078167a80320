"""Embeddings from Ollama's clients, and asked of an Ollama."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import Dialect, ModelTraits, Task
from linx.core.errors import BadRequest
from linx.dialects.embeddings import openai_body, parse_openai
from linx.dialects.ollama.embeddings import embed_body, own_embed_body, parse_embed, parse_embeddings

TRAITS = ModelTraits()


def test_an_ollama_is_asked_in_its_own_words() -> None:
    chat = parse_openai({"model": "asked", "input": ["a", "b"], "dimensions": 2, "user": "u"})
    body = embed_body(chat, "served", ModelTraits(keep_alive="300"))
    assert body == {"model": "served", "input": ["a", "b"], "dimensions": 2, "keep_alive": 300}


def test_an_ollama_client_may_name_the_dimensions_for_any_provider() -> None:
    given = {"model": "asked", "input": "a", "dimensions": 2, "truncate": True, "options": {"num_ctx": 99}}
    chat = parse_embed(given)
    asked = {"model": "served", "input": ["a"], "encoding_format": "float", "dimensions": 2}
    assert openai_body(chat, "served", TRAITS) == asked
    assert own_embed_body(chat, "served", TRAITS) == {**given, "model": "served"}


def test_an_ollama_takes_no_tokens_so_another_may() -> None:
    chat = parse_openai({"model": "m", "input": [1, 2]})
    with pytest.raises(Refused, match="tokens") as caught:
        embed_body(chat, "m", TRAITS)
    assert caught.value.fallback is Fallback.YES


def test_an_ollama_client_keeps_its_body() -> None:
    given = {"model": "asked", "input": "a", "truncate": False, "options": {"num_ctx": 99}, "keep_alive": 3, "x": 1}
    body = own_embed_body(parse_embed(given), "served", ModelTraits(keep_alive=9))
    assert body == {**given, "model": "served"}
    given = {"model": "asked", "prompt": "a", "x": 1}
    body = own_embed_body(parse_embeddings(given), "served", ModelTraits(keep_alive=9))
    assert body == {**given, "model": "served", "keep_alive": 9}


@pytest.mark.parametrize("given", [7, {"a": 1}, ["a", 1], [[1]]])
def test_ollama_input_is_texts_alone(given: Any) -> None:
    with pytest.raises(BadRequest, match="invalid input type"):
        parse_embed({"model": "m", "input": given})


def test_the_two_endpoints_are_two_dialects() -> None:
    new, old = parse_embed({"model": "m", "input": "a"}), parse_embeddings({"model": "m", "prompt": "a"})
    assert (new.dialect, old.dialect) == (Dialect.OLLAMA_EMBED, Dialect.OLLAMA_EMBEDDINGS)
    assert new.task is old.task is Task.EMBED


@pytest.mark.parametrize("parse", [parse_embed, parse_embeddings])
@pytest.mark.parametrize(
    "more", [{"model": ""}, {"model": None}, {"model": 3}, {"options": 5}, {"options": {"seed": "x"}}]
)
def test_other_fields_are_checked_too(parse: Any, more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        parse({"model": "m", "input": "a", "prompt": "a", **more})


@pytest.mark.parametrize("dimensions", [0, -1, None])
def test_odd_dimensions_mean_all_of_them(dimensions: int | None) -> None:
    assert parse_embed({"model": "m", "input": "a", "dimensions": dimensions}).embedding.dimensions is None
