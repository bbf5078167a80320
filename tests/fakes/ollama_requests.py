"""The request structs of a real Ollama 0.33 (its api/types.go, openai/openai.go, anthropic/anthropic.go)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from tests.fakes.ollama_json import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    STRING,
    Custom,
    GoError,
    Later,
    ListOf,
    MapOf,
    Place,
    Shape,
    Struct,
)

_MAP = MapOf(ANY, "map[string]interface {}")
_TEXTS = MapOf(STRING, "map[string]string")
_LEVELS = ("high", "medium", "low", "max")
_MUST = '"high", "medium", "low", "max", true, or false'
_DURATION = re.compile(r"[-+]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)")
FOREVER_S = float("inf")


def _think(value: Any, _place: Place) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value not in _LEVELS:
            raise GoError(f'invalid think value: "{value}" (must be {_MUST})')
        return value
    raise GoError(f"think must be a boolean or string ({_MUST})")


def _seconds(value: Any, _place: Place) -> float:
    """A duration, of which only zero (unload) and not zero matter here."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        names = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
        raise GoError(f"Unsupported type: '{names[type(value)]}'")
    if not isinstance(value, str):
        return FOREVER_S if value < 0 else float(value)
    if value == "" or not any(mark.isdigit() for mark in value):
        raise GoError(f'time: invalid duration "{value}"')
    if not _DURATION.fullmatch(value):
        word = "missing unit in" if _NUMBER.fullmatch(value) else "invalid"
        raise GoError(f'time: {word} duration "{value}"')
    digits = re.sub(r"[^1-9]", "", value)
    return FOREVER_S if value.startswith("-") else (1.0 if digits else 0.0)


def _image(value: Any, place: Place) -> Any:
    if isinstance(value, list):  # Go takes a list of numbers for bytes
        return value
    if not isinstance(value, str):
        raise place.mismatch(value, "api.ImageData")
    plain = value.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        wrong = re.search(r"[^A-Za-z0-9+/=]|=(?!=?$)", plain)
        place_of_it = wrong.start() if wrong else len(plain) - len(plain) % 4
        raise GoError(f"illegal base64 data at input byte {place_of_it}") from None
    return value


def _ordered(value: Any, _place: Place) -> Any:
    """An object that keeps its order is read by a parser of its own, with words of its own."""
    if not isinstance(value, dict):
        raise GoError("Value looks like object, but can't find closing '}' symbol")
    return value


def _properties(value: Any, place: Place) -> Any:
    held = _ordered(value, place)
    return {name: None if one is None else _PROPERTY.read(one, place) for name, one in held.items()}


def _type_names(value: Any, place: Place) -> Any:
    if isinstance(value, str):
        return [value]
    return ListOf(STRING, "[]string").read(value, place)


_PROPERTIES = Custom("api.ToolPropertiesMap", _properties)
_PROPERTY: Shape = Struct(
    "api.ToolProperty",
    {
        "anyOf": ListOf(Later(lambda: _PROPERTY, "api.ToolProperty"), "[]api.ToolProperty"),
        "type": Custom("api.PropertyType", _type_names),
        "items": ANY,
        "description": STRING,
        "enum": ListOf(ANY, "[]interface {}"),
        "properties": _PROPERTIES,
        "required": ListOf(STRING, "[]string"),
    },
)
_PARAMETERS = Struct(
    "api.ToolFunctionParameters",
    {
        "type": STRING,
        "$defs": ANY,
        "items": ANY,
        "required": ListOf(STRING, "[]string"),
        "properties": _PROPERTIES,
    },
)
_FUNCTION = Struct("api.ToolFunction", {"name": STRING, "description": STRING, "parameters": _PARAMETERS})
_TOOL = Struct("api.Tool", {"type": STRING, "items": ANY, "function": _FUNCTION})
_CALL = Struct(
    "api.ToolCall",
    {
        "id": STRING,
        "function": Struct(
            "api.ToolCallFunction",
            {"index": INT, "name": STRING, "arguments": Custom("api.ToolCallFunctionArguments", _ordered)},
        ),
    },
)
_IMAGES = ListOf(Custom("api.ImageData", _image), "[]api.ImageData")
_MESSAGE = Struct(
    "api.Message",
    {
        "role": STRING,
        "content": STRING,
        "thinking": STRING,
        "images": _IMAGES,
        "tool_calls": ListOf(_CALL, "[]api.ToolCall"),
        "tool_name": STRING,
        "tool_call_id": STRING,
    },
    reads_itself=True,
)
_MESSAGES = ListOf(_MESSAGE, "[]api.Message")
_GENERATING: dict[str, Shape] = {
    "model": STRING,
    "stream": BOOL,
    "format": ANY,
    "keep_alive": Custom("api.Duration", _seconds),
    "options": _MAP,
    "think": Custom("api.ThinkValue", _think),
    "truncate": BOOL,
    "shift": BOOL,
    "_debug_render_only": BOOL,
    "logprobs": BOOL,
    "top_logprobs": INT,
}
_NAMED: dict[str, Shape] = {"model": STRING, "name": STRING}
_TRANSFER: dict[str, Shape] = {**_NAMED, "insecure": BOOL, "username": STRING, "password": STRING, "stream": BOOL}

