"""Lists of models as servers send them. Where the shapes come from is said beside them."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Garbled
from linx.dialects.openai.model_list import abilities, context_of, plain_name, read_page

UUID = "429b9e8b-d99e-44de-91ad-706cf8183658"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ([{"id": "a"}, {"id": "b"}], ["a", "b"]),  # Together, and GitHub's catalogue
        (["a", "b"], ["a", "b"]),
        ({"data": ["a", "b"]}, ["a", "b"]),
        ({"models": ["a", "b"]}, ["a", "b"]),
        ({"models": [{"name": "a", "endpoints": ["chat"]}, {"name": "b"}]}, ["a", "b"]),  # Cohere (kilocode#10563)
        ({"models": [{"name": "models/a"}, {"name": "models/b"}]}, ["a", "b"]),  # Gemini (chatbox#2318)
        ({"data": [{"id": "models/a", "object": "model"}, {"id": "b"}]}, ["a", "b"]),  # Gemini's OpenAI address
        # Cloudflare (aichat#1000)
        (
            {"success": True, "errors": [], "result": [{"id": UUID, "name": "@cf/a"}, {"name": "@cf/b"}]},
            ["@cf/a", "@cf/b"],
        ),
        (
            {"endpoints": [{"name": "a", "id": "88fd3f75a0d24b0380ddc40484d7a31b"}]},
            ["a"],
        ),  # Databricks (MLflow's client)
        ([{"id": "azureml://registries/azure-openai/models/gpt-4o/versions/2", "name": "gpt-4o"}], ["gpt-4o"]),
        ([{"id": "openai/gpt-4.1", "name": "OpenAI GPT-4.1"}], ["openai/gpt-4.1"]),
        ({"models": {"a": {"x": 1}, "b": {}}}, ["a", "b"]),
        ({"data": {"models": [{"id": "a"}]}}, ["a"]),
        ({"models": [{"model": "a"}, {"key": "b"}]}, ["a", "b"]),
        ({"data": [{"id": ""}, {"id": 7}, {"name": "x"}, 5, None, {"id": "a"}]}, ["x", "a"]),
        ({"data": []}, []),
        ({"data": None}, []),
        ([], []),
    ],
)
def test_the_names_in_every_shape(value: Any, names: list[str]) -> None:
    assert list(read_page(value).entries) == names


@pytest.mark.parametrize(
    "value", [{}, {"data": 7}, {"data": {}}, "hello", 7, None, {"data": [7]}, {"models": [{"size": 1}]}, {"ok": True}]
)
def test_what_is_not_understood_is_said_in_plain_words(value: Any) -> None:
    with pytest.raises(Garbled) as caught:
        read_page(value)
    assert "list of models" in caught.value.problem
    assert "object" not in caught.value.problem
    assert "'" not in caught.value.problem


@pytest.mark.parametrize(
    ("value", "query"),
    [
        ({"models": [], "next_page_token": "a+b/c="}, "page_token=a%2Bb%2Fc%3D"),
        ({"models": [], "nextPageToken": "x-1"}, "pageToken=x-1"),
        ({"models": [], "nextPageToken": ""}, None),
        ({"models": [], "nextPageToken": "a b"}, None),
        ({"models": [], "nextPageToken": 7}, None),
        ([], None),
    ],
)
def test_the_next_page(value: Any, query: str | None) -> None:
    assert read_page(value).next_page == query


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        ({"context_length": 5}, 5),
        ({"max_context_length": 6}, 6),  # Mistral
        ({"inputTokenLimit": 7}, 7),  # Gemini
        ({"limits": {"max_input_tokens": 8, "max_output_tokens": 1}}, 8),  # GitHub's catalogue
        ({"capabilities": {"limits": {"max_context_window_tokens": 9}}}, 9),  # Copilot
        ({"properties": [{"property_id": "x"}, 5, {"property_id": "context_window", "value": "10"}]}, 10),  # Cloudflare
        ({"properties": [{"property_id": "context_window", "value": "many"}]}, None),
        ({"properties": [{"property_id": "context_window", "value": "9" * 5000}]}, None),
        ({"metadata": {"context_length": 11}}, 11),
        ({"context_length": True, "limits": [], "properties": {}}, None),
        ({}, None),
    ],
)
def test_the_context_length(entry: dict[str, Any], length: int | None) -> None:
    assert context_of(entry) == length


def test_a_prefix_that_is_part_of_no_name() -> None:
    assert [plain_name(name) for name in ("models/a", "a", "my-models/a")] == ["a", "a", "my-models/a"]


@pytest.mark.parametrize(
    ("words", "listed", "shown"),
    [
        (
            {"completion", "tools", "thinking"},
            {},
            ["max_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "reasoning", "reasoning_effort"],
        ),
        ({"completion"}, {"supported_parameters": ["seed", "x", 1, "tools"]}, ["tools", "seed"]),
        ({"completion"}, {"supported_parameters": ["seed", {}]}, ["max_tokens", "temperature", "top_p", "stop"]),
        ({"completion"}, {"supported_parameters": ["seed"] * 65}, ["max_tokens", "temperature", "top_p", "stop"]),
        ({"completion"}, {"supported_parameters": "tools"}, ["max_tokens", "temperature", "top_p", "stop"]),
        ({"embedding"}, {}, []),
    ],
    ids=["made", "given", "an object", "too many", "no list", "embedding"],
)
def test_the_parameters_of_a_model(words: set[str], listed: dict[str, Any], shown: list[str]) -> None:
    assert abilities(frozenset(words), listed)["supported_parameters"] == shown


def test_the_abilities_of_a_model() -> None:
    seeing = abilities(frozenset({"vision", "completion", "tools", "unheard of"}), {})
    assert seeing["capabilities"] == ["completion", "tools", "vision", "tool_use"]
    assert seeing["architecture"] == {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
    assert abilities(frozenset({"embedding"}), {})["architecture"]["output_modalities"] == ["embeddings"]
