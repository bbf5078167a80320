"""A Responses body, checked and turned into the hub's chat body.

Its input is a flat list of items where chat has messages with calls inside: reasoning, a
message and the calls that follow belong to one assistant message, and nothing but the
tools' results may come between such a message and the next. Linx keeps no answers, so
whatever refers to an earlier one is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.dialects.responses.tools import ToolNames
from linx.dialects.shared import chat_body, fields, opaque_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject

_STORED = ("previous_response_id", "conversation", "prompt")
_COPIED: tuple[tuple[str, Callable[[JsonObject, str], Any]], ...] = (
    ("temperature", fields.number),
    ("top_p", fields.number),
    ("top_k", fields.integer),
    ("presence_penalty", fields.number),
    ("frequency_penalty", fields.number),
    ("seed", fields.integer),
    ("user", fields.text),
    ("reasoning_effort", fields.text),
)
_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
_RESULTS = frozenset(f"{kind}_output" for kind in _CALLS)
_WITH_LOGPROBS = "message.output_text.logprobs"


def to_chat_body(body: JsonObject) -> JsonObject:
    """The hub body of a Responses-shaped one; raises BadRequest."""
    fields.whole_body(body)
    for key in _STORED:
        if body.get(key) is not None:
            raise BadRequest(f"{key}: is not supported, since Linx keeps no responses; send the whole input", param=key)
    if fields.flag(body, "background"):
        raise BadRequest("background: is not supported, since Linx keeps no responses", param="background")
    names = ToolNames(body)
    out: JsonObject = {"model": fields.need_name(body, "model"), "messages": _messages(body, names)}
    for key in ("max_output_tokens", "max_completion_tokens", "max_tokens"):
        limit = fields.integer(body, key, least=1)
        if limit is not None:
            out.setdefault("max_tokens", limit)
    for key, read in _COPIED:
        value = read(body, key)
        if value is not None:
            out[key] = value
    if body.get("stop") is not None:
        out["stop"] = [body["stop"]] if isinstance(body["stop"], str) else fields.texts(body, "stop")
    if effort := fields.text(fields.mapping(body, "reasoning") or {}, "effort", "reasoning"):
        out["reasoning_effort"] = effort
    _add_text(fields.mapping(body, "text") or {}, out)
    top, included = fields.integer(body, "top_logprobs", least=0), fields.texts(body, "include")
    if top or _WITH_LOGPROBS in included:
        out["logprobs"] = True
        if top:
            out["top_logprobs"] = top
    _add_tools(body, names, out)
    return out


def _add_text(config: JsonObject, out: JsonObject) -> None:
    if verbosity := fields.text(config, "verbosity", "text"):
        out["verbosity"] = verbosity
    wanted = fields.mapping(config, "format", "text")
    kind = "text" if wanted is None else fields.need_text(wanted, "type", "text.format")
    if wanted is None or kind == "text":
        return
    if kind == "json_object":
        out["response_format"] = {"type": kind}
    elif kind == "json_schema":
        schema = fields.mapping(wanted, "schema", "text.format")
        if schema is None:
            raise fields.wrong("text.format.schema", "an object")
        shape: JsonObject = {"name": fields.text(wanted, "name", "text.format") or "response", "schema": schema}
        strict = fields.flag(wanted, "strict", "text.format")
        if strict is not None:
            shape["strict"] = strict
        out["response_format"] = {"type": kind, "json_schema": shape}
    else:
        raise fields.wrong("text.format.type", "text, json_object or json_schema")


def _add_tools(body: JsonObject, names: ToolNames, out: JsonObject) -> None:
    parallel = fields.flag(body, "parallel_tool_calls")
    choice = body.get("tool_choice")
    if choice is not None and not isinstance(choice, str | dict):
        raise fields.wrong("tool_choice", "a string or an object")
    if not names.tools:
        return
    out["tools"] = names.tools
    if parallel is not None:
        out["parallel_tool_calls"] = parallel
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            raise fields.wrong("tool_choice", "auto, none, required or an object")
        out["tool_choice"] = choice
    elif choice is not None:
        _add_choice(choice, names, out)


def _add_choice(choice: JsonObject, names: ToolNames, out: JsonObject) -> None:
    kind = fields.need_text(choice, "type", "tool_choice")
    if kind == "allowed_tools":
        # Few providers know this one; they all know fewer tools.
        allowed = {_chosen(tool, names) for tool in fields.objects(choice, "tools", "tool_choice")}
        out["tools"] = [tool for tool in out["tools"] if tool["function"]["name"] in allowed]
        if out["tools"]:
            out["tool_choice"] = fields.text(choice, "mode", "tool_choice") or "auto"
        else:
            del out["tools"]
            out.pop("parallel_tool_calls", None)
    elif kind in {"function", "custom"}:
        name = _chosen(choice, names)
        if all(tool["function"]["name"] != name for tool in out["tools"]):
            raise fields.wrong("tool_choice.name", "the name of one of the tools")
        out["tool_choice"] = {"type": "function", "function": {"name": name}}
    # Else a tool that OpenAI would have run: it was left out.


def _chosen(choice: JsonObject, names: ToolNames) -> str | None:
    kind = str(choice.get("type"))
    if kind not in {"function", "custom"}:
        return None
    holder = fields.mapping(choice, kind, "tool_choice") or choice
    return names.flat(fields.need_name(holder, "name", "tool_choice"), fields.text(choice, "namespace", "tool_choice"))


# --- input ----------------------------------------------------------------------------


def _messages(body: JsonObject, names: ToolNames) -> list[JsonObject]:
    talk = _Conversation(names)
    if instructions := fields.text(body, "instructions"):
        talk.say({"role": "system", "content": instructions})
    given = body.get("input")
    if isinstance(given, str):
        talk.say({"role": "user", "content": given})
    elif isinstance(given, list):
        for position, item in enumerate(fields.as_objects(given, "input")):
            talk.add(item, f"input[{position}]")
    else:
        raise fields.wrong("input", "a string or a list of items")
    messages = talk.end()
    if not messages:
        raise fields.wrong("input", "not empty")
    return chat_body.join_leading_system(messages)


class _Conversation:
    """Items in, messages out. ``_turn`` is the assistant's message that may still grow."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._messages: list[JsonObject] = []
        self._turn: JsonObject | None = None
        # Pieces of the turn, joined once it is over: adding up strings would copy them all each time.
        self._said: list[str] = []
        self._thought: list[str] = []
        self._thoughts: list[str] = []
        self._details: list[JsonObject] = []
        self._pictures: list[JsonObject] = []

    def add(self, item: JsonObject, path: str) -> None:
        kind = fields.text(item, "type", path) or "message"
        if kind == "message":
            self._message(item, path)
        elif kind in _CALLS:
            self._call(item, kind, path)
        elif kind in _RESULTS:
            call_id = fields.text(item, "call_id", path) or fields.need_name(item, "id", path)
            self._result(call_id, item.get("output"), f"{path}.output")
        elif kind == "reasoning":
            self._reasoning(item, path)
        elif kind == "item_reference":
            raise BadRequest(f"{path}: item_reference is not supported, since Linx keeps no responses", param=path)
        # What a service's own tools did has no place in a chat.

    def say(self, message: JsonObject) -> None:
        """Anybody's message but the assistant's: its turn is over."""
        self._close_turn()
        if self._pictures:
            self._messages.append(chat_body.user_message(self._pictures))
            self._pictures = []
        self._messages.append(message)

    def end(self) -> list[JsonObject]:
        self._close_turn()
        if self._pictures:
            self._messages.append(chat_body.user_message(self._pictures))
        return self._messages

    def _settle(self) -> None:
        if self._turn is not None:
            if self._said:
                self._turn["content"] = "\n".join([self._turn["content"], *self._said])
            if self._thought:
                self._turn["reasoning_content"] = "\n\n".join(self._thought)
        self._said, self._thought = [], []

    def _close_turn(self) -> None:
        self._settle()
        self._turn = None
        self._thoughts, self._details = [], []

    def _message(self, item: JsonObject, path: str) -> None:
        role = fields.need_text(item, "role", path)
        where = f"{path}.content"
        if role == "tool":
            self._result(fields.need_name(item, "tool_call_id", path), item.get("content"), where)
        elif role == "assistant":
            self._assistant(item, path)
        elif role == "user":
            self.say(chat_body.user_message(_parts(item.get("content"), where)))
        elif role in {"system", "developer"}:
            text, _rest = chat_body.split_text(_parts(item.get("content"), where))
            self.say({"role": "system", "content": text})
        else:
            raise fields.wrong(f"{path}.role", "user, assistant, system, developer or tool")

    def _assistant(self, item: JsonObject, path: str) -> None:
        calls = fields.objects(item, "tool_calls", path)
        content = item.get("content")
        text = "" if content is None and calls else chat_body.split_text(_parts(content, f"{path}.content"))[0]
        turn = self._turn
        if turn is None or ("tool_calls" not in turn and turn["content"] is not None):
            turn = self._open_turn()
        if turn["content"] is None:
            turn["content"] = text or (None if calls else "")
        elif text:
            self._said.append(text)
        self._think(turn)
        for position, call in enumerate(calls):
            where = f"{path}.tool_calls[{position}]"
            function = fields.mapping(call, "function", where) or {}
            arguments = fields.text(function, "arguments", where) or ""
            name = fields.need_name(function, "name", where)
            turn.setdefault("tool_calls", []).append(
                chat_body.tool_call(chat_body.clean_id(fields.need_name(call, "id", where)), name, arguments)
            )

    def _call(self, item: JsonObject, kind: str, path: str) -> None:
        call_id = fields.text(item, "call_id", path) or fields.need_name(item, "id", path)
        given = item.get(_CALLS[kind])
        if kind in {"function_call", "custom_tool_call"}:
            namespace = fields.text(item, "namespace", path)
            name = self._names.flat(fields.need_name(item, "name", path), namespace)
            arguments = fields.text(item, _CALLS[kind], path) or ""
            if kind == "custom_tool_call":
                arguments = jsontext.dumps({"input": arguments}).decode()
        else:
            name, arguments = kind.removesuffix("_call"), jsontext.dumps(given).decode()
        turn = self._turn or self._open_turn()
        self._think(turn)
        turn.setdefault("tool_calls", []).append(chat_body.tool_call(chat_body.clean_id(call_id), name, arguments))

    def _result(self, call_id: str, output: Any, where: str) -> None:
        self._close_turn()
        if isinstance(output, list):
            text, rest = chat_body.split_text(_parts(output, where))
            self._pictures += rest
        elif output is None or isinstance(output, str):
            text = output or ""
        else:
            text = jsontext.dumps(output).decode()
        self._messages.append({"role": "tool", "tool_call_id": chat_body.clean_id(call_id), "content": text})

    def _reasoning(self, item: JsonObject, path: str) -> None:
        parts = fields.objects(item, "content", path) or fields.objects(item, "summary", path)
        text = "\n\n".join(fields.need_text(part, "text", path) for part in parts)
        if text:
            self._thoughts.append(text)
        for detail in opaque_reasoning.unpack(fields.text(item, "encrypted_content", path) or ""):
            if detail.get("type") == "reasoning.text":
                detail.setdefault("text", text)
            self._details.append(detail)

    def _open_turn(self) -> JsonObject:
        if self._pictures:
            self._messages.append(chat_body.user_message(self._pictures))
            self._pictures = []
        self._settle()
        turn: JsonObject = {"role": "assistant", "content": None}
        self._turn = turn
        self._messages.append(turn)
        return turn

    def _think(self, turn: JsonObject) -> None:
        """The reasoning read since belongs to this message."""
        self._thought += self._thoughts
        if self._details:
            turn.setdefault("reasoning_details", []).extend(self._details)
        self._thoughts, self._details = [], []


