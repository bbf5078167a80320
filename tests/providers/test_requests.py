"""The ways to ask a provider: which row a request gets, and that every row can be used."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import ChatRequest
from linx.providers.requests import KINDS, NATIVE, WAYS, task_of, way_for

CHAT_BODY = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}


def chat(dialect: str = "openai", native: dict[str, Any] | None = None) -> ChatRequest:
    return ChatRequest("asked", dict(CHAT_BODY), dialect=dialect, native=native)


@pytest.mark.parametrize(
    ("request_", "task"),
    [
        (chat(), "openai"),
        (chat("ollama", {"messages": []}), "ollama"),
        (chat("ollama_generate", {"prompt": "a"}), "ollama_generate"),
        (chat("ollama_generate", {"prompt": "a", "raw": True}), "completion"),
        (chat("ollama_generate", {"prompt": "a", "suffix": "b"}), "insert"),
        (chat("ollama_generate"), "ollama_generate"),
        (chat("anthropic", {}), "anthropic"),
    ],
)
def test_what_a_request_wants(request_: ChatRequest, task: str) -> None:
    assert task_of(request_) == task


def test_every_way_makes_a_decoder_and_what_is_no_chat_may_be_lacking() -> None:
    for (kind, task), way in WAYS.items():
        assert way.decoder(str).problem is None, (kind, task)
        assert way.path.startswith("/")
        assert way.lacks is not None or kind == "ollama", (kind, task)
        assert way_for(kind, chat(), is_native=False) is KINDS[kind]


@pytest.mark.parametrize("dialect", NATIVE)
def test_its_own_words_only_where_that_is_configured_and_known(dialect: str) -> None:
    request = chat(dialect, {"model": "asked"})
    assert way_for("openai", request, is_native=True) is NATIVE[dialect]
    assert way_for("openai", request, is_native=False) is KINDS["openai"]
    assert way_for("openai", chat(dialect), is_native=True) is KINDS["openai"]
