"""A client's Messages body, checked and turned into a chat body; its messages are read by ``client_messages``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import known_tools
from linx.core.chat import ChatBody
from linx.core.errors import BadRequest
from linx.dialects.anthropic.client_messages import messages_of
from linx.dialects.shared import chat_body, fields

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def to_chat_body(body: JsonObject, *, is_count: bool = False) -> ChatBody:
    """The chat body; raises BadRequest. ``is_count``: only to count its tokens, which needs no max_tokens."""
    fields.whole_body(body)
    out = ChatBody(model=fields.need_name(body, "model"), messages=messages_of(body))
    limit = fields.integer(body, "max_tokens", least=1)
    if limit is not None:
        out["max_tokens"] = limit
    elif not is_count:
        raise BadRequest("max_tokens: is missing; it must be a whole number of at least 1", param="max_tokens")
    for key, read in (("temperature", fields.number), ("top_p", fields.number), ("top_k", fields.integer)):
        value = read(body, key)
        if value is not None:
            out[key] = value
    if stops := [stop for stop in fields.texts(body, "stop_sequences") if stop]:
        out["stop"] = stops
    fields.text(fields.mapping(body, "metadata") or {}, "user_id", "metadata")  # checked, and told to no provider
    _add_tools(body, out)
    _add_thinking(body, out)
    _add_format(body, out)
    return out


def _add_tools(body: JsonObject, out: JsonObject) -> None:
    listed = fields.objects(body, "tools")
    tools = known_tools.derived(listed, _functions)
    if listed and not tools:
        raise BadRequest("tools: only tools that Anthropic runs itself were given; Linx cannot run them", param="tools")
    choice = fields.mapping(body, "tool_choice")
    if tools:
        out["tools"] = tools
        if choice is not None:
            _add_choice(choice, out)


def _functions(listed: list[JsonObject]) -> list[JsonObject]:
    tools = []
    for position, tool in enumerate(listed):
        path = f"tools[{position}]"
        if fields.text(tool, "type", path) in {None, "custom"}:
            name = fields.need_name(tool, "name", path)
            schema = fields.mapping(tool, "input_schema", path)
            description = fields.text(tool, "description", path)
            tools.append(chat_body.function_tool(name, description, schema, fields.flag(tool, "strict", path)))
    return tools


def _add_choice(choice: JsonObject, out: JsonObject) -> None:
    kind = fields.need_text(choice, "type", "tool_choice")
    if kind == "tool":
        name = fields.need_name(choice, "name", "tool_choice")
        if all(tool["function"]["name"] != name for tool in out["tools"]):
            raise fields.wrong("tool_choice.name", "the name of one of the tools")
        out["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        out["tool_choice"] = _CHOICES[kind]
    else:
        raise fields.wrong("tool_choice.type", "auto, any, tool or none")
    if fields.flag(choice, "disable_parallel_tool_use", "tool_choice"):
        out["parallel_tool_calls"] = False


def _add_thinking(body: JsonObject, out: JsonObject) -> None:
    config = fields.mapping(body, "output_config") or {}
    effort = fields.text(config, "effort", "output_config")
    thinking = fields.mapping(body, "thinking")
    kind = None if thinking is None else fields.need_text(thinking, "type", "thinking")
    if thinking is not None and kind == "enabled":
        out["think"] = True
        budget = fields.integer(thinking, "budget_tokens", "thinking", least=1)
        if budget is not None:
            out["thinking_budget"] = budget
    if kind == "disabled":
        out["think"] = False
    elif effort:
        out["reasoning_effort"] = effort
    # Any other type, such as adaptive, leaves it to the model.


def _add_format(body: JsonObject, out: JsonObject) -> None:
    config = fields.mapping(body, "output_config") or {}
    wanted = fields.mapping(config, "format", "output_config") or fields.mapping(body, "output_format")
    if wanted is None:
        return
    schema = fields.mapping(wanted, "schema", "output_config.format")
    if wanted.get("type") != "json_schema" or schema is None:
        raise fields.wrong("output_config.format", "of type json_schema, with a schema")
    shape = {"name": "response", "schema": schema, "strict": True}
    out["response_format"] = {"type": "json_schema", "json_schema": shape}
