"""The fake Ollama's /v1 endpoints: a request becomes one of its own, and the answer is rewritten.

That is what Ollama's middleware does (middleware/openai.go, middleware/anthropic.go), so a model
that cannot do something is refused here with the same words.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.fakes import (
    ollama_api,
    ollama_catalogue,
    ollama_chunks,
    ollama_from_openai,
    ollama_names,
    ollama_native,
    ollama_requests,
    ollama_run,
    wire_ollama,
)
from tests.fakes.exchange import Exchange, Response, Stream
from tests.fakes.ollama_answers import framed, whole
from tests.fakes.ollama_face import ANTHROPIC, OPENAI
from tests.fakes.ollama_json import go_dumps
from tests.fakes.ollama_refusals import PLAIN_JSON

if TYPE_CHECKING:
    from tests.fakes.catalogue import JsonObject
    from tests.fakes.ollama_run import Run
    from tests.fakes.provider import FakeProvider
    from tests.fakes.scripted import Answer
    from tests.fakes.wire import Frame


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


def _stream(frames: list[Frame], answer: Answer, error: bytes) -> Response:
    return Stream(frames, "text/event-stream", answer, error)


def _text_of(content: object) -> str:
    """The text of a message, as a string or as its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def chat(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = OPENAI.bound(exchange, ollama_requests.OPENAI_CHAT)
    if not body.get("messages"):
        raise OPENAI.refuse("[] is too short - 'messages'")
    own = {
        "model": body.get("model", ""),
        "messages": ollama_from_openai.messages_of(body["messages"]),
        "stream": body.get("stream", False),
        "tools": body.get("tools"),
        "logprobs": body.get("logprobs", False),
        "top_logprobs": body.get("top_logprobs", 0),
        **ollama_from_openai.predict_of(body.get("max_tokens")),
        **ollama_from_openai.format_of(body),
        **ollama_from_openai.think_of(body),
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
        **ollama_from_openai.predict_of(body.get("max_tokens")),
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
    texts = [
        {"role": str(one.get("role", "user")), "content": _text_of(one.get("content"))}
        for one in items
        if isinstance(one, dict)
    ]
    own: JsonObject = {
        "model": body.get("model", ""),
        "messages": texts,
        "stream": body.get("stream", False),
        **ollama_from_openai.predict_of(body.get("max_output_tokens")),
        **ollama_from_openai.think_of(body),
    }
    run: Run = OPENAI.through(provider, exchange, own["model"], lambda: ollama_run.chat(provider, own, answer))
    value = wire_ollama.chat_whole(run)
    if not own["stream"]:
        made = go_dumps(ollama_native.response(value, body))
        return whole(made + b"\n", run.answer, OPENAI.line(500, answer.error), PLAIN_JSON)
    return _stream(ollama_native.response_events(wire_ollama.chat_parts(run), value, body), run.answer, b"")


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
        "messages": [
            {"role": (one or {}).get("role", ""), "content": _text_of((one or {}).get("content"))}
            for one in body["messages"]
        ],
        "stream": body.get("stream", False),
        "tools": body.get("tools"),
        **ollama_from_openai.predict_of(body["max_tokens"]),
        **({"think": True} if thinking == "enabled" else {"think": False} if thinking == "disabled" else {}),
    }
    run: Run = ANTHROPIC.through(
        provider, exchange, own["model"], lambda: ollama_run.chat(provider, own, answer, relaxes_thinking=True)
    )
    value = wire_ollama.chat_whole(run)
    if not own["stream"]:
        made = go_dumps(ollama_native.message(value))
        return whole(made + b"\n", run.answer, ANTHROPIC.line(500, answer.error), PLAIN_JSON)
    return _stream(ollama_native.message_events(wire_ollama.chat_parts(run), value), run.answer, b"")
