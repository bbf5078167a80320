"""Ollama's chat answers rewritten as OpenAI's Responses and as Anthropic's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.catalogue import CREATED, JsonObject
from tests.fakes.ollama_json import go_dumps
from tests.fakes.wire import Frame

if TYPE_CHECKING:
    from tests.fakes.wire_ollama import Part

_STOPS = {"stop": "end_turn", "length": "max_tokens"}

# --- responses ------------------------------------------------------------------------------


def _output(value: JsonObject) -> list[JsonObject]:
    message = value["message"]
    text = {"type": "output_text", "text": message["content"], "annotations": [], "logprobs": []}
    spoken = {"id": "msg_fake", "type": "message", "status": "completed", "role": "assistant", "content": [text]}
    thought = message.get("thinking")
    summary = [{"type": "summary_text", "text": thought}]
    reasoning = {"id": "rs_fake", "type": "reasoning", "summary": summary, "encrypted_content": thought}
    calls = [
        {
            "id": f"fc_{call['id']}",
            "type": "function_call",
            "status": "completed",
            "call_id": call["id"],
            "name": call["function"]["name"],
            "arguments": go_dumps(call["function"]["arguments"]).decode(),
        }
        for call in message.get("tool_calls", ())
    ]
    return [*([reasoning] if thought else []), *calls] if calls else [*([reasoning] if thought else []), spoken]


def response(value: JsonObject, request: JsonObject) -> JsonObject:
    read, written = value.get("prompt_eval_count", 0), value.get("eval_count", 0)
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": CREATED,
        "completed_at": CREATED,
        "status": "completed",
        "incomplete_details": None,
        "model": value["model"],
        "previous_response_id": None,
        "instructions": request.get("instructions"),
        "output": _output(value),
        "error": None,
        "tools": request.get("tools") or [],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "top_p": request.get("top_p", 1),
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "temperature": request.get("temperature", 1),
        "reasoning": request.get("reasoning"),
        "usage": {
            "input_tokens": read,
            "output_tokens": written,
            "total_tokens": read + written,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
        "max_output_tokens": request.get("max_output_tokens"),
        "max_tool_calls": None,
        "store": False,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def _sorted(value: Any) -> Any:
    """Go writes its maps with sorted keys, and the events of a response are maps."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def response_events(parts: list[Part], value: JsonObject, request: JsonObject) -> list[Frame]:
    made = response(value, request)
    begun = {**made, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    events: list[tuple[JsonObject, float]] = [
        ({"type": "response.created", "response": begun}, 0.0),
        ({"type": "response.in_progress", "response": begun}, 0.0),
    ]
    for index, item in enumerate(made["output"]):
        opened = {**item, "status": "in_progress"}
        if item["type"] != "message":
            events.append(({"type": "response.output_item.added", "output_index": index, "item": opened}, 0.0))
            events.append(({"type": "response.output_item.done", "output_index": index, "item": item}, 0.0))
            continue
        at = {"item_id": "msg_fake", "output_index": index, "content_index": 0}
        part = item["content"][0]
        begin = {"type": "response.output_item.added", "output_index": index, "item": {**opened, "content": []}}
        events.append((begin, 0.0))
        events.append(({"type": "response.content_part.added", **at, "part": {**part, "text": ""}}, 0.0))
        for one in parts:
            text = one.value["message"]["content"]
            if text:
                delta = {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []}
                events.append((delta, one.pause_s))
        events.append(({"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}, 0.0))
        events.append(({"type": "response.content_part.done", **at, "part": part}, 0.0))
        events.append(({"type": "response.output_item.done", "output_index": index, "item": item}, 0.0))
    events.append(({"type": "response.completed", "response": made}, 0.0))
    numbered = [({**one, "sequence_number": number}, pause) for number, (one, pause) in enumerate(events)]
    return [_named(_sorted(one), pause) for one, pause in numbered]


# --- messages -------------------------------------------------------------------------------


def _named(value: JsonObject, pause_s: float = 0.0) -> Frame:
    return Frame(b"event: %b\ndata: %b\n\n" % (value["type"].encode(), go_dumps(value)), pause_s)


def _stop_reason(value: JsonObject) -> str:
    if value["message"].get("tool_calls"):
        return "tool_use"
    reason: str = value["done_reason"]
    return _STOPS.get(reason, reason)


def _counted(value: JsonObject) -> JsonObject:
    return {"input_tokens": value.get("prompt_eval_count", 0), "output_tokens": value.get("eval_count", 0)}


def message(value: JsonObject) -> JsonObject:
    said = value["message"]
    blocks: list[JsonObject] = []
    if said.get("thinking"):
        blocks.append({"type": "thinking", "thinking": said["thinking"]})
    if said["content"]:
        blocks.append({"type": "text", "text": said["content"]})
    for call in said.get("tool_calls", ()):
        function = call["function"]
        blocks.append({"type": "tool_use", "id": call["id"], "name": function["name"], "input": function["arguments"]})
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": value["model"],
        "content": blocks,
        "stop_reason": _stop_reason(value),
        "usage": _counted(value),
    }


def message_events(parts: list[Part], value: JsonObject) -> list[Frame]:
    made = message(value)
    head = {key: made[key] for key in ("id", "type", "role", "model")}
    begun = {**head, "content": [], "usage": {**_counted(value), "output_tokens": 0}}
    frames = [_named({"type": "message_start", "message": begun})]
    for index, block in enumerate(made["content"]):
        kind = block["type"]
        at = {"index": index}
        if kind == "tool_use":
            opened = {**block, "input": {}}
            frames.append(_named({"type": "content_block_start", **at, "content_block": opened}))
            delta = {"type": "input_json_delta", "partial_json": go_dumps(block["input"]).decode()}
            frames.append(_named({"type": "content_block_delta", **at, "delta": delta}))
        else:
            key = {"text": "content", "thinking": "thinking"}[kind]
            frames.append(_named({"type": "content_block_start", **at, "content_block": {**block, kind: ""}}))
            for part in parts:
                text = part.value["message"].get(key)
                if text:
                    delta = {"type": f"{kind}_delta", kind: text}
                    frames.append(_named({"type": "content_block_delta", **at, "delta": delta}, part.pause_s))
        frames.append(_named({"type": "content_block_stop", **at}))
    ended = {"delta": {"stop_reason": made["stop_reason"]}, "usage": made["usage"]}
    return [*frames, _named({"type": "message_delta", **ended}), _named({"type": "message_stop"})]
