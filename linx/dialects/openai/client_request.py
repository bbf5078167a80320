"""Checks a client's chat body, and brings what clients write in several ways into one form.

Rule: checked are types and structure of what Linx reads or translates. Ranges are for the
provider to judge, unknown fields pass, and null means that a field is absent. The client's
body is never changed: what needs another form is copied.
"""

from __future__ import annotations

from operator import is_not
from typing import TYPE_CHECKING, Any

from linx.core import jsontext, known_tools
from linx.core.chat import ChatBody
from linx.core.errors import BadRequest
from linx.dialects.shared import free_text_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject


def checked_body(body: Any, free_text: frozenset[str] = frozenset()) -> tuple[ChatBody, bool]:
    """The body that travels between dialects, and whether it spoke of ``functions``. Raises BadRequest.

    ``free_text``: the names of its tools that take free text (``flat_custom_names``).
    """
    if not isinstance(body, dict):
        raise BadRequest("the request body must be a JSON object")
    clean = ChatBody(body)
    if None in clean.values():
        clean = ChatBody({key: value for key, value in body.items() if value is not None})
    model = clean.get("model")
    if not isinstance(model, str) or not model.strip():
        raise BadRequest("model must be the name of a model", param="model")
    for key, value in clean.items():
        check = _TOP.get(key)
        if check is not None:
            words, is_right = check
            if not is_right(value):
                raise _wrong(key, words)
            if is_right is _is_whole:
                clean[key] = int(value)
    _check_response_format(clean.get("response_format"))
    is_legacy = _map_functions(clean)
    if "tools" in clean:
        clean["tools"] = known_tools.derived(clean["tools"], _tools)
    clean["messages"] = _messages(clean.get("messages"))
    if free_text:
        clean["messages"] = [_with_arguments(message, free_text) for message in clean["messages"]]
    if "tool_choice" in clean:
        clean["tool_choice"] = _tool_choice(clean["tool_choice"])
    return clean, is_legacy


# --- single fields ---


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _is_bias(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(item) for item in value.values())


def _is_stream_options(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("include_usage"), bool | None)


def _is_choice(value: Any) -> bool:
    return isinstance(value, str | dict)


_TOP: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "stream": ("true or false", _is_bool),
    "stream_options": ("an object whose include_usage is true or false", _is_stream_options),
    "temperature": ("a number", _is_number),
    "top_p": ("a number", _is_number),
    "presence_penalty": ("a number", _is_number),
    "frequency_penalty": ("a number", _is_number),
    "n": ("a whole number", _is_whole),
    "max_tokens": ("a whole number", _is_whole),
    "max_completion_tokens": ("a whole number", _is_whole),
    "seed": ("a whole number", _is_whole),
    "top_logprobs": ("a whole number", _is_whole),
    "logprobs": ("true or false", _is_bool),
    "parallel_tool_calls": ("true or false", _is_bool),
    "reasoning_effort": ("a string", _is_text),
    "stop": ("a string or a list of strings", _is_stop),
    "logit_bias": ("an object of numbers", _is_bias),
    "response_format": ("an object", _is_object),
    "tools": ("a list", _is_list),
    "functions": ("a list", _is_list),
    "tool_choice": ("a string or an object", _is_choice),
    "function_call": ("a string or an object", _is_choice),
}


def _wrong(param: str, words: str) -> BadRequest:
    return BadRequest(f"{param} must be {words}", param=param)


def _check_response_format(given: JsonObject | None) -> None:
    if given is None:
        return
    kind = given.get("type")
    if not isinstance(kind, str):
        raise _wrong("response_format.type", "a string")
    if kind != "json_schema":
        return
    holder = given.get("json_schema")
    if holder is None and isinstance(given.get("schema"), dict):
        return  # llama.cpp's shorter form
    if not isinstance(holder, dict):
        raise _wrong("response_format.json_schema", "an object")
    if not isinstance(holder.get("schema"), dict | None):
        raise _wrong("response_format.json_schema.schema", "an object")


# --- tools ---


def flat_custom_names(tools: Any) -> frozenset[str]:
    """The names of the tools that take free text and have no ``custom`` around them, as Responses has them.

    Cursor sends ApplyPatch so, beside functions in the form of this dialect (litellm#34029, sub2api#5861).
    """
    return frozenset(
        tool["name"]
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict)
        and tool.get("type") == "custom"
        and tool.keys().isdisjoint(("custom", "input_schema", "parameters"))
        and isinstance(tool.get("name"), str)
        and tool["name"]
    )


