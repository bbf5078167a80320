"""Which endpoints each kind has, and what it answers on them.

One table a kind: (method, path) to a function that takes the provider, the request and the
Answer in force, and returns the response. What a kind does not have is its own 404 or 405.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from linx.core import jsontext
from tests.fakes import (
    catalogue,
    ollama_names,
    ollama_routes,
    wire_anthropic,
    wire_anthropic_checks,
    wire_native,
    wire_openai,
)
from tests.fakes.catalogue import JsonObject, Kind, Model
from tests.fakes.exchange import Exchange, Response, Stream
from tests.fakes.scripted import Answer, Reply, Whole
from tests.fakes.wire import Frame, RequestRefused

if TYPE_CHECKING:
    from tests.fakes.provider import FakeProvider

Endpoint = Callable[["FakeProvider", Exchange, Answer], Response]

_HEADERS: Mapping[Kind, Sequence[tuple[str, str]]] = {
    "ollama": (),
    "openai": (("Server", "cloudflare"), ("x-request-id", "req_fake"), ("Set-Cookie", "__cf_bm=fake; path=/")),
    "openrouter": (("Server", "cloudflare"), ("X-Generation-Id", "gen-fake"), ("Set-Cookie", "__cf_bm=fake; path=/")),
    "llamacpp": (("Server", "llama.cpp"), ("Access-Control-Allow-Origin", "")),
    "anthropic": (("Server", "cloudflare"), ("request-id", wire_anthropic.REQUEST_ID)),
}
_PUBLIC = {"/health", "/v1/health", "/models", "/v1/models", "/", "/api/v1/models"}
"""Answered without a key, where there is one (llama.cpp, OpenRouter)."""


def response_to(provider: FakeProvider, exchange: Exchange, reply: Reply) -> Response:
    """The response that this reply makes for this request."""
    if not isinstance(reply, Answer) and (
        exchange.is_call or not provider.at.keys().isdisjoint((exchange.path, exchange.target))
    ):
        return _with_headers(provider.kind, reply)
    answer = reply if isinstance(reply, Answer) else Answer()
    try:
        _check_access(provider, exchange)
        if provider.kind == "ollama":
            response = ollama_routes.respond(provider, exchange, answer)
        else:
            response = _find(provider.kind, exchange)(provider, exchange, answer)
    except RequestRefused as refused:
        response = Whole(refused.status, _dumps(refused.body), refused.content_type, refused.headers)
    return _with_headers(provider.kind, response)


def find_model(kind: Kind, models: Sequence[Model], name: object) -> Model | None:
    for model in models:
        if model.name == name or (kind == "ollama" and ollama_names.same(str(name), model.name)):
            return model
    return None


def _with_headers(kind: Kind, response: Response) -> Response:
    if isinstance(response, Whole | Stream):
        return replace(response, headers=[*_HEADERS[kind], *response.headers])
    return response


def _dumps(value: object) -> bytes:
    return value if isinstance(value, bytes) else jsontext.dumps(value)


def _json(value: object, status: int = 200) -> Whole:
    return Whole(status, _dumps(value))


# --- who may ask, and where ---------------------------------------------------------------


def _check_access(provider: FakeProvider, exchange: Exchange) -> None:
    kind, headers = provider.kind, exchange.headers
    if kind == "anthropic":
        wire_anthropic_checks.check_headers(headers, provider.api_key)
        return
    if kind == "ollama" and not (_ollama_trusts(headers.get("host", "")) and _is_local_origin(headers.get("origin"))):
        raise RequestRefused(403, b"")
    is_public = exchange.path in _PUBLIC and kind != "openai"
    given = headers.get("authorization", "").removeprefix("Bearer ")
    if provider.api_key is not None and not is_public and given != provider.api_key:
        # Some real ones repeat the key, which is why a gateway has to redact.
        message = f"Incorrect API key provided: {given}" if kind == "openai" else "Invalid API Key"
        raise RequestRefused(401, wire_openai.error_body(kind, 401, message, "invalid_api_key"))
    if provider.loading and kind == "llamacpp" and exchange.path not in {"/models", "/v1/models"}:
        raise RequestRefused(503, wire_openai.error_body(kind, 503, "Loading model"))


def _ollama_trusts(host: str) -> bool:
    """Ollama on a loopback address answers only names of the neighbourhood."""
    name = host.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(name).is_private
    except ValueError:
        return name in ("", "localhost") or name.endswith((".localhost", ".local", ".internal"))


def _is_local_origin(origin: str | None) -> bool:
    return origin is None or "//localhost" in origin or "//127.0.0.1" in origin


def _find(kind: Kind, exchange: Exchange) -> Endpoint:
    table = TABLES[kind]
    path = exchange.path
    method = "GET" if exchange.method == "HEAD" and kind != "openai" else exchange.method
    found = table.get((method, path))
    if found is None:
        for (listed, prefix), endpoint in table.items():
            if prefix.endswith("*") and listed in (method, exchange.method) and path.startswith(prefix[:-1]):
                return endpoint
    if found is not None:
        return found
    if kind == "anthropic":
        is_known = any(listed == path for _method, listed in table)
        raise wire_anthropic.refuse(*(("Method Not Allowed", 405) if is_known else ("Not Found", 404)))
    if any(listed == path for _method, listed in table):
        raise RequestRefused(405, wire_openai.error_body(kind, 405, "Method Not Allowed"))
    message = "File Not Found" if kind == "llamacpp" else f"Invalid URL ({exchange.method} {path})"
    raise RequestRefused(404, wire_openai.error_body(kind, 404, message))


# --- Anthropic ----------------------------------------------------------------------------


def _anthropic_body(provider: FakeProvider, exchange: Exchange, *, is_count: bool = False) -> tuple[JsonObject, Model]:
    try:
        body = exchange.json
    except ValueError:
        raise wire_anthropic.refuse("The request body is not valid JSON") from None
    wire_anthropic_checks.check_fields(body, is_count=is_count)
    model = provider.model(body["model"])
    if model is None:
        raise wire_anthropic.refuse(f"model: {body['model']}", 404)
    wire_anthropic_checks.check(body, model, exchange.headers)
    return body, model


def _anthropic_messages(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body, model = _anthropic_body(provider, exchange)
    if not body.get("stream"):
        error = wire_anthropic.error_body(500, answer.error)
        return _whole(wire_anthropic.messages_whole(body, answer, model), answer, error)
    frames = wire_anthropic.messages_frames(body, answer, model)
    headers = [("Cache-Control", "no-cache")]
    content_type = "text/event-stream; charset=utf-8"
    return Stream(frames, content_type, answer, wire_anthropic.error_frame(answer), headers)


def _anthropic_count(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    _anthropic_body(provider, exchange, is_count=True)
    return _json({"input_tokens": answer.prompt_tokens})


def _anthropic_models(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    query = dict(parse_qsl(exchange.target.partition("?")[2]))
    return _json(wire_anthropic.model_list(provider.models, query))


def _anthropic_model(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    name = unquote(exchange.path.partition("/models/")[2])
    model = provider.model(name)
    if model is None:
        raise wire_anthropic.refuse(f"model: {name}", 404)
    return _json(wire_anthropic.model_info(model))


# --- the OpenAI kinds ---------------------------------------------------------------------

Frames = Callable[[Kind, JsonObject, Answer, str], list[Frame]]
Body = Callable[[Kind, JsonObject, Answer, str], JsonObject]


def _openai_body(provider: FakeProvider, exchange: Exchange) -> tuple[JsonObject, str]:
    """The request's body, and the model's name as this kind reports it."""
    kind = provider.kind

    def refuse(message: str, status: int = 400, **more: Any) -> RequestRefused:
        return RequestRefused(status, wire_openai.error_body(kind, status, message, **more))

    try:
        body = exchange.json
    except ValueError:
        raise refuse("We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise refuse("The body must be a JSON object.")
    for name in sorted(provider.refuses & body.keys()):
        raise refuse(f"Unrecognized request argument supplied: {name}", param=name)
    asked = body.get("model")
    model = provider.model(asked)
    if kind == "llamacpp":  # serves its one model under any name
        return body, provider.first_model().name
    if model is None and kind == "openrouter":
        raise refuse(f"{asked} is not a valid model ID")
    if model is None:
        raise refuse(f"The model `{asked}` does not exist", 404, code="model_not_found", param="model")
    return body, str(asked)


def _generating(frames: Frames, whole: Body, *, has_messages: bool = False) -> Endpoint:
    def endpoint(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
        kind = provider.kind
        body, name = _openai_body(provider, exchange)
        if has_messages:
            wire_openai.check_chat(kind, body, provider.model(name))
        error = {"error": {"code": answer.error_code, "message": answer.error}}
        if not body.get("stream"):
            return _whole(whole(kind, body, answer, name), answer, error)
        if kind == "llamacpp" and answer.cut == 0 and answer.after == "error":
            return _json(wire_openai.error_body(kind, 500, answer.error), 500)
        return Stream(
            frames(kind, body, answer, name),
            "text/event-stream",
            answer,
            wire_openai.error_frame(kind, answer, name),
            [("Cache-Control", "no-cache")],
        )

    return endpoint


def _openai_json(make: Callable[[Kind, JsonObject, str], JsonObject]) -> Endpoint:
    def endpoint(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
        body, name = _openai_body(provider, exchange)
        error = wire_openai.error_body(provider.kind, 500, answer.error)
        return _whole(make(provider.kind, body, name), answer, error)

    return endpoint


def _whole(value: JsonObject, answer: Answer, error: JsonObject) -> Response:
    """One JSON body; a cut answer is a body that breaks off, or an error inside a 200."""
    if answer.cut is None and answer.cut_bytes is None:
        # The model works before it answers: all of its silences in a row.
        silence = answer.head_s + answer.first_s + answer.interval_s * max(0, len(answer.tokens) - 1)
        return replace(_json(value), head_s=silence)
    if answer.after == "error":
        return _json(error)
    return Stream([Frame(_dumps(value))], "application/json", replace(answer, cut_bytes=answer.cut_bytes or 0), b"")


def _model_list(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return _json(catalogue.MODEL_LISTS[provider.kind](provider.models))


def _one_model(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    name = unquote(exchange.path.partition("/models/")[2])
    model = provider.model(name)
    if model is None:
        message = f"The model `{name}` does not exist"
        raise RequestRefused(404, wire_openai.error_body(provider.kind, 404, message, "model_not_found", "model"))
    return _json(catalogue.openai_model(model))


def _tokenize(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    body = provider.body_fields(exchange)
    return _json({"tokens": list(str(body.get("content", "")).encode())})


def _detokenize(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    body = provider.body_fields(exchange)
    return _json({"content": bytes(body.get("tokens") or ()).decode(errors="replace")})


def _count_tokens(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    _openai_body(provider, exchange)
    return _json({"input_tokens": answer.prompt_tokens})


def _media(_provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    """Audio and images: says what it got, since nothing here can hear or draw."""
    media = exchange.headers.get("content-type", "")
    return _json({"text": f"{len(exchange.body)} bytes of {media}", "data": []})


def _fixed(value: object, content_type: str = "application/json") -> Endpoint:
    def endpoint(_provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
        return Whole(200, _dumps(value), content_type)

    return endpoint


def _props(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    return _json(catalogue.llamacpp_props(provider.first_model()))


def _listed(make: Callable[[Sequence[Model]], JsonObject]) -> Endpoint:
    def endpoint(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
        return _json(make(provider.models))

    return endpoint


Table = dict[tuple[str, str], Endpoint]


def _under(prefix: str, table: Table) -> Table:
    return {(method, prefix + path): endpoint for (method, path), endpoint in table.items()}


_CHAT = _generating(wire_openai.chat_frames, wire_openai.chat_whole, has_messages=True)
_COMPLETIONS = _generating(wire_openai.completion_frames, wire_openai.completion_whole)
_MESSAGES = _generating(wire_native.messages_frames, wire_native.messages_whole)
_RESPONSES = _generating(wire_native.responses_frames, wire_native.responses_whole)
_INFILL = _generating(wire_openai.infill_frames, wire_openai.infill_whole)
_EMBEDDINGS = _openai_json(wire_openai.embeddings)
_RERANK = _openai_json(wire_openai.rerank)

_COMMON: Table = {
    ("GET", "/models"): _model_list,
    ("POST", "/chat/completions"): _CHAT,
    ("POST", "/completions"): _COMPLETIONS,
    ("POST", "/embeddings"): _EMBEDDINGS,
    ("POST", "/messages"): _MESSAGES,
    ("POST", "/responses"): _RESPONSES,
}
_OPENAI: Table = {
    **_COMMON,
    ("GET", "/models/*"): _one_model,
    ("POST", "/rerank"): _RERANK,
    ("POST", "/messages/count_tokens"): _count_tokens,
    ("POST", "/audio/*"): _media,
    ("POST", "/images/*"): _media,
}

TABLES: Mapping[Kind, Table] = {
    "openai": _under("/v1", _OPENAI),
    "openrouter": {
        **_under("/api/v1", _OPENAI),
        ("GET", "/api/v1/key"): _fixed({"data": {"label": "fake", "usage": 0.0, "limit": None, "is_free_tier": False}}),
        ("GET", "/api/v1/credits"): _fixed({"data": {"total_credits": 10.0, "total_usage": 1.0}}),
    },
    "anthropic": {
        ("POST", "/v1/messages"): _anthropic_messages,
        ("POST", "/v1/messages/count_tokens"): _anthropic_count,
        ("GET", "/v1/models"): _anthropic_models,
        ("GET", "/v1/models/*"): _anthropic_model,
    },
    "llamacpp": {
        **_COMMON,
        **_under("/v1", _COMMON),
        ("GET", "/health"): _fixed({"status": "ok"}),
        ("GET", "/v1/health"): _fixed({"status": "ok"}),
        ("GET", "/props"): _props,
        ("POST", "/rerank"): _RERANK,
        ("POST", "/v1/rerank"): _RERANK,
        ("POST", "/infill"): _INFILL,
        ("POST", "/completion"): _INFILL,
        ("POST", "/embedding"): _fixed([{"index": 0, "embedding": [[0.5, -0.25]]}]),
        ("POST", "/apply-template"): _fixed({"prompt": "<user>hi"}),
        ("GET", "/slots"): _fixed([{"id": 0, "n_ctx": 8192, "is_processing": False}]),
        ("POST", "/tokenize"): _tokenize,
        ("POST", "/detokenize"): _detokenize,
        ("POST", "/v1/messages/count_tokens"): _count_tokens,
    },
}
