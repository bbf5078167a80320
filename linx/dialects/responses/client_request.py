"""Checks a client's Responses body and turns it into a chat body; ``client_items`` reads its input.

References to earlier answers have been replaced before (``handlers.answers.responses``). One that is still in a body
refers to nothing that Linx keeps, and is refused in OpenAI's words, by which clients recognise it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import ChatBody
from linx.core.errors import BadRequest, quote
from linx.dialects.responses.client_items import messages_of
from linx.dialects.responses.tools import ToolNames
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject

_REFERENCES = ("conversation", "prompt")
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
_REPEATED: tuple[tuple[str, Callable[[JsonObject, str], Any]], ...] = (
    ("max_tool_calls", fields.integer),
    ("safety_identifier", fields.text),
    ("prompt_cache_key", fields.text),
    ("metadata", fields.mapping),
    ("store", fields.flag),
)
"""Fields that the response repeats and that no provider is told, so their types are checked and nothing more."""
_WITH_LOGPROBS = "message.output_text.logprobs"


def to_chat_body(body: JsonObject) -> ChatBody:
    """The chat body of a Responses body. Raises BadRequest."""
    fields.whole_body(body)
    _check_references(body)
    names = ToolNames(body)
    out = ChatBody(model=fields.need_name(body, "model"), messages=messages_of(body, names))
    for key in ("max_output_tokens", "max_completion_tokens", "max_tokens"):
        limit = fields.integer(body, key, least=1)
        if limit is not None:
            out.setdefault("max_tokens", limit)
    for key, read in _COPIED:
        value = read(body, key)
        if value is not None:
            out[key] = value
    _check_repeated(body)
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


def _check_references(body: JsonObject) -> None:
    for key in _REFERENCES:
        if body.get(key) is not None:
            raise BadRequest(f"{key}: is not supported, since it names something that OpenAI keeps", param=key)
    if fields.flag(body, "background"):
        raise BadRequest("background: is not supported; ask for a stream instead", param="background")
    if previous := fields.text(body, "previous_response_id"):
        raise BadRequest(
            f"Previous response with id '{quote(previous)}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )


def _check_repeated(body: JsonObject) -> None:
    for key, read in _REPEATED:
        read(body, key)


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
        # Few providers know this choice, so only the allowed tools are passed on.
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
    # Any other choice is a tool that OpenAI runs itself. Linx has left it out, and leaves out the choice too.


def _chosen(choice: JsonObject, names: ToolNames) -> str | None:
    """The chosen tool's name at the provider; None for a tool that OpenAI runs itself."""
    kind = str(choice.get("type"))
    if kind not in {"function", "custom"}:
        return None
    holder = fields.mapping(choice, kind, "tool_choice") or choice
    return names.flat(fields.need_name(holder, "name", "tool_choice"), fields.text(choice, "namespace", "tool_choice"))
