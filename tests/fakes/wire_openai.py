"""The OpenAI-shaped kinds (openai, openrouter, llamacpp): frames, bodies, errors, checks.

Each kind's habits are here on purpose: llama.cpp's null content in the role chunk, its
``timings`` and its numeric error codes; OpenRouter's comments, its ``provider``, its price on
every last chunk; OpenAI's usage chunk only for those who asked.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.catalogue import CREATED, JsonObject, Kind, Model, embedding
from tests.fakes.wire import Frame, Pace, RequestRefused, halves, limited

if TYPE_CHECKING:
    from tests.fakes.scripted import Answer

DONE = b"data: [DONE]\n\n"
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    501: "not_supported_error",
    503: "unavailable_error",
}


def event(value: object) -> bytes:
    return b"data: %b\n\n" % jsontext.dumps(value)


def error_body(kind: Kind, status: int, message: str, code: str | None = None, param: str | None = None) -> JsonObject:
    """An error as this kind words it."""
    if kind == "openrouter":
        return {"error": {"code": status, "message": message}, "user_id": "user_fake"}
    if kind == "llamacpp":
        return {"error": {"code": status, "message": message, "type": _ERROR_TYPES.get(status, "server_error")}}
    kind_of_error = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind_of_error, "param": param, "code": code}}


def error_frame(kind: Kind, answer: Answer, model: str) -> bytes:
    """An error inside a stream. Nothing follows it: no ``[DONE]``."""
    error: JsonObject = {"code": answer.error_code, "message": answer.error}
    if kind != "openrouter":
        return event({"error": {**error, "type": "server_error"}})
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    head = {"id": "gen-fake", "object": "chat.completion.chunk", "created": CREATED, "model": model, "provider": "Fake"}
    return event({**head, "error": error, "choices": [choice]})


def check_chat(kind: Kind, body: JsonObject, model: Model | None) -> None:
    """Refuse what this kind refuses. Raises RequestRefused."""

    def refuse(message: str, status: int = 400, **more: Any) -> RequestRefused:
        return RequestRefused(status, error_body(kind, status, message, **more))

    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise refuse("'messages' must be a list with at least one message", param="messages")
    if kind == "openai" and body.get("stream_options") is not None and not body.get("stream"):
        raise refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")
    if kind == "llamacpp":
        thinking = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
        if isinstance(thinking, str):
            raise refuse('invalid type for "enable_thinking" (expected boolean, got string)')
        if body.get("top_logprobs") and not body.get("logprobs"):
            raise refuse("top_logprobs requires logprobs to be set to true")
    if model is None:
        return
    if kind == "openrouter" and body.get("tools") and not model.can("tools"):
        raise refuse("No endpoints found that support tool use.", 404)
    if kind == "llamacpp" and not model.can("vision") and _has_image(body["messages"]):
        raise refuse("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj")


def _has_image(messages: list[Any]) -> bool:
    parts = (part for m in messages if isinstance(m.get("content"), list) for part in m["content"])
    return any(part.get("type") == "image_url" for part in parts)


def usage(kind: Kind, answer: Answer, completion: int) -> JsonObject:
    total = answer.prompt_tokens + completion
    counted: JsonObject = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
    }
    if kind == "openrouter":
        counted |= {"cost": answer.cost_usd, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
    return counted


def timings(answer: Answer, completion: int) -> JsonObject:
    prompt = answer.prompt_tokens - answer.cached_tokens
    return {
        "cache_n": answer.cached_tokens,
        "prompt_n": prompt,
        "prompt_ms": 10.0 * prompt,
        "predicted_n": completion,
        "predicted_ms": 5.0 * completion,
    }


def _reasoning(kind: Kind, text: str) -> JsonObject:
    if kind == "openrouter":
        return {"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]}
    return {"reasoning_content": text}


def _ids(kind: Kind, whole: str) -> JsonObject:
    head: JsonObject = {"id": "gen-fake" if kind == "openrouter" else "chatcmpl-fake", "object": whole}
    head["created"] = CREATED
    if kind == "openrouter":
        head["provider"] = "Fake"
    else:
        head["system_fingerprint"] = "b6000-fake" if kind == "llamacpp" else "fp_fake"
    return head


def _limit(body: JsonObject) -> object:
    return body.get("max_completion_tokens") or body.get("max_tokens") or body.get("n_predict")


def _finish(answer: Answer, was_cut: bool) -> str:
    return answer.finish or ("length" if was_cut else "tool_calls" if answer.calls else "stop")


def chat_frames(kind: Kind, body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, was_cut = limited(answer, _limit(body))
    pace = Pace(answer)
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    head = {**_ids(kind, "chat.completion.chunk"), "model": model}
    if wants_usage and kind == "openai":
        head["usage"] = None
    frames: list[Frame] = []

    def add(index: int, delta: JsonObject, pause_s: float = 0.0, finish: str | None = None, **extra: Any) -> None:
        choice: JsonObject = {"index": index, "delta": delta, "finish_reason": finish}
        if kind == "openrouter":
            choice["native_finish_reason"] = finish
        frames.append(Frame(event({**head, "choices": [choice], **extra}), pause_s))

    if kind == "openrouter":
        frames.append(Frame(b": OPENROUTER PROCESSING\n\n", counts=False))
    n = int(body.get("n") or 1)
    for index in range(n):
        add(index, {"role": "assistant", "content": None if kind == "llamacpp" else ""})
    for index in range(n):
        for text in answer.reasoning:
            add(index, _reasoning(kind, text), pace())
        for text in tokens:
            add(index, {"content": text}, pace())
        for number, call in enumerate(answer.calls):
            start = {"name": call.name, "arguments": ""}
            first = {"index": number, "id": call.id or f"call_{number}", "type": "function", "function": start}
            add(index, {"tool_calls": [first]}, pace())
            for piece in halves(call.text):
                add(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    completion = len(tokens) + len(answer.reasoning) + len(answer.calls)
    for index in range(n):
        last: JsonObject = {}
        if kind == "llamacpp" and not wants_usage:
            last["timings"] = timings(answer, completion)
        add(index, {}, finish=_finish(answer, was_cut), **last)
    if wants_usage or kind == "openrouter":
        final: JsonObject = {**head, "choices": [], "usage": usage(kind, answer, completion)}
        if kind == "llamacpp":
            final["timings"] = timings(answer, completion)
        frames.append(Frame(event(final)))
    return frames + [Frame(DONE)] * answer.done_marks


def chat_whole(kind: Kind, body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, _limit(body))
    message: JsonObject = {"role": "assistant", "content": "".join(tokens), "refusal": None}
    if answer.reasoning:
        message |= _reasoning(kind, "".join(answer.reasoning))
    if answer.calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [
            {"id": call.id or f"call_{n}", "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for n, call in enumerate(answer.calls)
        ]
    finish = _finish(answer, was_cut)
    completion = len(tokens) + len(answer.reasoning) + len(answer.calls)
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in range(int(body.get("n") or 1))
    ]
    whole = {**_ids(kind, "chat.completion"), "model": model, "choices": choices}
    whole["usage"] = usage(kind, answer, completion)
    if kind == "llamacpp":
        whole["timings"] = timings(answer, completion)
    return whole


def completion_frames(kind: Kind, body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, was_cut = limited(answer, _limit(body))
    pace = Pace(answer)
    head = {**_ids(kind, "text_completion"), "model": model}

    def choice(text: str, finish: str | None) -> JsonObject:
        return {**head, "choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": finish}]}

    frames = [Frame(event(choice(text, None)), pace()) for text in tokens]
    frames.append(Frame(event(choice("", _finish(answer, was_cut)))))
    if (body.get("stream_options") or {}).get("include_usage"):
        frames.append(Frame(event({**head, "choices": [], "usage": usage(kind, answer, len(tokens))})))
    return frames + [Frame(DONE)] * answer.done_marks


def completion_whole(kind: Kind, body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, _limit(body))
    choice = {"text": "".join(tokens), "index": 0, "logprobs": None, "finish_reason": _finish(answer, was_cut)}
    head = {**_ids(kind, "text_completion"), "model": model}
    return {**head, "choices": [choice], "usage": usage(kind, answer, len(tokens))}


def infill_frames(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    """llama.cpp's native stream: no end mark but ``stop``."""
    tokens, was_cut = limited(answer, _limit(body))
    pace = Pace(answer)
    frames = [
        Frame(event({"index": 0, "content": text, "tokens": [], "stop": False, "id_slot": 0}), pace())
        for text in tokens
    ]
    last = {"index": 0, "content": "", "stop": True, "stop_type": "limit" if was_cut else "eos", "model": model}
    return [*frames, Frame(event({**last, "timings": timings(answer, len(tokens))}))]


def infill_whole(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, _limit(body))
    stop = "limit" if was_cut else "eos"
    return {"index": 0, "content": "".join(tokens), "stop": True, "stop_type": stop, "model": model}


def embeddings(kind: Kind, body: JsonObject, model: str) -> JsonObject:
    given = body.get("input")
    if given is None or given == []:
        raise RequestRefused(400, error_body(kind, 400, "input must not be empty", param="input"))
    # One text, one list of token ids, or a list of either.
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    data = []
    for index, text in enumerate(inputs):
        vector: list[float] | str = embedding(text)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *embedding(text))).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    counted = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return {"object": "list", "data": data, "model": model, "usage": counted}


def rerank(_kind: Kind, body: JsonObject, model: str) -> JsonObject:
    """The longer the document, the more relevant."""
    documents = [str(document) for document in body.get("documents") or ()]
    ranked = sorted(range(len(documents)), key=lambda index: -len(documents[index]))
    results = [{"index": index, "relevance_score": len(documents[index]) / 100} for index in ranked]
    counted = {"prompt_tokens": len(documents), "total_tokens": len(documents)}
    return {"model": model, "object": "list", "usage": counted, "results": results[: body.get("top_n")]}
