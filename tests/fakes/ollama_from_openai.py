"""The parts of an OpenAI request as Ollama's own (FromChatRequest in its openai/openai.go)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.fakes.ollama_face import OPENAI
from tests.fakes.ollama_json import GoError, parsed

if TYPE_CHECKING:
    from tests.fakes.catalogue import JsonObject

_EFFORTS: dict[str, Any] = {"minimal": "low", "xhigh": "max", "ultra": "max", "none": False}
_MUST = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'


def think_of(body: JsonObject) -> JsonObject:
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


def messages_of(messages: list[Any]) -> list[JsonObject]:
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


def format_of(body: JsonObject) -> JsonObject:
    wanted = body.get("response_format") or {}
    kind = wanted.get("type", "").strip().lower()
    if kind == "json_object":
        return {"format": "json"}
    if kind == "json_schema" and wanted.get("json_schema"):
        return {"format": wanted["json_schema"].get("schema")}
    return {}


def predict_of(limit: Any) -> JsonObject:
    return {} if limit is None else {"options": {"num_predict": limit}}
