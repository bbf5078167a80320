"""An Ollama client's body as a chat body: /api/chat and /api/generate.

Everything Linx reads is checked here, options included, and a wrong type is the
client's error before any provider is tried. What only Ollama knows (``num_ctx``,
``keep_alive``, ``template``) stays in the client's body and leaves no trace in the chat body.

Ollama's clients pair tool results with calls by order and name and drop ids, while the
other providers insist on them: ``_History`` gives every call an id and every call
exactly one answer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import ChatBody, TextCompletion
from linx.core.errors import BadRequest
from linx.dialects.ollama.images import to_url
from linx.dialects.ollama.options import options
from linx.dialects.shared import fields
from linx.dialects.shared.data_urls import clean_base64

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_ROLES = ("system", "developer", "user", "assistant", "tool")
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
    history = _History()
    for number, message in enumerate(fields.objects(body, "messages")):
        history.add(number, message)
    chat["messages"] = history.end()
    return chat


def asked_of_generate(body: JsonObject) -> ChatBody | TextCompletion:
    """What /api/generate is asked: a conversation of one turn; raw, or with a suffix, a text past any template."""
    chat = _common(body)
    texts = {key: fields.text(body, key) or "" for key in ("prompt", "system", "suffix", "template")}
    context = body.get("context")
    if context is not None and not isinstance(context, list):
        raise fields.wrong("context", "a list of integers")
    is_raw = fields.flag(body, "raw")
    if is_raw and (texts["template"] or texts["system"] or context):
        raise BadRequest("raw mode does not support template, system, or context")
    images = _images(body, "")
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
    messages.append({"role": "user", "content": _content(texts["prompt"], images)})
    chat["messages"] = messages
    return chat


def is_unload(body: JsonObject) -> bool:
    """Is the time to keep the model 0, as a number or as a duration?"""
    value = body.get("keep_alive")
    if isinstance(value, str):
        return "0" in value and not value.strip("+-0.hmsnuµ")
    return value == 0


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


def _images(body: JsonObject, where: str) -> list[str]:
    return [clean_base64(image, fields.at(where, "images")) for image in fields.texts(body, "images", where)]


def _content(text: str, images: list[str]) -> str | list[JsonObject]:
    """A string, or parts with the text first."""
    if not images:
        return text
    parts: list[JsonObject] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": to_url(image)}} for image in images]


class _OpenCalls:
    """Calls that wait for their results, oldest first; found by id or name without a search through all."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}  # by number, in the order of the calls
        self._oldest: deque[int] = deque()
        self._named: dict[tuple[str, str], deque[int]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._ids)

    def add(self, call_id: str, name: str) -> None:
        number = self._count
        self._count += 1
        self._ids[number] = call_id
        self._oldest.append(number)
        for key in (("id", call_id), ("name", name)):
            self._named.setdefault(key, deque()).append(number)

    def take(self, call_id: str | None, name: str) -> str | None:
        """The id of the call that a result answers: by id, else by name, else the oldest."""
        if not self._ids:
            return None
        for field, wanted in (("id", call_id), ("name", name)):
            numbers = self._named.get((field, wanted)) if wanted else None
            if numbers and (found := self._first(numbers)) is not None:
                return found
        return self._first(self._oldest)

    def _first(self, numbers: deque[int]) -> str | None:
        while numbers:
            found = self._ids.pop(numbers.popleft(), None)
            if found is not None:
                return found
        return None

    def take_all(self) -> list[str]:
        ids = list(self._ids.values())
        self._ids.clear()
        self._oldest.clear()
        self._named.clear()
        return ids


class _History:
    """Ollama's messages on their way to the hub, their tool calls paired with the results."""

    def __init__(self) -> None:
        self._messages: list[JsonObject] = []
        self._open = _OpenCalls()
        self._shown: list[JsonObject] = []  # images of tool results: they follow the results, as the user's
        self._said: dict[str, list[str]] = {}  # pieces of the last assistant message, joined once it is over

    def add(self, number: int, message: JsonObject) -> None:
        where = f"messages[{number}]"
        role = message.get("role")
        role = role.lower() if isinstance(role, str) else role
        if role not in _ROLES:
            raise fields.wrong(f"{where}.role", f"one of {', '.join(_ROLES)}")
        text = fields.text(message, "content", where) or ""
        images = _images(message, where)
        if role == "tool":
            self._add_result(message, text, images, where)
            return
        calls = fields.objects(message, "tool_calls", where) if role == "assistant" else []
        thinking = fields.text(message, "thinking", where)
        if calls and self._open and self._messages[-1]["role"] == "assistant":
            # A client that keeps each frame of an answer as a message of its own.
            self._say("content", text)
            self._say("reasoning_content", thinking)
            self._messages[-1]["tool_calls"] += self._calls(number, calls, where)
            return
        self._answer_open()
        clean: JsonObject = {"role": role, "content": _content(text, images)}
        if role == "assistant":
            clean["content"] = text
            if thinking:
                clean["reasoning_content"] = thinking
            if calls:
                clean["tool_calls"] = self._calls(number, calls, where)
        self._messages.append(clean)

    def end(self) -> list[JsonObject]:
        self._answer_open()
        return self._messages

    def _calls(self, number: int, calls: list[JsonObject], where: str) -> list[JsonObject]:
        clean = []
        for position, call in enumerate(calls):
            place = f"{where}.tool_calls[{position}]"
            function = fields.mapping(call, "function", place) or {}
            name = fields.need_text(function, "name", f"{place}.function")
            arguments = fields.mapping(function, "arguments", f"{place}.function") or {}
            given = call.get("id")
            call_id = given if isinstance(given, str) and given else f"call_{number}_{position}"
            self._open.add(call_id, name)
            text = jsontext.dumps(arguments).decode()
            clean.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": text}})
        return clean

    def _add_result(self, message: JsonObject, text: str, images: list[str], where: str) -> None:
        name = fields.text(message, "tool_name", where) or fields.text(message, "name", where) or ""
        call_id = self._open.take(fields.text(message, "tool_call_id", where), name)
        if images:
            self._shown.append({"role": "user", "content": _content("", images)})
        if call_id is None:
            # Providers refuse a result that no call asked for, so it is told in words.
            self._answer_open()
            self._messages.append({"role": "user", "content": f"[tool {name} result] {text}"})
            return
        self._settle()
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def _say(self, key: str, text: str | None) -> None:
        """More of the last assistant message. Adding up strings would copy them all each time."""
        if text:
            pieces = self._said.get(key)
            if pieces is None:
                pieces = self._said[key] = [self._messages[-1].get(key, "")]
            pieces.append(text)

    def _settle(self) -> None:
        if self._said:
            self._messages[-1].update({key: "".join(pieces) for key, pieces in self._said.items()})
            self._said.clear()

    def _answer_open(self) -> None:
        """Empty results for calls that nobody answered, and the images that wait behind them."""
        self._settle()
        for call_id in self._open.take_all():
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": ""})
        self._messages += self._shown
        self._shown.clear()
