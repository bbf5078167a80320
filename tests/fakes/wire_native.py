"""Anthropic's messages and OpenAI's responses, text only, as a provider that speaks them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.fakes.catalogue import CREATED, JsonObject, Kind
from tests.fakes.wire import Frame, Pace, limited

if TYPE_CHECKING:
    from tests.fakes.scripted import Answer


def _event(value: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), jsontext.dumps(value))


def messages_frames(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, was_cut = limited(answer, body.get("max_tokens"))
    pace = Pace(answer)
    start = {**messages_whole(_kind, body, answer, model), "content": [], "stop_reason": None}
    stop = "max_tokens" if was_cut else "end_turn"
    deltas = [
        Frame(
            _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}), pace()
        )
        for text in tokens
    ]
    return [
        Frame(_event({"type": "message_start", "message": start})),
        Frame(_event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
        *deltas,
        Frame(_event({"type": "content_block_stop", "index": 0})),
        Frame(
            _event(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": stop, "stop_sequence": None},
                    "usage": {"output_tokens": len(tokens)},
                }
            )
        ),
        Frame(_event({"type": "message_stop"})),
    ]


def messages_whole(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, body.get("max_tokens"))
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "".join(tokens)}],
        "stop_reason": "max_tokens" if was_cut else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": answer.prompt_tokens, "output_tokens": len(tokens)},
    }


def responses_frames(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, _was_cut = limited(answer, body.get("max_output_tokens"))
    pace = Pace(answer)
    whole = responses_whole(_kind, body, answer, model)
    item = {**whole["output"][0], "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    at = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}
    events: list[tuple[JsonObject, float]] = [
        ({"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}, 0.0),
        ({"type": "response.output_item.added", "output_index": 0, "item": item}, 0.0),
        ({"type": "response.content_part.added", **at, "part": part}, 0.0),
        *(({"type": "response.output_text.delta", **at, "delta": text, "logprobs": []}, pace()) for text in tokens),
        ({"type": "response.output_text.done", **at, "text": "".join(tokens), "logprobs": []}, 0.0),
        ({"type": "response.content_part.done", **at, "part": {**part, "text": "".join(tokens)}}, 0.0),
        ({"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]}, 0.0),
        ({"type": "response.completed", "response": whole}, 0.0),
    ]
    return [Frame(_event({**value, "sequence_number": n}), pause) for n, (value, pause) in enumerate(events)]


def responses_whole(_kind: Kind, body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, _was_cut = limited(answer, body.get("max_output_tokens"))
    content = [{"type": "output_text", "text": "".join(tokens), "annotations": []}]
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [
            {"type": "message", "id": "msg_fake", "status": "completed", "role": "assistant", "content": content}
        ],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": answer.prompt_tokens,
            "input_tokens_details": {"cached_tokens": answer.cached_tokens},
            "output_tokens": len(tokens),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.prompt_tokens + len(tokens),
        },
    }
