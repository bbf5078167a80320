"""The fake Ollama's /v1 endpoints: a request becomes one of its own, and the answer is rewritten.

That is what Ollama's middleware does (middleware/openai.go, middleware/anthropic.go), so a model
that cannot do something is refused here with the same words. An error of the middleware itself is
gin's JSON; one of the handler behind it is ``application/json`` with a newline.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.fakes import (
    ollama_api,
    ollama_catalogue,
    ollama_chunks,
    ollama_names,
    ollama_requests,
    ollama_run,
    wire_ollama,
)
from tests.fakes.exchange import Exchange, Response, Stream
from tests.fakes.ollama_json import GoError, Shape, decoded, go_dumps, parsed
from tests.fakes.ollama_refusals import JSON_TYPE, PLAIN_JSON
from tests.fakes.ollama_responses import framed, whole
from tests.fakes.wire import Frame, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.catalogue import JsonObject
    from tests.fakes.ollama_run import Run
    from tests.fakes.provider import FakeProvider
    from tests.fakes.scripted import Answer

_ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error"}
_ANTHROPIC_TYPES = {
    **_ERROR_TYPES,
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_EFFORTS: dict[str, Any] = {"minimal": "low", "xhigh": "max", "ultra": "max", "none": False}
_MUST = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'


def openai_error(status: int, message: str) -> JsonObject:
    kind = _ERROR_TYPES.get(status, "api_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def anthropic_error(status: int, message: str) -> JsonObject:
    kind = _ANTHROPIC_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}


class Face:
    """How one family of endpoints reads a body and words a refusal."""

    def __init__(self, error: Callable[[int, str], JsonObject]) -> None:
        self._error = error

    def refuse(self, message: str, status: int = 400) -> RequestRefused:
        return RequestRefused(status, go_dumps(self._error(status, message)), content_type=JSON_TYPE)

    def bound(self, exchange: Exchange, shape: Shape) -> JsonObject:
        try:
            return decoded(exchange.body, shape)
        except GoError as error:
            raise self.refuse(str(error)) from None

    def line(self, status: int, message: str) -> bytes:
        return go_dumps(self._error(status, message)) + b"\n"

    def passed_on(self, refused: RequestRefused) -> RequestRefused:
        """A refusal of the handler behind this face."""
        message = parsed(bytes(refused.body))["error"]  # type: ignore[call-overload]  # Ollama's are bytes
        return RequestRefused(refused.status, self.line(refused.status, message), content_type=PLAIN_JSON)

    def through(self, provider: FakeProvider, exchange: Exchange, model: str, work: Callable[[], Any]) -> Any:
        """The work of the handler behind. A ``:cloud`` name is passed on as it is, errors too."""
        if ollama_names.reference(model).source == "cloud":
            ollama_run.check_cloud(provider.ollama, exchange.path)
        try:
            return work()
        except RequestRefused as refused:
            raise self.passed_on(refused) from None


OPENAI, ANTHROPIC = Face(openai_error), Face(anthropic_error)


# --- models --------------------------------------------------------------------------------


def models(provider: FakeProvider, _exchange: Exchange, _answer: Answer) -> Response:
    names = [ollama_names.parse(model.name).shortest for model in provider.models]
    listed = {"object": "list", "data": [ollama_catalogue.openai_model(name) for name in names]}
    return framed(go_dumps(listed) + b"\n", PLAIN_JSON)


def model(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    name = unquote(exchange.path.rpartition("/")[2])
    OPENAI.through(provider, exchange, name, lambda: ollama_api.shown(provider, {"name": name}))
    return framed(go_dumps(ollama_catalogue.openai_model(name)) + b"\n", PLAIN_JSON)


# --- chat and completions -------------------------------------------------------------------


def _think(body: JsonObject) -> JsonObject:
    effort = body["reasoning"].get("effort", "") if "reasoning" in body else body.get("reasoning_effort", "")
    if not effort:
        return {}
    if effort not in (*_EFFORTS, "low", "medium", "high", "max"):
        raise OPENAI.refuse(f'invalid reasoning value: "{effort}" (must be {_MUST})')
    return {"think": _EFFORTS.get(effort, effort)}


def _image_of(part: JsonObject) -> str:
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str):
        raise OPENAI.refuse("invalid message format")
    if url.startswith(("http://", "https://")):
        raise OPENAI.refuse("image URLs are not currently supported, please use base64 encoded data instead")
    heads = ("data:;base64,", *(f"data:image/{kind};base64," for kind in ("jpeg", "jpg", "png", "webp")))
    head = next((head for head in heads if url.startswith(head)), None)
    try:
        if head is None:
            raise ValueError(url)
        base64.b64decode(url.removeprefix(head), validate=True)
    except ValueError:
        raise OPENAI.refuse("invalid image input") from None
    return url.removeprefix(head)


def _calls(message: JsonObject) -> JsonObject:
    made = []
    for call in message.get("tool_calls") or ():
        function = (call or {}).get("function", {})
        try:
            arguments = parsed(function.get("arguments", "").encode())
        except GoError:
            arguments = None
        if not isinstance(arguments, dict):
            raise OPENAI.refuse("invalid tool call arguments")
        made.append({"function": {"name": function.get("name", ""), "arguments": arguments}})
    return {"tool_calls": made} if made else {}


def _messages(messages: list[Any]) -> list[JsonObject]:
    """Each part of a message is a message of its own (openai.FromChatRequest)."""
    found: list[JsonObject] = []
    for message in messages:
        message = message or {}
        role, content = message.get("role", ""), message.get("content")
        if isinstance(content, str):
            found.append({"role": role, "content": content, **_calls(message)})
        elif isinstance(content, list):
            for part in content:
                if not isinstance(part, dict):
                    raise OPENAI.refuse("invalid message format")
                if part.get("type") == "text" and isinstance(part.get("text"), str):
                    found.append({"role": role, "content": part["text"]})
                elif part.get("type") == "image_url":
                    found.append({"role": role, "images": [_image_of(part)]})
                else:
                    raise OPENAI.refuse("invalid message format")
        elif message.get("tool_calls") is None:
            names = {dict: "map[string]interface {}", bool: "bool", int: "float64", float: "float64"}
            kind = "<nil>" if content is None else names[type(content)]
            raise OPENAI.refuse(f"invalid message content type: {kind}")
        else:
            found.append({"role": role, **_calls(message)})
    return found


def _format(body: JsonObject) -> JsonObject:
    wanted = body.get("response_format") or {}
    kind = wanted.get("type", "").strip().lower()
    if kind == "json_object":
        return {"format": "json"}
    if kind == "json_schema" and wanted.get("json_schema"):
        return {"format": wanted["json_schema"].get("schema")}
    return {}


def _predict(limit: Any) -> JsonObject:
    return {} if limit is None else {"options": {"num_predict": limit}}


def _stream(frames: list[Frame], answer: Answer, error: bytes, type_of_it: str = "text/event-stream") -> Response:
    return Stream(frames, type_of_it, answer, error)


def chat(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = OPENAI.bound(exchange, ollama_requests.OPENAI_CHAT)
    if not body.get("messages"):
        raise OPENAI.refuse("[] is too short - 'messages'")
    own = {
        "model": body.get("model", ""),
        "messages": _messages(body["messages"]),
        "stream": body.get("stream", False),
        "tools": body.get("tools"),
        "logprobs": body.get("logprobs", False),
        "top_logprobs": body.get("top_logprobs", 0),
        **_predict(body.get("max_tokens")),
        **_format(body),
        **_think(body),
    }
    run: Run = OPENAI.through(provider, exchange, own["model"], lambda: ollama_run.chat(provider, own, answer))
    if not own["stream"]:
        made = ollama_chunks.chat_completion(wire_ollama.chat_whole(run))
        return whole(go_dumps(made) + b"\n", run.answer, OPENAI.line(500, answer.error), PLAIN_JSON)
    if answer.cut == 0 and answer.after == "error":
        return framed(OPENAI.line(500, answer.error), PLAIN_JSON, 500)
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    frames = ollama_chunks.chat_chunks(wire_ollama.chat_parts(run), wants_usage=wants_usage)
    frames += [ollama_chunks.DONE] * answer.done_marks
    return _stream(frames, run.answer, ollama_chunks.LOST)


def completions(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = OPENAI.bound(exchange, ollama_requests.OPENAI_COMPLETION)
    own = {
        "model": body.get("model", ""),
        "prompt": body.get("prompt", ""),
        "suffix": body.get("suffix", ""),
        "stream": body.get("stream", False),
        **_predict(body.get("max_tokens")),
    }
    run: Run = OPENAI.through(provider, exchange, own["model"], lambda: ollama_run.generate(provider, own, answer))
    if not own["stream"]:
        value = wire_ollama.generate_whole(run) if run.what == "answer" else wire_ollama.generate_loaded(run)
        made = go_dumps(ollama_chunks.completion(value))
        return whole(made + b"\n", run.answer, OPENAI.line(500, answer.error), PLAIN_JSON)
    if answer.cut == 0 and answer.after == "error":
        return framed(OPENAI.line(500, answer.error), PLAIN_JSON, 500)
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    frames = ollama_chunks.completion_chunks(wire_ollama.generate_parts(run), wants_usage=wants_usage)
    frames += [ollama_chunks.DONE] * answer.done_marks
    return _stream(frames, run.answer, ollama_chunks.LOST_COMPLETION)


def embeddings(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = OPENAI.bound(exchange, ollama_requests.OPENAI_EMBED)
    form = body.get("encoding_format", "")
    if form and form.lower() not in ("float", "base64"):
        raise OPENAI.refuse(f"Invalid value for 'encoding_format' = {form}. Supported values: ['float', 'base64'].")
    given = body.get("input")
    if given is None or given == []:
        raise OPENAI.refuse("invalid input")
    own = {"model": body.get("model", ""), "input": given or [""], "dimensions": body.get("dimensions", 0)}
    value: JsonObject = OPENAI.through(provider, exchange, own["model"], lambda: ollama_api.embedded(provider, own))
    data = []
    for index, vector in enumerate(value["embeddings"]):
        packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        kept = packed if form.lower() == "base64" else vector
        data.append({"object": "embedding", "embedding": kept, "index": index})
    tokens = value.get("prompt_eval_count", 0)
    listed = {
        "object": "list",
        "data": data,
        "model": own["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return whole(go_dumps(listed) + b"\n", answer, OPENAI.line(500, answer.error), PLAIN_JSON)


# --- responses and messages -----------------------------------------------------------------


def responses(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = OPENAI.bound(exchange, ollama_requests.RESPONSES)
    given = body.get("input", "")
    if not isinstance(given, str | list):
        raise OPENAI.refuse("input must be a string or array")
    items = [{"role": "user", "content": given}] if isinstance(given, str) and given else list(given)
    texts = [{"role": str(one.get("role", "user")), "content": "x"} for one in items if isinstance(one, dict)]
    own: JsonObject = {
        "model": body.get("model", ""),
        "messages": texts,
        "stream": body.get("stream", False),
        **_predict(body.get("max_output_tokens")),
        **_think(body),
    }
    run: Run = OPENAI.through(provider, exchange, own["model"], lambda: ollama_run.chat(provider, own, answer))
    value = wire_ollama.chat_whole(run)
    if not own["stream"]:
        made = go_dumps(ollama_chunks.response(value, body))
        return whole(made + b"\n", run.answer, OPENAI.line(500, answer.error), PLAIN_JSON)
    return _stream(ollama_chunks.response_events(wire_ollama.chat_parts(run), value, body), run.answer, b"")


def messages(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = ANTHROPIC.bound(exchange, ollama_requests.MESSAGES)
    if not body.get("model"):
        raise ANTHROPIC.refuse("model is required")
    if body.get("max_tokens", 0) <= 0:
        raise ANTHROPIC.refuse("max_tokens is required and must be positive")
    if not body.get("messages"):
        raise ANTHROPIC.refuse("messages is required")
    thinking = (body.get("thinking") or {}).get("type")
    own: JsonObject = {
        "model": body["model"],
        "messages": [{"role": (one or {}).get("role", ""), "content": "x"} for one in body["messages"]],
        "stream": body.get("stream", False),
        "tools": body.get("tools"),
        **_predict(body["max_tokens"]),
        **({"think": True} if thinking == "enabled" else {"think": False} if thinking == "disabled" else {}),
    }
    run: Run = ANTHROPIC.through(
        provider, exchange, own["model"], lambda: ollama_run.chat(provider, own, answer, relaxes_thinking=True)
    )
    value = wire_ollama.chat_whole(run)
    if not own["stream"]:
        made = go_dumps(ollama_chunks.message(value))
        return whole(made + b"\n", run.answer, ANTHROPIC.line(500, answer.error), PLAIN_JSON)
    return _stream(ollama_chunks.message_events(wire_ollama.chat_parts(run), value), run.answer, b"")
