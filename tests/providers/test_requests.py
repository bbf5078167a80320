"""The requests that several kinds share: that each can be used, and what is said where one cannot."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import ChatRequest, ModelTraits, Task
from linx.core.errors import Fallback, Refused
from linx.providers.requests import UNTRANSLATED, ProviderRequest, lacking, task_of

CHAT_BODY = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}


def chat(dialect: str = "openai", native: dict[str, Any] | None = None) -> ChatRequest:
    return ChatRequest("asked", dict(CHAT_BODY), dialect=dialect, native=native)


@pytest.mark.parametrize(
    ("request_", "task"),
    [
        (chat(), Task.CHAT),
        (chat("ollama", {"messages": []}), Task.CHAT),
        (chat("ollama_generate", {"prompt": "a"}), Task.CHAT),
        (chat("ollama_generate", {"prompt": "a", "raw": True}), Task.COMPLETE),
        (chat("ollama_generate", {"prompt": "a", "suffix": "b"}), Task.INSERT),
        (chat("ollama_generate"), Task.CHAT),
        (chat("anthropic", {}), Task.CHAT),
        (chat("completions", {"prompt": "a"}), Task.COMPLETE),
        (chat("completions", {"prompt": "a", "suffix": "b"}), Task.INSERT),
        (chat("embeddings", {}), Task.EMBED),
        (chat("ollama_embed", {}), Task.EMBED),
        (chat("ollama_embeddings", {}), Task.EMBED),
    ],
)
def test_what_a_request_wants(request_: ChatRequest, task: Task) -> None:
    assert task_of(request_) is task


@pytest.mark.parametrize("request_", UNTRANSLATED.values(), ids=UNTRANSLATED)
def test_what_goes_untranslated_may_be_lacking_and_takes_the_headers(request_: ProviderRequest) -> None:
    assert request_.lacks is not None
    assert request_.takes_headers
    assert request_.decoder(str).problem is None


def test_what_a_kind_cannot_do_is_refused_when_its_body_is_to_be_written() -> None:
    request = lacking("embeddings")
    assert request.decoder(str).problem is None
    with pytest.raises(Refused) as caught:
        request.body(chat(), "m", ModelTraits())
    assert caught.value.problem == "does not support embeddings"
    assert (caught.value.code, caught.value.fallback) == ("unsupported_feature", Fallback.YES)
    assert not caught.value.blames_provider
