"""What an Ollama client's body asks: /api/chat and /api/generate.

Everything Linx reads is checked here, options included, and a wrong type is the
client's error before any provider is tried. What only Ollama knows (``num_ctx``,
``keep_alive``, ``template``) stays in the client's body and leaves no trace in the chat body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import ChatBody, TextCompletion
from linx.core.errors import BadRequest
from linx.dialects.ollama.client_messages import content_of, images_of, messages_of
from linx.dialects.ollama.options import options
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_LEVELS = ("low", "medium", "high", "max")
_CHAT_ONLY = frozenset(("logprobs", "model", "response_format", "think", "top_logprobs"))
"""What a text completion has another place for, or no place."""
_OPTIONS = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("typical_p", "typical_p"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("repeat_penalty", "repeat_penalty"),
    ("repeat_last_n", "repeat_last_n"),
)


def asked_of_chat(body: JsonObject) -> ChatBody:
    """What /api/chat is asked."""
    chat = _common(body)
    tools = fields.objects(body, "tools")
    if tools:
        chat["tools"] = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(tools)]
    chat["messages"] = messages_of(body)
    return chat


def asked_of_generate(body: JsonObject) -> ChatBody | TextCompletion:
    """What /api/generate is asked: a conversation of one turn, or (raw, or with a suffix) a text completion."""
    chat = _common(body)
    texts = {key: fields.text(body, key) or "" for key in ("prompt", "system", "suffix", "template")}
    context = body.get("context")
    if context is not None and not isinstance(context, list):
        raise fields.wrong("context", "a list of integers")
    is_raw = fields.flag(body, "raw")
    if is_raw and (texts["template"] or texts["system"] or context):
        raise BadRequest("raw mode does not support template, system, or context")
    images = images_of(body, "")
    if is_raw or texts["suffix"]:
        return TextCompletion(
            prompts=[texts["prompt"]],
            suffix=texts["suffix"],
            logprobs=chat.get("top_logprobs", 0) if chat.get("logprobs") else None,
            fields={key: value for key, value in chat.items() if key not in _CHAT_ONLY},
        )
    messages: list[JsonObject] = []
    if texts["system"]:
        messages.append({"role": "system", "content": texts["system"]})
    messages.append({"role": "user", "content": content_of(texts["prompt"], images)})
    chat["messages"] = messages
    return chat


def is_unload(body: JsonObject) -> bool:
    """Does the body ask to keep its model for no time at all? 0 may be a number or a duration."""
    value = body.get("keep_alive")
    if isinstance(value, str):
        return "0" in value and not value.strip("+-0.hmsnuµ")
    return value == 0


def shows_prompt(body: JsonObject) -> bool:
    """Does the body ask for the prompt as the model would get it, in place of an answer?"""
    return body.get("_debug_render_only") is True


def _common(body: JsonObject) -> ChatBody:
    """What /api/chat and /api/generate have in common. Raises BadRequest."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("model is required", param="model")
    fields.flag(body, "stream")
    chat = ChatBody(model=model)
    _add_options(body, chat)
    wanted = _format(body.get("format"))
    if wanted is not None:
        chat["response_format"] = wanted
    think = body.get("think")
    if think is not None:
        if not isinstance(think, bool) and think not in _LEVELS:
            raise fields.wrong("think", f"true, false or one of {', '.join(_LEVELS)}")
        chat["think"] = think
    keep_alive = body.get("keep_alive")
    if isinstance(keep_alive, bool) or not isinstance(keep_alive, int | float | str | None):
        raise fields.wrong("keep_alive", "a number of seconds or a duration such as 5m")
    _add_logprobs(body, chat)
    return chat


def _add_options(body: JsonObject, chat: ChatBody) -> None:
    given = options(fields.mapping(body, "options") or {})
    for own, name in _OPTIONS:
        if own in given:
            chat[name] = given[own]
    if given.get("num_predict", 0) > 0:
        chat["max_tokens"] = given["num_predict"]
    if given.get("seed", -1) >= 0:
        chat["seed"] = given["seed"]
    stop = [text for text in given.get("stop", ()) if text]
    if stop:
        chat["stop"] = stop


def _add_logprobs(body: JsonObject, chat: ChatBody) -> None:
    top = fields.integer(body, "top_logprobs")
    if top is not None and not 0 <= top <= 20:
        raise fields.wrong("top_logprobs", "between 0 and 20")
    if fields.flag(body, "logprobs"):
        chat["logprobs"] = True
        if top:
            chat["top_logprobs"] = top


def _format(wanted: Any) -> JsonObject | None:
    if wanted is None or wanted == "":
        return None
    if wanted == "json":
        return {"type": "json_object"}
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "response", "schema": wanted, "strict": False}}
    raise fields.wrong("format", '"json" or a JSON schema')


def _tool(tool: JsonObject, where: str) -> JsonObject:
    function = fields.mapping(tool, "function", where) or {}
    fields.need_name(function, "name", f"{where}.function")
    fields.mapping(function, "parameters", f"{where}.function")
    return {"type": "function", "function": function}
