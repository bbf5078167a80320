"""The fake Ollama's own endpoints that answer, list or describe; ``ollama_manage`` changes its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes import (
    catalogue,
    ollama_catalogue,
    ollama_context,
    ollama_names,
    ollama_requests,
    ollama_run,
    wire_ollama,
)
from tests.fakes.ollama_answers import bound, framed, json_answer, ndjson, whole
from tests.fakes.ollama_json import go_dumps
from tests.fakes.ollama_refusals import not_found, not_pulled, not_signed_in, refused
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.catalogue import JsonObject
    from tests.fakes.exchange import Exchange, Response
    from tests.fakes.provider import FakeProvider
    from tests.fakes.wire import RequestRefused


def root(_provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return Whole(200, b"Ollama is running", "text/plain; charset=utf-8")


def version(_provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return json_answer({"version": catalogue.OLLAMA_VERSION})


def status(_provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return json_answer({"cloud": {"disabled": False, "source": "none"}})


def tags(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return json_answer(ollama_catalogue.tags(provider.models))


def ps(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return json_answer(ollama_catalogue.ps(provider.ollama.loaded(provider.models)))


def shown(provider: FakeProvider, body: JsonObject) -> JsonObject:
    """Raises RequestRefused."""
    asked = body.get("model") or body.get("name") or ""
    required = refused("model is required")
    if not asked:
        raise required

    def missing(_name: str) -> RequestRefused:
        return not_found(ollama_names.parse(ollama_names.reference(asked).base).shortest)

    model = ollama_run.find_model(provider, asked, "/api/show", empty=required, missing=missing)
    return ollama_catalogue.show(model, body)


def show(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    return json_answer(shown(provider, bound(exchange, ollama_requests.SHOW)))


def chat(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.CHAT)
    run = ollama_run.chat(provider, body, answer)
    if run.what != "answer":
        return json_answer(wire_ollama.chat_loaded(run))
    if body.get("_debug_render_only"):
        return json_answer(wire_ollama.chat_rendered(run))
    if body.get("stream") is False:
        return whole(go_dumps(wire_ollama.chat_whole(run)), run.answer, go_dumps({"error": answer.error}))
    return ndjson(wire_ollama.lines(wire_ollama.chat_parts(run)), run.answer)


def generate(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.GENERATE)
    run = ollama_run.generate(provider, body, answer)
    if run.what != "answer":
        return json_answer(wire_ollama.generate_loaded(run))
    if body.get("stream") is False:
        return whole(go_dumps(wire_ollama.generate_whole(run)), run.answer, go_dumps({"error": answer.error}))
    return ndjson(wire_ollama.lines(wire_ollama.generate_parts(run)), run.answer)


def embedded(provider: FakeProvider, body: JsonObject) -> JsonObject:
    """Raises RequestRefused."""
    name = body.get("model", "")

    def missing(asked: str) -> RequestRefused:
        wire_ollama.inputs_of(body)  # is read before the model is looked for
        return not_pulled(asked)

    model = ollama_run.find_model(provider, name, "/api/embed", empty=not_found(name), missing=missing)
    texts = wire_ollama.inputs_of(body)
    runner = ollama_run.start(provider, model, body)
    return wire_ollama.embed(body, texts, [ollama_context.count(text) for text in texts], model, runner)


def embed(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.EMBED)
    return whole(go_dumps(embedded(provider, body)), answer, go_dumps({"error": answer.error}))


def embeddings(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.EMBEDDINGS)
    name, text = body.get("model", ""), body.get("prompt", "")
    required = refused("model is required")
    model = ollama_run.find_model(provider, name, "/api/embeddings", empty=required, missing=not_pulled)
    runner = ollama_run.start(provider, model, body)
    value = wire_ollama.embeddings(text, ollama_context.count(text), model, runner)
    return whole(go_dumps(value), answer, go_dumps({"error": answer.error}))


# --- the account ---------------------------------------------------------------------------


def me(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    if not provider.ollama.is_online:
        raise refused("account unavailable", 503)
    if provider.ollama.account == "signed out":
        raise not_signed_in()
    user = {"id": "00000000-0000-0000-0000-000000000000", "email": "fake@example.com", "name": "fake", "plan": "free"}
    return json_answer(user)


def signout(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    if not provider.ollama.is_online:
        raise refused("there was an error signing out", 500)
    if provider.ollama.account == "signed out":
        raise refused("you are not currently signed in", 401)
    provider.ollama.account = "signed out"
    return framed(b"null")


def recommendations(_provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return json_answer(ollama_catalogue.RECOMMENDATIONS)


def web(path: str) -> Callable[[FakeProvider, Exchange, Answer], Response]:
    """Web search and fetch are ollama.com's."""

    def endpoint(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
        if not exchange.body.strip():
            raise refused("missing request body")
        ollama_run.check_cloud(provider.ollama, path)
        return json_answer({"results": []} if path.endswith("search") else {"title": "", "content": "", "links": []})

    return endpoint
