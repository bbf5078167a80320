"""The HTTP requests to one provider: where they go, and which headers they carry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import linx
from linx.core.chat import ChatBody, ChatRequest, Dialect
from linx.providers.http_requests import HOP_HEADER
from linx.providers.kind import x_api_key
from linx.providers.kinds import KINDS
from linx.providers.provider import Provider
from tests.providers.asked import sending
from tests.routing.world import provider

if TYPE_CHECKING:
    from linx.upstream.pool import Sending

CHAT_BODY: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}


def chat(**fields: Any) -> ChatRequest:
    return ChatRequest("asked", ChatBody({**CHAT_BODY, **fields}))


def fields_of(sending: Sending) -> dict[bytes, bytes]:
    names = [name for name, _value in sending.headers]
    assert len(names) == len(set(names))
    return dict(sending.headers)


@pytest.mark.parametrize(
    ("kind", "endpoint", "chat_path", "list_path"),
    [
        ("ollama", "http://localhost:11434", b"/api/chat", b"/v1/models"),
        ("ollama", "http://localhost:11434/v1", b"/api/chat", b"/v1/models"),
        ("ollama", "http://nas.local/ollama/", b"/ollama/api/chat", b"/ollama/v1/models"),
        ("llamacpp", "http://localhost:8081", b"/v1/chat/completions", b"/v1/models"),
        ("openrouter", "https://openrouter.ai/api/v1", b"/api/v1/chat/completions", b"/api/v1/models"),
        ("openai", "https://api.groq.com/openai/v1/", b"/openai/v1/chat/completions", b"/openai/v1/models"),
        ("openai", "https://api.openai.com", b"/v1/chat/completions", b"/v1/models"),
        ("anthropic", "https://api.anthropic.com", b"/v1/messages", b"/v1/models"),
        ("anthropic", "https://api.anthropic.com/v1/", b"/v1/messages", b"/v1/models"),
        ("anthropic", "https://other.test/anthropic", b"/anthropic/v1/messages", b"/anthropic/v1/models"),
    ],
)
def test_where_it_is_asked(kind: Any, endpoint: str, chat_path: bytes, list_path: bytes) -> None:
    one = provider("a", kind=kind, endpoint=endpoint)
    asked = sending(one, chat())
    assert (asked.method, asked.target) == (b"POST", chat_path)
    listing = one.http.get("/models", under_api=True)
    assert (listing.method, listing.target, listing.body) == (b"GET", list_path, b"")
    posted = one.http.post("/x", {"a": 1}, under_api=True)
    assert posted.target == list_path.replace(b"/models", b"/x")
    assert posted.body == b'{"a":1}'
    root = list_path.removesuffix(b"/v1/models")
    assert one.http.get("/api/tags").target == root + b"/api/tags"
    assert one.http.post("/api/show", {}).target == root + b"/api/show"
    assert one.http.relayed(b"POST", "/api/pull", b"hop").target == root + b"/api/pull"
    assert one.http.relayed(b"POST", "/rerank", b"hop", under_api=True).target == list_path.replace(
        b"/models", b"/rerank"
    )


def test_its_headers_are_built_and_configured_ones_win() -> None:
    headers = {"X-Title": "Linx", "User-Agent": "mine", "AUTHORIZATION": "Basic abc"}
    one = provider("a", api_key="sk-secret", headers=headers)
    sent = fields_of(sending(one, chat(), hop=b"hop-1, hop-2"))
    assert sent == {
        b"content-type": b"application/json",
        b"accept": b"text/event-stream, application/json",
        b"accept-encoding": b"identity",
        b"user-agent": b"mine",
        b"authorization": b"Basic abc",
        b"x-title": b"Linx",
        HOP_HEADER: b"hop-1, hop-2",
    }
    plain = provider("a", api_key="sk-secret")
    assert fields_of(plain.http.get("/x"))[b"authorization"] == b"Bearer sk-secret"
    assert fields_of(plain.http.get("/x"))[b"user-agent"] == f"linx/{linx.__version__}".encode()
    assert b"authorization" not in fields_of(provider("a").http.get("/x"))
    assert "sk-secret" not in repr(plain)
    assert "sk-secret" not in repr(plain.config)


def test_a_relayed_request_has_its_own_content_type_and_body() -> None:
    one = provider("a", api_key="k", headers={"Accept": "x/y"})
    sent = one.http.relayed(b"PUT", "/x", b"hop", b"body", content_type=b"audio/wav")
    assert fields_of(sent)[b"content-type"] == b"audio/wav"
    assert fields_of(sent)[b"accept"] == b"*/*"
    assert fields_of(sent)[HOP_HEADER] == b"hop"
    assert (sent.method, sent.body) == (b"PUT", b"body")


def test_the_key_and_the_headers_of_its_kind() -> None:
    kind = replace(KINDS["openai"], auth=x_api_key, headers=((b"anthropic-version", b"1"),))
    one = Provider(provider("a", api_key="k", native=True).config, kind)
    sent = fields_of(one.http.get("/x"))
    assert (sent[b"x-api-key"], sent[b"anthropic-version"]) == (b"k", b"1")
    assert b"authorization" not in sent
    own = ((b"anthropic-version", b"2"), (b"anthropic-beta", b"b"))
    asked = ChatRequest("asked", ChatBody(CHAT_BODY), dialect=Dialect.ANTHROPIC, client_body=CHAT_BODY, headers=own)
    sent = fields_of(sending(one, asked))
    assert (sent[b"anthropic-version"], sent[b"anthropic-beta"]) == (b"2", b"b")
