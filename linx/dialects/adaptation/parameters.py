"""Fields of a body that a provider does not take.

Rule: exactly the field that the refusal names is left out, and only where the answer means the same without it. A
field that says what the answer has to be (its format, its tools, where it stops) stays: then the refusal is passed on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import (
    NAME,
    is_refused,
    names,
    says_unknown,
    says_value,
    words_of,
)

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.core.errors import Refused

_STAYS = frozenset(
    (
        *("audio", "background", "best_of", "container", "conversation", "dimensions", "documents", "echo", "format"),
        *("function_call", "functions", "grammar", "guided_choice", "guided_grammar", "guided_json", "guided_regex"),
        *("images", "include", "input", "input_extra", "input_prefix", "input_suffix", "input_type", "instructions"),
        *("json_schema", "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens", "mcp_servers"),
        *("messages", "modalities", "model", "models", "n", "n_predict", "options", "output_dimension", "plugins"),
        *("previous_response_id", "prompt", "provider", "raw", "response_format", "route", "safety_settings", "stop"),
        *("stop_sequences", "stream", "stream_options", "structured_outputs", "suffix", "system", "template", "text"),
        *("tool_choice", "tools", "top_logprobs", "transforms", "truncate", "truncation", "web_search_options"),
    )
)
"""What the answer is made of, where it may come from, and what has a row of its own."""
# Two fields of which a provider takes either; the one that changes an answer more stays.
_NOT_BOTH = re.compile(r"cannot both be (?:specified|set|used)")
_SPARED = frozenset(("temperature",))
# What Linx writes itself although no client has asked for it.
_OF_LINX = ("encoding_format",)


def without(body: JsonObject, name: str) -> JsonObject:
    """``body`` without one field; ``body`` itself where it has no such field."""
    return {key: value for key, value in body.items() if key != name} if name in body else body


def _refused_field(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    for name in _OF_LINX:
        if name in body and names(words, name) and (says_unknown(words) or says_value(words) or " not valid" in words):
            return name
    is_either = _NOT_BOTH.search(words) is not None
    for name in body:
        if name in _STAYS or not NAME.fullmatch(name) or (is_either and name in _SPARED):
            continue
        if is_refused(refusal, name):
            return name
    return None


PARAMETER = Row(
    name="parameter",
    formats=frozenset(BodyFormat),
    recognise=_refused_field,
    change=without,
)


# --- renamed --------------------------------------------------------------------------


def _refuses_dimensions(refusal: Refused, body: JsonObject) -> str | None:
    return "output_dimension" if "dimensions" in body and is_refused(refusal, "dimensions") else None


def _rename_dimensions(body: JsonObject, new: str) -> JsonObject:
    if "dimensions" not in body or new != "output_dimension":
        return body
    return {new if key == "dimensions" else key: value for key, value in body.items()}


DIMENSIONS = Row(
    name="dimensions",
    formats=frozenset((BodyFormat.EMBEDDINGS,)),
    recognise=_refuses_dimensions,
    change=_rename_dimensions,
)
"""Voyage has another name for the length of a vector."""


# --- what every stream is asked for ---------------------------------------------------

_STREAM_OPTIONS_WORDS = ("stream_options", "streamoptions", "include_usage", "includeusage", "stream options")


# An unknown field, but not which.
_VAGUE = re.compile(
    r"(?:unknown|unrecogni[sz]ed|unsupported|unexpected|extra|additional) (?:request |keyword |input )?"
    r"(?:fields?|parameters?|arguments?|inputs?|propert(?:y|ies)|keys?|options?)\b"
)


def _refuses_stream_options(refusal: Refused, body: JsonObject) -> str | None:
    """Named, or where nothing at all is named: no client sends the field so often as Linx itself does."""
    words = words_of(refusal)
    if any(name in words for name in _STREAM_OPTIONS_WORDS):
        return ""
    names_something = "model" in words or "schema" in words or any(name.lower() in words for name in body)
    return "" if _VAGUE.search(words) and not names_something else None


STREAM_OPTIONS = Row(
    name="stream_options",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION)),
    recognise=_refuses_stream_options,
    change=lambda body, _detail: without(body, "stream_options"),
)


# --- a field inside the messages ------------------------------------------------------

_IN_MESSAGES = (
    re.compile(r"messages?(?:\.\d+|\[\d+\])?\W.{0,80}?property '(?:[\w.\[\]]*\.)?(\w{1,40})' is unsupported"),
    re.compile(r"property 'messages?(?:\.\d+|\[\d+\])(?:\.\w+)*\.(\w{1,40})' is unsupported"),
    re.compile(
        r"messages(?:\.\d+|\[\d+\])(?:\.\w+){0,4}?\.(\w{1,40})"
        r"(?:: |, 'msg': ')(?:extra inputs are not|property|unknown)"
    ),
)
_OF_A_MESSAGE = frozenset(
    (
        *("arguments", "content", "data", "detail", "file", "format", "function", "id", "image_url", "input"),
        *("input_audio", "role", "source", "text", "tool_call_id", "tool_calls", "type", "url"),
    )
)
"""What a message is made of."""


def _refused_message_field(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    for pattern in _IN_MESSAGES:
        found = pattern.search(words)
        if found is not None and _without_in_messages(body, found[1]) is not body:
            return found[1]
    return None


def _without_in_messages(body: JsonObject, name: str) -> JsonObject:
    """``body`` without a field of its messages and of their parts."""
    messages = body.get("messages")
    if name in _OF_A_MESSAGE or not isinstance(messages, list):
        return body
    changed = [_without_in_message(message, name) if isinstance(message, dict) else message for message in messages]
    is_same = all(new is old for new, old in zip(changed, messages, strict=True))
    return body if is_same else {**body, "messages": changed}


def _without_in_message(message: JsonObject, name: str) -> JsonObject:
    message, content = without(message, name), message.get("content")
    if not isinstance(content, list):
        return message
    parts = [without(part, name) if isinstance(part, dict) else part for part in content]
    if all(new is old for new, old in zip(parts, content, strict=True)):
        return message
    return {**message, "content": parts}


MESSAGE_FIELD = Row(
    name="message_field",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refused_message_field,
    change=_without_in_messages,
)
