"""Writes the response object of an answer and its output items.

Items are always written from a ``Block``, for streamed and for whole answers, so that both get the same items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core import jsontext
from linx.dialects.responses.tools import Original, ToolNames
from linx.dialects.shared import chat_body, opaque_reasoning
from linx.dialects.shared.blocks import REASONING, REFUSAL, TEXT, Block, arguments_object, unique_id
from linx.dialects.shared.free_text_tools import to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp, Usage

INCOMPLETE_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""The finishes with which an answer is incomplete, and the reason in the response; any other finish completes it."""
_ENCRYPTED = "reasoning.encrypted_content"
_ID_PREFIXES = {REASONING: "rs", TEXT: "msg", REFUSAL: "msg"}


class Place(NamedTuple):
    """The place of a response among others: after which it comes, and who keeps it for those that may follow."""

    previous: str | None = None
    """The id of the response whose conversation this one continues."""
    keep: Callable[[str, bytes], None] | None = None
    """Called with the id and the JSON text of a response that has come to its end; None if nobody keeps it."""


ALONE = Place()


class ResponseObject:
    """Writes the response object and its items, with the same id and fields in all events of one answer."""

    def __init__(self, chat: ChatRequest, stamp: Stamp, place: Place = ALONE) -> None:
        body = chat.client_body or {}
        self._id = stamp.id
        self._now = stamp.now
        self._keep = place.keep
        self._hidden: list[JsonObject] = []  # opaque entries of the reasoning that the client has not asked for
        self._names = ToolNames(body)
        self.wants_encrypted = _ENCRYPTED in (body.get("include") or ())
        reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
        self._fields: JsonObject = {
            "id": f"resp_{stamp.id}",
            "object": "response",
            "created_at": int(stamp.created),
            "background": False,
            "frequency_penalty": _or(body.get("frequency_penalty"), 0),
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "max_tool_calls": body.get("max_tool_calls"),
            "metadata": body.get("metadata") or {},
            "model": chat.model,
            "parallel_tool_calls": _or(body.get("parallel_tool_calls"), True),
            "presence_penalty": _or(body.get("presence_penalty"), 0),
            "previous_response_id": place.previous,
            "prompt_cache_key": body.get("prompt_cache_key"),
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "safety_identifier": body.get("safety_identifier"),
            "service_tier": "default",
            "store": place.keep is not None,
            "temperature": _or(body.get("temperature"), 1),
            "text": {**text, "format": _format_object(text.get("format"))},
            "tool_choice": _or(body.get("tool_choice"), "auto"),
            "tools": [tool_object(tool) for tool in body.get("tools") or ()],
            "top_logprobs": _or(body.get("top_logprobs"), 0),
            "top_p": _or(body.get("top_p"), 1),
            "truncation": "disabled",
        }
        if body.get("user") is not None:
            self._fields["user"] = body["user"]  # a string or absent: clients refuse null

    def original(self, name: str) -> Original:
        """The client's tool for a tool's name at the provider."""
        return self._names.original(name)

    def item_id(self, block: Block) -> str:
        prefix = _ID_PREFIXES.get(block.key) or ("ctc" if self.original(block.name).is_custom else "fc")
        return f"{prefix}_{self._id}_{block.number}"

    def response(
        self,
        status: str,
        output: list[JsonObject],
        *,
        usage: Usage | None = None,
        reason: str | None = None,
        error: JsonObject | None = None,
    ) -> JsonObject:
        return {
            **self._fields,
            "completed_at": int(self._now()) if status == "completed" else None,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": output,
            "usage": _usage_object(usage) if usage is not None else None,
        }

    def hide(self, details: list[JsonObject]) -> None:
        """Opaque entries of the provider's reasoning that the client does not get. They are kept with the response:
        where the conversation goes on, some providers refuse thoughts, or do not think, without their signatures."""
        if self._keep is not None:
            self._hidden += details

    def kept(self, response: JsonObject) -> bytes:
        """The JSON text of a response that has come to its end; it is kept, if somebody keeps responses."""
        text = jsontext.dumps(response)
        if self._keep is not None:
            self._keep(response["id"], jsontext.dumps(self._with_hidden(response)) if self._hidden else text)
        return text

    def _with_hidden(self, response: JsonObject) -> JsonObject:
        output = list(response["output"])
        place = next((place for place, item in enumerate(output) if item["type"] == "reasoning"), None)
        if place is None:
            place = 0
            output.insert(0, {"id": f"rs_{self._id}_{len(output)}", "type": "reasoning", "summary": []})
        output[place] = {**output[place], "encrypted_content": _packed(self._hidden)}
        return {**response, "output": output}

    def item(self, block: Block, status: str, text: str | None) -> JsonObject:
        """One item of the output; ``text`` is None at the item's beginning."""
        item: JsonObject = {"id": self.item_id(block)}
        if block.key == REASONING:
            item |= {"type": "reasoning", "summary": [part_object(REASONING, text, [])] if text else []}
            if self.wants_encrypted:
                is_told = bool(block.details) and text is not None
                item["encrypted_content"] = _packed(block.details) if is_told else None
        elif block.key < 0:
            content = [] if text is None else [part_object(block.key, text, block.logprobs)]
            item |= {"type": "message", "status": status, "role": "assistant", "content": content}
        else:
            original = self.original(block.name)
            item |= {"call_id": block.call_id, "name": original.name, "status": status}
            if original.is_custom:
                item |= {"type": "custom_tool_call", "input": to_text(text or "")}
            else:
                item |= {"type": "function_call", "arguments": text or ""}
            if original.namespace is not None:
                item["namespace"] = original.namespace
        return item