def _with_arguments(message: JsonObject, free_text: frozenset[str]) -> JsonObject:
    """A message of the history whose calls of such tools have arguments.

    Cursor returns them as it got them: as functions whose arguments are the text itself (codex-proxy#708).
    """
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_call_with_arguments(call, free_text) for call in calls]}


def _call_with_arguments(call: JsonObject, free_text: frozenset[str]) -> JsonObject:
    custom = call.get("custom")
    if isinstance(custom, dict) and custom.get("name") in free_text:
        name, text = custom["name"], custom.get("input")
    elif isinstance(call.get("function"), dict) and call["function"].get("name") in free_text:
        name, text = call["function"]["name"], call["function"]["arguments"]
    else:
        return call
    arguments = free_text_tools.to_arguments(text if isinstance(text, str) else "")
    kept = {key: value for key, value in call.items() if key not in ("custom", "function")}
    return {**kept, "type": "function", "function": {"name": name, "arguments": arguments}}


def _tools(given: list[Any]) -> list[JsonObject]:
    return [_tool(tool, f"tools[{number}]") for number, tool in enumerate(given)]


def _tool(given: Any, where: str) -> JsonObject:
    """A tool in nested form; Cursor sends flat ones, some of them in Anthropic's words."""
    if not isinstance(given, dict):
        raise _wrong(where, "an object")
    tool: JsonObject = given
    kind = tool.get("type")
    function = tool.get("function")
    if kind is None and (function is not None or "name" in tool):
        kind = "function"
    if not isinstance(kind, str):
        raise _wrong(f"{where}.type", "a string")
    if kind == "custom" and "custom" not in tool and isinstance(tool.get("name"), str) and tool["name"]:
        if flat_custom_names([tool]):
            return free_text_tools.function_of(tool, tool["name"], where)
        kind = "function"  # a custom tool with a schema is Anthropic's word for a function
    if kind != "function":
        return tool
    if function is None and "name" in tool:
        function = {key: tool[key] for key in ("name", "description", "parameters", "strict") if key in tool}
        if "parameters" not in function and "input_schema" in tool:
            function["parameters"] = tool["input_schema"]
        tool = {"type": kind, "function": function}
    if not isinstance(function, dict):
        raise _wrong(f"{where}.function", "an object")
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise _wrong(f"{where}.function.name", "a string that is not empty")
    if not isinstance(function.get("parameters"), dict | None):
        raise _wrong(f"{where}.function.parameters", "an object")
    clean = {key: value for key, value in function.items() if value is not None}
    return {**tool, "type": kind, "function": clean}


def _tool_choice(choice: Any) -> Any:
    is_flat = isinstance(choice, dict) and "name" in choice and choice.keys().isdisjoint(("function", "custom"))
    if is_flat and choice.get("type") in ("function", "custom"):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    if isinstance(choice, dict) and choice.get("type") == "function":
        function = choice.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise _wrong("tool_choice.function.name", "a string")
    return choice


def _map_functions(clean: JsonObject) -> bool:
    """Replace the old ``functions`` and ``function_call`` by tools. Were they there?"""
    functions = clean.pop("functions", None)
    choice = clean.pop("function_call", None)
    if not functions or "tools" in clean:
        return False
    clean["tools"] = [_function(function, f"functions[{number}]") for number, function in enumerate(functions)]
    if isinstance(choice, dict):
        if not isinstance(choice.get("name"), str):
            raise _wrong("function_call.name", "a string")
        choice = {"type": "function", "function": {"name": choice["name"]}}
    if choice is not None:
        clean["tool_choice"] = choice
    return True


def _function(function: Any, where: str) -> JsonObject:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _wrong(where, "an object with a name")
    return {"type": "function", "function": function}


# --- messages ---

_PLAIN_ROLES = frozenset(("system", "developer", "user", "assistant", "tool"))


def _messages(messages: Any) -> list[JsonObject]:
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "a list with at least one message")
    clean: list[JsonObject] = []
    old_id = ""  # of the last call in the old form, which the answer to it does not name
    for number, message in enumerate(messages):
        if not _is_plain(message):
            message, old_id = _message(message, number, old_id)
        clean.append(message)
    return clean


