"""What tells who asks: what leaves the house on every road, and in which form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.chat import ChatBody, ChatRequest, Dialect, ModelTraits, Task
from linx.dialects import embeddings
from linx.dialects.anthropic import client_request as messages_request
from linx.dialects.anthropic import provider_request as anthropic_request
from linx.dialects.completions import client_request as completions_request
from linx.dialects.completions import provider_request as completions
from linx.dialects.ollama import embeddings as ollama_embeddings
from linx.dialects.ollama import provider_request as ollama_request
from linx.dialects.openai import provider_request, servers
from linx.dialects.shared.identity import MAX_ID, hide_identity
from linx.dialects.untranslated.provider_request import messages_body, responses_body

if TYPE_CHECKING:
    from collections.abc import Callable

# axonhub#1669: Claude Code's user_id.
CLAUDE_CODE = (
    '{"device_id":"' + "0f" * 32 + '","account_uuid":"5d5c1e0a-1111-4222-8333-944455556666",'
    '"session_id":"7e7e7e7e-aaaa-4bbb-8ccc-9dddeeeeffff"}'
)
CURSOR = "google-oauth2|user_01HZX3V9" + "0123456789abcdef" * 3
HI = [{"role": "user", "content": "hi"}]
CODEX = {"x-codex-installation-id": "i-1", "thread_id": "t-1"}


def chat(body: dict[str, Any]) -> ChatRequest:
    return ChatRequest("m", ChatBody({"messages": HI, **body}), client_body=body)


def openai_chat(rules: provider_request.BodyRules) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: provider_request.chat_body(rules, chat(body), "real", ModelTraits())


def completion(body: dict[str, Any]) -> dict[str, Any]:
    asked = completions_request.parse({"model": "m", "prompt": "p", **body})
    return completions.openai_body(servers.PLAIN, None, asked, "real", ModelTraits())


def embedding(body: dict[str, Any]) -> dict[str, Any]:
    asked = embeddings.parse_openai({"model": "m", "input": "p", **body})
    return embeddings.openai_body(asked, "real", ModelTraits())


ROADS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "plain": openai_chat(servers.PLAIN),
    "openrouter": openai_chat(servers.OPENROUTER),
    "llamacpp": openai_chat(servers.LLAMACPP),
    "completions": completion,
    "embeddings": embedding,
    "ollama": lambda body: ollama_request.own_body(chat(body), "real", ModelTraits()),
    "ollama embed": lambda body: ollama_embeddings.own_embed_body(chat(body), "real", ModelTraits()),
    "native responses": lambda body: responses_body(chat(body), "real", ModelTraits()),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", ["user", "safety_identifier", "prompt_cache_key"])
@pytest.mark.parametrize("value", ["u", "u" * 64, "user_01-a.b:c", "7e7e7e7e-aaaa-4bbb-8ccc-9dddeeeeffff"])
def test_an_opaque_id_that_the_client_set_goes_on(road: str, name: str, value: str) -> None:
    assert ROADS[road]({name: value})[name] == value


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("name", ["user", "safety_identifier", "prompt_cache_key"])
@pytest.mark.parametrize(
    "value", ["u" * 65, CLAUDE_CODE, CURSOR, "me@example.org", "Ada Lovelace", "\ud800", "ü", "+44 1234"]
)
def test_any_other_becomes_a_digest_that_stays_the_same(road: str, name: str, value: str) -> None:
    given = {name: value}
    sent = ROADS[road](given)[name]
    assert re.fullmatch("[0-9a-f]{32}", sent)
    assert sent == ROADS[road](given)[name] != ROADS[road]({name: value + "x"})[name]
    assert given == {name: value}, "attempts share the client's body"
    assert len(sent) <= MAX_ID


@pytest.mark.parametrize("road", ROADS)
def test_what_programs_add_of_themselves_stays_here(road: str) -> None:
    theirs = {"client_metadata": CODEX, "litellm_session_id": "s", "litellm_trace_id": "t", "litellm_metadata": {}}
    labels = {"cursorConversationId": "9f2c", "cursorRequestId": "1"}
    sent = ROADS[road]({**theirs, "metadata": labels, "user": ""})
    assert not {*theirs, "metadata", "user"} & sent.keys()
    assert ROADS[road]({"metadata": {**labels, "team": "a"}})["metadata"] == {"team": "a"}


def test_a_session_is_told_to_the_provider_alone_that_has_a_word_for_it() -> None:
    assert ROADS["openrouter"]({"session_id": "s-1"})["session_id"] == "s-1"
    assert re.fullmatch("[0-9a-f]{32}", ROADS["openrouter"]({"session_id": "s" * 200})["session_id"])
    assert "session_id" not in ROADS["plain"]({"session_id": "s-1"})
    assert "session_id" not in ROADS["llamacpp"]({"session_id": "s-1"})


@pytest.mark.parametrize("rules", [servers.PLAIN, servers.OPENROUTER, servers.LLAMACPP])
def test_nothing_of_claude_code_s_user_leaves(rules: provider_request.BodyRules) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": HI, "metadata": {"user_id": CLAUDE_CODE}}
    asked = ChatRequest(
        "m", messages_request.to_chat_body(body), task=Task.CHAT, dialect=Dialect.ANTHROPIC, client_body=body
    )
    bodies = [
        provider_request.chat_body(rules, asked, "real", ModelTraits()),
        anthropic_request.chat_body(asked, "real", ModelTraits()),
        anthropic_request.client_body(asked, "real", ModelTraits()),
        messages_body(asked, "real", ModelTraits()),
    ]
    for sent in bodies:
        assert "device_id" not in str(sent)
        assert not {"user", "metadata", "safety_identifier", "prompt_cache_key"} & sent.keys()


def test_what_is_no_text_is_for_the_provider_to_refuse() -> None:
    body: dict[str, Any] = {"user": 5, "metadata": ["x"], "prompt_cache_key": None}
    hide_identity(body)
    assert body == {"user": 5, "metadata": ["x"], "prompt_cache_key": None}