def _parts(value: Any, where: str) -> list[JsonObject]:
    if isinstance(value, str):
        return [chat_body.text_part(value)]
    made = []
    for position, part in enumerate(fields.as_objects(value, where)):
        path = f"{where}[{position}]"
        read = _PARTS.get(fields.need_text(part, "type", path))
        if read is None:
            raise fields.wrong(f"{path}.type", "a kind of content that Linx knows")
        made.append(read(part, path))
    return made


def _text_part(part: JsonObject, path: str) -> JsonObject:
    return chat_body.text_part(fields.need_text(part, "text", path))


def _refusal_part(part: JsonObject, path: str) -> JsonObject:
    return chat_body.text_part(fields.need_text(part, "refusal", path))


def _image_part(part: JsonObject, path: str) -> JsonObject:
    url = part.get("image_url")
    holder, where = (url, f"{path}.image_url") if isinstance(url, dict) else (part, path)
    key = "url" if isinstance(url, dict) else "image_url"
    return chat_body.image_part(
        fields.need_text(holder, key, where), fields.at(where, key), fields.text(holder, "detail", where)
    )


def _file_part(part: JsonObject, path: str) -> JsonObject:
    nested = fields.mapping(part, "file", path)
    holder = part if nested is None else nested
    for key in ("file_data", "file_url"):
        data = fields.text(holder, key, path)
        if data:
            return chat_body.file_part(fields.text(holder, "filename", path) or "file", data)
    return {"type": "file", "file": {"file_id": fields.need_text(holder, "file_id", path)}}


def _audio_part(part: JsonObject, path: str) -> JsonObject:
    audio = fields.mapping(part, "input_audio", path) or part
    sound = {key: fields.need_text(audio, key, path) for key in ("data", "format")}
    return {"type": "input_audio", "input_audio": sound}


_PARTS: dict[str, Callable[[JsonObject, str], JsonObject]] = {
    "input_text": _text_part,
    "output_text": _text_part,
    "text": _text_part,
    "summary_text": _text_part,
    "reasoning_text": _text_part,
    "refusal": _refusal_part,
    "input_image": _image_part,
    "image_url": _image_part,
    "input_file": _file_part,
    "file": _file_part,
    "input_audio": _audio_part,
}