def _is_plain(message: Any) -> bool:
    """Is it a message as most are: with a text and without null, and so one that stays as it is?"""
    if type(message) is not dict or type(message.get("content")) is not str:
        return False
    if type(role := message.get("role")) is not str or role not in _PLAIN_ROLES:
        return False
    return len(message) == 2 or (
        type(message.get("tool_call_id", "")) is str
        and "tool_calls" not in message
        and "function_call" not in message
        and None not in message.values()
    )


def _message(message: Any, number: int, old_id: str) -> tuple[JsonObject, str]:
    """The message in the form that travels between dialects, and the new ``old_id``."""
    where = f"messages[{number}]"
    if not isinstance(message, dict):
        raise _wrong(where, "an object")
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise _wrong(f"{where}.role", "a string that is not empty")
    if None in message.values():
        message = {key: value for key, value in message.items() if value is not None or key == "content"}
    message = _with_parts(message, f"{where}.content")
    if "tool_calls" in message:
        given = message["tool_calls"]
        calls = _tool_calls(given, f"{where}.tool_calls")
        if any(map(is_not, calls, given)):
            message = {**message, "tool_calls": calls}
    if not isinstance(message.get("tool_call_id"), str | None):
        raise _wrong(f"{where}.tool_call_id", "a string")
    if "function_call" in message:
        old_id = f"call_{number}"
        message = _with_tool_call(message, old_id, f"{where}.function_call")
    if role == "function":
        message = {**message, "role": "tool", "tool_call_id": old_id or f"call_{number}"}
    return message, old_id


def _with_parts(message: JsonObject, where: str) -> JsonObject:
    content = message.get("content")
    if content == []:
        # Cursor beside tool calls; OpenAI and others refuse an empty list.
        return {**message, "content": None if message.get("tool_calls") else ""}
    if isinstance(content, list):
        return {**message, "content": [_part(part, where, number) for number, part in enumerate(content)]}
    if not isinstance(content, str | None):
        raise _wrong(where, "a string or a list of parts")
    return message


def _with_tool_call(message: JsonObject, call_id: str, where: str) -> JsonObject:
    """A message with its old ``function_call`` as a tool call."""
    message = dict(message)
    function = message.pop("function_call")
    if "tool_calls" not in message:
        call = {"id": call_id, "type": "function", "function": function}
        message["tool_calls"] = _tool_calls([call], where)
    return message


def _tool_calls(calls: Any, where: str) -> list[JsonObject]:
    if not isinstance(calls, list):
        raise _wrong(where, "a list")
    clean: list[JsonObject] = []
    for number, call in enumerate(calls):
        if not isinstance(call, dict):
            raise _wrong(f"{where}[{number}]", "an object")
        call_id, function = call.get("id"), call.get("function")
        if call_id is not None and not isinstance(call_id, str):
            raise _wrong(f"{where}[{number}].id", "a string")
        if function is None and isinstance(call.get("custom"), dict):
            clean.append(call)
            continue
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise _wrong(f"{where}[{number}].function", "an object with a name")
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            if not isinstance(arguments, dict | None):
                raise _wrong(f"{where}[{number}].function.arguments", "a string of JSON")
            text = "" if arguments is None else jsontext.dumps(arguments).decode()
            call = {**call, "function": {**function, "arguments": text}}
        clean.append(call)
    return clean


_PARTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a string", _is_text),
    "refusal": ("a string", _is_text),
    "input_audio": ("an object with data", lambda value: _is_object(value) and _is_text(value.get("data"))),
    "file": ("an object", _is_object),
    "image_url": ("an object with a url", lambda value: _is_object(value) and _is_text(value.get("url"))),
}
"""Type of a part, and so the key of what it holds → what that must be."""


def _part(given: Any, where: str, number: int) -> JsonObject:
    where = f"{where}[{number}]"
    if not isinstance(given, dict):
        raise _wrong(where, "an object")
    part: JsonObject = given
    kind = part.get("type")
    if not isinstance(kind, str):
        raise _wrong(f"{where}.type", "a string")
    if kind == "image_url" and isinstance(part.get(kind), str):
        part = {**part, kind: {"url": part[kind]}}
    if kind in _PARTS:
        words, is_right = _PARTS[kind]
        if not is_right(part.get(kind)):
            raise _wrong(f"{where}.{kind}", words)
    return part
