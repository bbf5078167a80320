"""What is said of mappings to models that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.providers.auto import ANY_CHAT
from linx.providers.missing import MissingModel, command_for, lacking, missing_models, problems
from linx.routing.demand import Demand
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from linx.providers.provider import Provider


def ollama(*names: str, host: str = "localhost", port: int = 11434, **mappings: Any) -> Provider:
    one = provider("ollama", kind="ollama", host=host, model_mappings=mappings, endpoint=f"http://{host}:{port}")
    one.listed_at = 0.0
    return has(one, *names)


def test_the_mapping_the_command_and_the_names_that_are_there() -> None:
    mappings: dict[str, Any] = {"gpt-4o": "qwen2.5-coder:32b", "default": "llama3.3", "m": "gemma3:4b"}
    one = ollama("qwen2.5-coder:7b", "gemma3:4b", **mappings)
    assert missing_models(one) == (
        MissingModel("gpt-4o", "qwen2.5-coder:32b", "ollama pull qwen2.5-coder:32b", ("qwen2.5-coder:7b",)),
        MissingModel("default", "llama3.3", "ollama pull llama3.3", ("qwen2.5-coder:7b", "gemma3:4b")),
    )
    assert str(missing_models(one)[0]) == (
        "gpt-4o is mapped to qwen2.5-coder:32b, which is not there: ollama pull qwen2.5-coder:32b "
        "(there is qwen2.5-coder:7b)"
    )


@pytest.mark.parametrize(
    "form",
    ["m", "m:latest", "M", "library/m", "registry.ollama.ai/library/m:latest", "m:cloud", "big:120b-cloud", "auto"],
)
def test_what_is_there_in_any_form_is_not_missing(form: str) -> None:
    assert missing_models(ollama("m:latest", x=form)) == ()


def test_where_the_list_is_not_known_nothing_is_missing() -> None:
    one = ollama(x="m")
    one.listed_at = None
    one.models_changed()
    assert missing_models(one) == ()


@pytest.mark.parametrize("kind", ["openai", "llamacpp", "openrouter"])
def test_elsewhere_a_list_does_not_have_all(kind: str) -> None:
    """A llama.cpp answers to any name; OpenRouter's list leaves out variants, presets and models for embeddings."""
    one = has(provider("a", kind=kind, model_mappings={"x": "local-model"}), "some.gguf")
    one.listed_at = 0.0
    one.models_changed()
    assert missing_models(one) == ()
    assert one.mapped("x") == "local-model"


@pytest.mark.parametrize(
    ("host", "port", "command"),
    [
        ("localhost", 11434, "ollama pull m"),
        ("127.0.0.1", 11434, "ollama pull m"),
        ("localhost", 11500, "OLLAMA_HOST=http://localhost:11500 ollama pull m"),
        ("192.168.1.20", 11434, "OLLAMA_HOST=http://192.168.1.20:11434 ollama pull m"),
    ],
)
def test_the_command_reaches_that_ollama(host: str, port: int, command: str) -> None:
    assert command_for(ollama(host=host, port=port), "m") == command


def test_only_an_ollama_gets_models_by_a_command() -> None:
    assert command_for(provider("a", kind="llamacpp"), "m") == ""


WISHES: dict[str, Any] = {"chat": ANY_CHAT, "embeddings": Demand(one_model=True)}


@pytest.mark.parametrize(
    ("names", "wish", "words"),
    [
        ([], "chat", "ollama: there is no model yet: ollama pull qwen3:4b."),
        (["nomic-embed-text"], "chat", "ollama: there is no model yet: ollama pull qwen3:4b."),
        (
            ["qwen3:4b", "llama3.2"],
            "embeddings",
            "ollama: there is no model for embeddings yet: ollama pull nomic-embed-text.",
        ),
        (["qwen3:4b"], "chat", None),
    ],
)
def test_why_auto_stands_for_nothing(names: list[str], wish: str, words: str | None) -> None:
    assert lacking(ollama(*names, default="auto"), "gpt-4o", WISHES[wish]) == words


def test_of_many_remote_models_none_is_chosen() -> None:
    one = has(provider("far", local=False, model_mappings={"default": "auto"}), "a", "b")
    words = 'far: "auto" stands for no model, since there are several, of any price; a mapping may name one of them.'
    assert lacking(one, "x", ANY_CHAT) == words
    assert lacking(has(provider("far", local=False), "a", "b"), "x", ANY_CHAT) is None


def test_all_that_is_to_be_said() -> None:
    one = ollama(m="gone", default="auto")
    assert problems(one) == (
        "m is mapped to gone, which is not there: ollama pull gone",
        "there is no model yet: ollama pull qwen3:4b",
    )
    one.listed_at = None
    one.models_changed()
    assert problems(one) == ()


def test_a_client_is_not_told_where_the_provider_is() -> None:
    one = ollama(m="gone", default="auto", host="192.168.1.20")
    assert lacking(one, "m", ANY_CHAT) == "ollama: m is mapped to gone, which is not there: ollama pull gone."
    assert lacking(one, "x", ANY_CHAT) == "ollama: there is no model yet: ollama pull qwen3:4b."
    assert problems(one)[1] == "there is no model yet: OLLAMA_HOST=http://192.168.1.20:11434 ollama pull qwen3:4b"
