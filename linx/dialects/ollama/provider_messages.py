"""A chat body's messages as Ollama's: each has one string of content, with images beside it.

Several parts become what Ollama itself makes of them on its path of the client's dialect, so that a model sees the same
prompt as without Linx: a message for each part of a user's chat message (openai/openai.go), and texts without anything
between them in the other dialects (anthropic/anthropic.go, openai/responses.go). A tool's result and an answer stay
whole in every dialect: cut in two, a result would lose the call that it answers.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from linx.core import jsontext
from linx.core.chat import Dialect
from linx.core.errors import BadRequest, quote
from linx.dialects.failures.meaning import unsupported
from linx.dialects.ollama.images import from_url
from linx.dialects.shared.data_urls import clean_base64

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def messages_for(messages: list[Any], dialect: Dialect = Dialect.OPENAI) -> list[JsonObject]:
    """``dialect``: the client's."""
    names: dict[str, str] = {}  # of tools, by the id of the call
    is_chat = dialect is Dialect.OPENAI
    joint = "\n" if is_chat else ""
    made: list[JsonObject] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if is_chat and _has_parts_of_a_user(message):
            made += _apart(message["content"], f"{where}.content")
        else:
            made.append(_message(message, where, names, joint))
    return made


def _has_parts_of_a_user(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) and message.get("role") == "user" else None
    return isinstance(content, list) and len(content) > 1


def _apart(parts: list[Any], where: str) -> list[JsonObject]:
    made: list[JsonObject] = []
    for number, part in enumerate(parts):
        texts, images = _read_part(part, f"{where}[{number}]")
        made.append({"role": "user", "content": "".join(texts), **({"images": images} if images else {})})
    return made


def _message(message: Any, where: str, names: dict[str, str], joint: str) -> JsonObject:
    if not isinstance(message, dict):
        raise BadRequest(f"{where} must be an object", param=where)
    role = message.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise BadRequest(f"{where}.role must be one of {', '.join(_ROLES)}", param=f"{where}.role")
    content, images = _content(message.get("content"), f"{where}.content", joint)
    clean: JsonObject = {"role": known, "content": content}
    if images:
        clean["images"] = images
    if known == "assistant":
        _add_assistant(clean, message, where, names)
    elif known == "tool":
        call_id = message.get("tool_call_id")
        name = message.get("name")
        if isinstance(call_id, str):
            clean["tool_call_id"] = call_id
            name = name or names.get(call_id)
        clean["tool_name"] = name if isinstance(name, str) else ""
    return clean


def _content(content: Any, where: str, joint: str) -> tuple[str, list[str]]:
    if content is None:
        return "", []
    if isinstance(content, str):
        return content, []
    if not isinstance(content, list):
        raise BadRequest(f"{where} must be a string or a list of parts", param=where)
    texts: list[str] = []
    images: list[str] = []
    for number, part in enumerate(content):
        said, seen = _read_part(part, f"{where}[{number}]")
        texts += said
        images += seen
    return joint.join(texts), images


def _read_part(part: Any, place: str) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    images: list[str] = []
    if isinstance(part, str):
        texts.append(part)
    elif not isinstance(part, dict):
        raise BadRequest(f"{place} must be an object", param=place)
    else:
        _add_part(part, place, texts, images)
    return texts, images


def _add_part(part: JsonObject, where: str, texts: list[str], images: list[str]) -> None:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            raise BadRequest(f"{where} has no text", param=where)
        texts.append(text)
    elif kind in ("image_url", "input_image"):
        url = part.get("image_url")
        if isinstance(url, dict):
            url = url.get("url")
        if not isinstance(url, str):
            raise BadRequest(f"{where}.image_url.url must be a string", param=f"{where}.image_url.url")
        images.append(from_url(url, f"{where}.image_url.url"))
    elif kind == "file":
        texts.append(_file_text(part, where))
    else:
        raise unsupported(f"takes no {quote(str(kind))} part ({where})")


def _file_text(part: JsonObject, where: str) -> str:
    """A plain-text file's text; Ollama has no place for any other file."""
    file = part.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    head, comma, body = data.partition(",") if isinstance(data, str) else ("", "", "")
    if not comma or not head.lower().startswith("data:text/plain"):
        raise unsupported(f"takes no files but plain text ({where})")
    if head.lower().endswith(";base64"):
        # ``clean_base64`` checks images, but what it returns can be decoded whatever it holds.
        raw = b64decode(clean_base64(body, f"{where}.file.file_data"))
    else:
        raw = unquote_to_bytes(body)
    return raw.decode("utf-8", "replace")


def _add_assistant(clean: JsonObject, message: JsonObject, where: str, names: dict[str, str]) -> None:
    if not clean["content"] and isinstance(message.get("refusal"), str):
        clean["content"] = message["refusal"]
    thinking = _reasoning(message)
    if thinking:
        clean["thinking"] = thinking
    calls = message.get("tool_calls")
    if calls is None and isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if not calls:
        return
    if not isinstance(calls, list):
        raise BadRequest(f"{where}.tool_calls must be a list", param=f"{where}.tool_calls")
    clean["tool_calls"] = [
        _tool_call(call, f"{where}.tool_calls[{number}]", names) for number, call in enumerate(calls)
    ]


def _reasoning(message: JsonObject) -> str:
    for key in ("reasoning_content", "reasoning"):
        text = message.get(key)
        if isinstance(text, str) and text:
            return text
    details = message.get("reasoning_details")
    texts = []
    for detail in details if isinstance(details, list) else ():
        text = (detail.get("text") or detail.get("summary")) if isinstance(detail, dict) else None
        if isinstance(text, str):
            texts.append(text)
    return "".join(texts)


def _tool_call(call: Any, where: str, names: dict[str, str]) -> JsonObject:
    call = call if isinstance(call, dict) else {}
    function = call.get("function")
    custom = call.get("custom")
    if isinstance(custom, dict):
        function = {"name": custom.get("name"), "arguments": {"input": custom.get("input")}}
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str):
        raise BadRequest(f"{where}.function.name must be a string", param=f"{where}.function.name")
    clean: JsonObject = {"function": {"name": name, "arguments": arguments_object(function.get("arguments"))}}
    call_id = call.get("id")
    if isinstance(call_id, str) and call_id:
        names[call_id] = name
        clean = {"id": call_id, **clean}
    return clean


def arguments_object(arguments: Any) -> JsonObject:
    """The arguments of a call in the history as an object, whatever the model had written."""
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    try:
        value = jsontext.loads_strict(arguments.encode("utf-8", "replace"))
    except jsontext.InvalidJSON:
        value = None
    # A slip of the model is better shown to the model in its history than to the client as an error.
    return value if isinstance(value, dict) else {"_raw": arguments}
