"""Holds answers of the Responses API against the Open Responses specification, by its models (``openresponses-types``).

Custom tools and namespaces are OpenAI's own and not in the specification, so what speaks of them is left out. Two
things in the models are narrower than the specification's text and than OpenAI: ``schema`` may only be null
(openresponses' openapi.json says ``"type": "null"``), and a choice of a custom tool is unknown.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import openresponses_types as spec

if TYPE_CHECKING:
    from pydantic import BaseModel

JsonObject = dict[str, Any]

OPENAI_ONLY = frozenset(("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"))
ITEMS = frozenset(("message", "reasoning", "function_call"))


def _models() -> dict[str, type[BaseModel]]:
    """The model of each event, by the event's type."""
    found = {}
    for name, model in vars(spec).items():
        if name.endswith("StreamingEvent"):
            (kind,) = typing.get_type_hints(model)["type"]
            found[str(kind.value)] = model
    return found


EVENTS = _models()


def check_response(response: JsonObject) -> None:
    """Raises ValidationError, or AssertionError for what the models cannot say."""
    spec.ResponseResource.model_validate(_in_the_specification(response))
    assert response.get("user", "") is not None
    assert (response["completed_at"] is not None) == (response["status"] == "completed")


def check_event(event: JsonObject) -> None:
    """Raises ValidationError or AssertionError, as for a response."""
    kind = event["type"]
    if kind in OPENAI_ONLY or event.get("item", {}).get("type", "message") not in ITEMS:
        return
    if "response" in event:
        check_response(event["response"])
        event = {**event, "response": _in_the_specification(event["response"])}
    EVENTS[kind].model_validate(event)


def _in_the_specification(response: JsonObject) -> JsonObject:
    form = response["text"]["format"]
    assert form["type"] != "json_schema" or isinstance(form["schema"], dict)
    choice = response["tool_choice"]
    return {
        **response,
        "output": [item for item in response["output"] if item["type"] in ITEMS],
        "tools": [tool for tool in response["tools"] if tool["type"] == "function"],
        "text": {**response["text"], "format": {**form, "schema": None}},
        "tool_choice": "auto" if isinstance(choice, dict) and choice["type"] == "custom" else choice,
    }