def whole_response(chat: ChatRequest, answer: Answer, stamp: Stamp, place: Place = ALONE) -> JsonObject:
    """The response for a client that asked for no stream."""
    choice = answer.choices[0]
    shape = ResponseObject(chat, stamp, place)
    reason = INCOMPLETE_REASONS.get(choice.finish or "")
    details = [detail for source in answer.sources for detail in opaque_reasoning.opaque_details(source)]
    blocks = []
    if not shape.wants_encrypted:
        shape.hide(details)
    if choice.reasoning or (details and shape.wants_encrypted):
        thought = Block(REASONING)
        thought.details = details
        blocks.append((thought, choice.reasoning))
    if choice.text:
        text = Block(TEXT)
        text.logprobs = choice.logprobs or []
        blocks.append((text, choice.text))
    if choice.refusal:
        blocks.append((Block(REFUSAL), choice.refusal))
    used_ids = chat_body.used_ids(chat.chat_body)
    for position, call in enumerate(choice.tools):
        call_id = unique_id(call.id or f"call_{position}", used_ids)
        blocks.append((Block(position, call_id, call.name), call.arguments if call.arguments.strip() else "{}"))
    output = []
    for number, (block, content) in enumerate(blocks):
        block.number = number
        is_cut = bool(reason) and number == len(blocks) - 1 and (block.key < 0 or arguments_object(content) is None)
        output.append(shape.item(block, "incomplete" if is_cut else "completed", content))
    response = shape.response("incomplete" if reason else "completed", output, usage=answer.usage, reason=reason)
    if place.keep is not None:
        shape.kept(response)
    return response


def part_object(key: int, text: str, logprobs: list[JsonObject]) -> JsonObject:
    """The part of an item with the text of a block that has this key."""
    if key == REASONING:
        return {"type": "summary_text", "text": text}
    if key == REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def tool_object(tool: JsonObject) -> JsonObject:
    """A tool of the request as the response repeats it: a function with all fields that clients require."""
    if tool.get("type") != "function":
        return tool
    nested = tool.get("function")  # Cursor sends functions in the shape of the chat dialect
    given = nested if isinstance(nested, dict) else tool
    absent: JsonObject = {"type": "function", "description": None, "parameters": None}
    return {**absent, **given, "strict": bool(given.get("strict"))}


def _format_object(given: JsonObject | None) -> JsonObject:
    """The format of the text as the response repeats it."""
    if not given:
        return {"type": "text"}
    if given.get("type") != "json_schema":
        return given
    absent: JsonObject = {"name": "response", "description": None}
    return {**absent, **given, "strict": bool(given.get("strict"))}


def _usage_object(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": usage.cache_write or 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.prompt + usage.completion,
    }


def _packed(details: list[JsonObject]) -> str:
    """The packed details. If there is one text, it is left out, since the summary has it; several are kept."""
    if sum(detail.get("type") == "reasoning.text" for detail in details) > 1:
        return opaque_reasoning.pack(details)
    return opaque_reasoning.pack([{key: item for key, item in detail.items() if key != "text"} for detail in details])


def _or(value: object, default: object) -> object:
    return default if value is None else value
