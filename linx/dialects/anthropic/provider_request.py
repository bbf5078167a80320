"""A request for an answer as a body of the Messages API.

Two roads: a client of this dialect keeps its own body, with the model replaced; everybody else's is translated from
the hub. Upstream is always asked to stream.

What the API has no word for and would change the answer (``n``, log probabilities, audio, JSON without a schema) is
refused as this provider's limit, so that another candidate may take it; what only tunes it (``seed``, penalties,
``logit_bias``) is left out, and so is whatever tells who the user is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.errors import BadRequest, quote
from linx.dialects.anthropic import caching
from linx.dialects.anthropic.abilities import abilities_of
from linx.dialects.anthropic.provider_messages import History
from linx.dialects.anthropic.provider_tools import FORCED, tools_for
from linx.dialects.anthropic.schema import compilable
from linx.dialects.anthropic.thinking import thinking_for
from linx.dialects.failures.meaning import unsupported
from linx.dialects.openai.provider_request import without_destinations
from linx.dialects.openai.thinking import budget_of, thinking
from linx.dialects.shared.identity import hide_user_of_messages
from linx.dialects.shared.opaque_reasoning import without_own_thoughts
from linx.dialects.shared.tokens import prompt_tokens

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, ModelTraits
    from linx.dialects.anthropic.abilities import Abilities

_LEAST_TOP_P = 0.95  # that is taken beside thinking


def chat_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body of /messages. Raises BadRequest or, for what only this API cannot do, Refused."""
    said = chat.chat_body
    _refuse_impossible(said)
    able = abilities_of(model, traits.listed)
    history = History(said.get("messages") or ())
    tools, choice = tools_for(said, history.tool_names if not said.get("tools") else ())
    body: JsonObject = {"model": model, "max_tokens": _max_tokens(said, able), "messages": history.turns}
    if history.system:
        body["system"] = history.system
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    is_forced = choice is not None and choice["type"] in FORCED
    _add_thinking(body, said, traits, able, may_think=not is_forced and _leaves_room(history, able))
    _add_format(body, said.get("response_format"), able)
    if stops := _stops(said.get("stop")):
        body["stop_sequences"] = stops
    if able.takes_samplers:
        _add_samplers(body, said)
    if prompt_tokens(chat) >= caching.LEAST_TOKENS:
        caching.mark(body)
    body["stream"] = True
    return body


def client_body(chat: ChatRequest, model: str, _traits: ModelTraits) -> JsonObject:
    """A client's own Messages body: as it came, but for the model, what only Linx can read, and who the user is."""
    return {**clean_body(chat.client_body or {}), "model": model, "stream": True}


def clean_body(own: JsonObject) -> JsonObject:
    """A client's own body without what stays here; also for counting its tokens."""
    body = without_destinations(own)
    hide_user_of_messages(body)
    if "messages" in body:
        body["messages"] = without_own_thoughts(body["messages"])
    return body


def _refuse_impossible(body: JsonObject) -> None:
    count = body.get("n")
    if count is not None and count != 1:
        raise unsupported("does not support n > 1")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise unsupported("does not support logprobs")
    modalities = body.get("modalities")
    if body.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities):
        raise unsupported("does not support audio output")


def _max_tokens(body: JsonObject, able: Abilities) -> int:
    """The client's limit, else the model's own: a request without one is refused."""
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is None:
            continue
        if type(limit) is not int or limit < 1:
            raise BadRequest(f"{name} must be a whole number of at least 1", param=name)
        # More than the model can say is refused and means no more.
        return min(limit, able.max_output) if able.is_listed else limit
    return able.max_output


def _leaves_room(history: History, able: Abilities) -> bool:
    if history.begins_answer:
        return False
    return able.adaptive or not history.calls_without_thought


def _add_thinking(body: JsonObject, said: JsonObject, traits: ModelTraits, able: Abilities, *, may_think: bool) -> None:
    if traits.can_think is False:
        return
    wish = thinking(said, traits)
    thought, effort = thinking_for(wish, budget_of(said), able, body["max_tokens"], may_think=may_think)
    if thought is not None:
        body["thinking"] = thought
    if effort is not None:
        body["output_config"] = {"effort": effort}


def _add_format(body: JsonObject, wanted: Any, able: Abilities) -> None:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind == "text":
        return
    if not isinstance(kind, str):
        raise BadRequest("response_format.type must be text, json_object or json_schema", param="response_format")
    if kind != "json_schema":
        raise unsupported(f"does not support response_format {quote(kind)!r}")
    holder = wanted.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else wanted.get("schema")
    if not isinstance(schema, dict):
        where = "response_format.json_schema.schema"
        raise BadRequest(f"{where} must be an object", param=where)
    if not able.takes_schemas:
        raise unsupported("does not support response_format 'json_schema' with this model")
    shape = {"type": "json_schema", "schema": compilable(schema)}
    body["output_config"] = {**body.get("output_config", {}), "format": shape}


def _stops(stop: Any) -> list[str]:
    given = [stop] if isinstance(stop, str) else stop or []
    stops = [text for text in given if isinstance(text, str) and text]
    if any(not text.strip() for text in stops):
        raise unsupported("takes no stop sequence of white space alone")
    return stops


def _add_samplers(body: JsonObject, said: JsonObject) -> None:
    """Temperature or top_p, never both: the newer models refuse that, and the temperature is what clients mean."""
    temperature, top_p, top_k = (said.get(name) for name in ("temperature", "top_p", "top_k"))
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        if top_p is not None and _LEAST_TOP_P <= top_p < 1:
            body["top_p"] = top_p
        return
    if top_p is not None and top_p != 1 and temperature in (None, 1):
        body["top_p"] = min(max(top_p, 0), 1)
    elif temperature is not None:
        body["temperature"] = min(max(temperature, 0), 1)
    if type(top_k) is int and top_k > 0:
        body["top_k"] = top_k