CHAT = Struct("api.ChatRequest", {**_GENERATING, "messages": _MESSAGES, "tools": ListOf(_TOOL, "api.Tools")})
GENERATE = Struct(
    "api.GenerateRequest",
    {
        **_GENERATING,
        "prompt": STRING,
        "suffix": STRING,
        "system": STRING,
        "template": STRING,
        "context": ListOf(INT, "[]int"),
        "raw": BOOL,
        "images": _IMAGES,
    },
)
_EMBEDDING: dict[str, Shape] = {"model": STRING, "keep_alive": Custom("api.Duration", _seconds), "options": _MAP}
EMBED = Struct("api.EmbedRequest", {**_EMBEDDING, "input": ANY, "truncate": BOOL, "dimensions": INT})
EMBEDDINGS = Struct("api.EmbeddingRequest", {**_EMBEDDING, "prompt": STRING})
SHOW = Struct("api.ShowRequest", {**_NAMED, "system": STRING, "template": STRING, "verbose": BOOL, "options": _MAP})
COPY = Struct("api.CopyRequest", {"source": STRING, "destination": STRING})
DELETE = Struct("api.DeleteRequest", _NAMED)
PULL = Struct("api.PullRequest", _TRANSFER)
PUSH = Struct("api.PushRequest", _TRANSFER)
CREATE = Struct(
    "api.CreateRequest",
    {
        **_NAMED,
        "stream": BOOL,
        "quantize": STRING,
        "quantization": STRING,
        "from": STRING,
        "remote_host": STRING,
        "files": _TEXTS,
        "adapters": _TEXTS,
        "template": STRING,
        "license": ANY,
        "system": STRING,
        "parameters": _MAP,
        "messages": _MESSAGES,
        "renderer": STRING,
        "parser": STRING,
        "info": _MAP,
    },
)

_OPENAI_CALL = Struct(
    "openai.ToolCall",
    {
        "id": STRING,
        "index": INT,
        "type": STRING,
        "function": Struct("", {"name": STRING, "arguments": STRING}),
    },
)
_STREAM_OPTIONS = Struct("openai.StreamOptions", {"include_usage": BOOL})
OPENAI_CHAT = Struct(
    "openai.ChatCompletionRequest",
    {
        "model": STRING,
        "messages": ListOf(
            Struct(
                "openai.Message",
                {
                    "role": STRING,
                    "content": ANY,
                    "reasoning": STRING,
                    "tool_calls": ListOf(_OPENAI_CALL, "[]openai.ToolCall"),
                    "name": STRING,
                    "tool_call_id": STRING,
                },
            ),
            "[]openai.Message",
        ),
        "stream": BOOL,
        "stream_options": _STREAM_OPTIONS,
        "max_tokens": INT,
        "seed": INT,
        "stop": ANY,
        "temperature": FLOAT,
        "frequency_penalty": FLOAT,
        "presence_penalty": FLOAT,
        "top_p": FLOAT,
        "response_format": Struct(
            "openai.ResponseFormat",
            {"type": STRING, "json_schema": Struct("openai.JsonSchema", {"schema": ANY})},
        ),
        "tools": ListOf(_TOOL, "[]api.Tool"),
        "reasoning": Struct("openai.Reasoning", {"effort": STRING}),
        "reasoning_effort": STRING,
        "logprobs": BOOL,
        "top_logprobs": INT,
        "_debug_render_only": BOOL,
    },
)
OPENAI_COMPLETION = Struct(
    "openai.CompletionRequest",
    {
        "model": STRING,
        "prompt": STRING,
        "frequency_penalty": FLOAT,
        "max_tokens": INT,
        "presence_penalty": FLOAT,
        "seed": INT,
        "stop": ANY,
        "stream": BOOL,
        "stream_options": _STREAM_OPTIONS,
        "temperature": FLOAT,
        "top_p": FLOAT,
        "suffix": STRING,
        "logprobs": INT,
    },
)
OPENAI_EMBED = Struct(
    "openai.EmbedRequest", {"input": ANY, "model": STRING, "dimensions": INT, "encoding_format": STRING}
)
RESPONSES = Struct(
    "openai.ResponsesRequest",
    {
        "model": STRING,
        "input": ANY,
        "instructions": STRING,
        "stream": BOOL,
        "temperature": FLOAT,
        "top_p": FLOAT,
        "max_output_tokens": INT,
        "tools": ANY,
        "reasoning": Struct("openai.ResponsesReasoning", {"effort": STRING}),
    },
)
MESSAGES = Struct(
    "anthropic.MessagesRequest",
    {
        "model": STRING,
        "max_tokens": INT,
        "messages": ListOf(
            Struct("anthropic.MessageParam", {"role": STRING, "content": ANY}, reads_itself=True),
            "[]anthropic.MessageParam",
        ),
        "system": ANY,
        "stream": BOOL,
        "temperature": FLOAT,
        "top_p": FLOAT,
        "top_k": INT,
        "stop_sequences": ListOf(STRING, "[]string"),
        "tools": ListOf(Struct("anthropic.Tool", {"name": STRING, "description": STRING}), "[]anthropic.Tool"),
        "thinking": Struct("anthropic.ThinkingConfig", {"type": STRING, "budget_tokens": INT}),
    },
)
