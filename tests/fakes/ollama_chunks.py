"""Ollama's own answers rewritten as OpenAI's: chat completions and completions, whole and in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.catalogue import CREATED, JsonObject
from tests.fakes.ollama_json import go_dumps
from tests.fakes.wire import Frame

if TYPE_CHECKING:
    from tests.fakes.wire_ollama import Part

_FINGERPRINT = "fp_ollama"


def _data(value: object, pause_s: float = 0.0) -> Frame:
    return Frame(b"data: %b\n\n" % go_dumps(value), pause_s)


def _usage(value: JsonObject) -> JsonObject:
    read, written = value.get("prompt_eval_count", 0), value.get("eval_count", 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _tool_calls(message: JsonObject) -> JsonObject:
    calls = [
        {
            "id": call["id"],
            "index": call["function"]["index"],
            "type": "function",
            "function": {
                "name": call["function"]["name"],
                "arguments": go_dumps(call["function"]["arguments"]).decode(),
            },
        }
        for call in message.get("tool_calls", ())
    ]
    return {"tool_calls": calls} if calls else {}


def _said(message: JsonObject) -> JsonObject:
    thought = {"reasoning": message["thinking"]} if message.get("thinking") else {}
    return {"content": message["content"], **thought, **_tool_calls(message)}


def _logprobs(value: JsonObject) -> JsonObject:
    return {"logprobs": {"content": value["logprobs"]}} if value.get("logprobs") else {}


def _reason(reason: str, *, has_calls: bool) -> str:
    return "tool_calls" if reason == "stop" and has_calls else reason


# --- chat completions -----------------------------------------------------------------------


def chat_completion(value: JsonObject) -> JsonObject:
    message = value["message"]
    finish = _reason(value["done_reason"], has_calls=bool(message.get("tool_calls")))
    choice = {"index": 0, "message": {"role": "assistant", **_said(message)}, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": value["model"],
        "system_fingerprint": _FINGERPRINT,
        "choices": [{**choice, **_logprobs(value)}],
        "usage": _usage(value),
    }


def _chunk(model: str, choices: list[JsonObject], **more: Any) -> JsonObject:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    return {**head, "system_fingerprint": _FINGERPRINT, "choices": choices, **more}


def chat_chunks(parts: list[Part], *, wants_usage: bool) -> list[Frame]:
    """The role is in the first chunk that says something; the finish is in one of its own."""
    *spoken, last = parts
    frames = []
    has_calls = False
    for number, part in enumerate(spoken or [last]):
        message = part.value["message"]
        has_calls = has_calls or bool(message.get("tool_calls"))
        delta = {**({} if number else {"role": "assistant"}), **_said(message)}
        choice = {"index": 0, "delta": delta, "finish_reason": None, **_logprobs(part.value)}
        frames.append(_data(_chunk(part.value["model"], [choice]), part.pause_s))
    model = last.value["model"]
    finish = _reason(last.value["done_reason"], has_calls=has_calls)
    frames.append(_data(_chunk(model, [{"index": 0, "delta": {}, "finish_reason": finish}])))
    if wants_usage:
        frames.append(_data(_chunk(model, [], usage=_usage(last.value))))
    return frames


DONE = Frame(b"data: [DONE]\n\n")
LOST = _data(_chunk("", [{"index": 0, "delta": {"content": ""}, "finish_reason": None}])).data
"""What an error in the stream becomes: its words are lost, and no ``[DONE]`` follows."""


# --- completions ----------------------------------------------------------------------------


def completion(value: JsonObject) -> JsonObject:
    choice = {"text": value["response"], "index": 0, "finish_reason": value["done_reason"]}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": CREATED,
        "model": value["model"],
        "system_fingerprint": _FINGERPRINT,
        "choices": [choice],
        "usage": _usage(value),
    }


def _completion_chunk(value: JsonObject, **more: Any) -> JsonObject:
    choice = {"text": value["response"], "index": 0, "finish_reason": value.get("done_reason")}
    head = {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "choices": [choice]}
    return {**head, "model": value["model"], "system_fingerprint": _FINGERPRINT, **more}


def completion_chunks(parts: list[Part], *, wants_usage: bool) -> list[Frame]:
    empty = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    more = {"usage": empty} if wants_usage else {}
    frames = [_data(_completion_chunk(part.value, **more), part.pause_s) for part in parts]
    if wants_usage:
        last = _completion_chunk(parts[-1].value, usage=_usage(parts[-1].value))
        frames.append(_data({**last, "choices": []}))
    return frames


LOST_COMPLETION = _data(_completion_chunk({"response": "", "model": ""})).data
