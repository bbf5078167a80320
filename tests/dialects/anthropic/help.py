"""Who says whether a body is one for the Messages API: the official SDK's types, and the fake's checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

from linx.core import jsontext
from linx.core.chat import ChatBody, ChatRequest, ModelTraits
from linx.dialects.anthropic.provider_request import chat_body
from tests.fakes import wire_anthropic
from tests.fakes.catalogue import Model
from tests.fakes.wire_anthropic_checks import check, check_fields

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-5-5"
_VERSION = {"anthropic-version": "2023-06-01"}
_PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsStreaming)
_GONE_FROM_TYPES = ("temperature", "top_p", "top_k")  # the API still takes them under this version


def body_for(hub: JsonObject, model: str = HAIKU, **traits: Any) -> JsonObject:
    """The body for a model whose provider has it in its list, judged."""
    known = {"listed": wire_anthropic.model_info(Model(model)), **traits}
    body = chat_body(ChatRequest("asked", ChatBody(hub)), model, ModelTraits(**known))
    judge(body)
    return body


def judge(body: JsonObject) -> None:
    sent = jsontext.loads(jsontext.dumps(body))
    check_fields(sent)
    check(sent, Model(sent["model"]), _VERSION)
    _walk(_PARAMS.validate_python({name: value for name, value in sent.items() if name not in _GONE_FROM_TYPES}))


def _walk(value: Any) -> None:
    """Look at everything: the SDK's types have iterators where lists are, which are checked only as they are read."""
    if isinstance(value, dict):
        for item in value.values():
            _walk(item)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for item in value:
            _walk(item)


def said(*messages: Any, **more: Any) -> JsonObject:
    """A hub body; a text is the user's, a tuple a role and a content."""
    made = []
    for message in messages:
        if isinstance(message, str):
            message = {"role": "user", "content": message}
        elif isinstance(message, tuple):
            message = {"role": message[0], "content": message[1]}
        made.append(message)
    return {"model": "asked", "messages": made, **more}


def calls(*ids: str | None, name: str = "f", arguments: str = '{"a":1}', **more: Any) -> JsonObject:
    """An assistant's message with calls of these ids."""
    function = {"name": name, "arguments": arguments}
    made = [{"type": "function", "function": function, **({} if one is None else {"id": one})} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": made, **more}


def result(call_id: str | None, content: Any = "ok") -> JsonObject:
    return {"role": "tool", "content": content, **({} if call_id is None else {"tool_call_id": call_id})}


def function(name: str = "f", **more: Any) -> JsonObject:
    return {"type": "function", "function": {"name": name, **more}}
