"""A request for an answer as the body of Ollama's /api/chat (or /api/generate).

A client of Ollama's dialect keeps its body (``own_body``): the model is replaced, and what
is configured fills the gaps. The request of any other client is translated from the chat
body (``chat_body``). An Ollama is always asked to stream, and in so many words: here that
is the default, elsewhere it is not.

What Ollama has no word for and would change the answer (``n``, audio) is refused as
this provider's limit, so that another candidate may take it; what only tunes it
(``logit_bias``, ``user``) is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Dialect, Task
from linx.core.errors import BadRequest, quote
from linx.dialects.failures.meaning import unsupported
from linx.dialects.ollama.options import option, options
from linx.dialects.ollama.provider_messages import messages_for
from linx.dialects.ollama.provider_tools import tools_for
from linx.dialects.openai.provider_request import without_destinations
from linx.dialects.openai.thinking import thinking
from linx.dialects.shared.text_completion import only_text, refuse_scoring

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, ModelTraits


# The names in a chat body (and those that clients of other servers add) and Ollama's own; a later row wins.
_SAMPLING = (
    ("max_tokens", "num_predict"),
    ("max_completion_tokens", "num_predict"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("typical_p", "typical_p"),
    ("seed", "seed"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("repetition_penalty", "repeat_penalty"),
    ("repeat_penalty", "repeat_penalty"),
    ("repeat_last_n", "repeat_last_n"),
    ("num_ctx", "num_ctx"),
)
_PROMPTS = {Dialect.OLLAMA: "messages", Dialect.OLLAMA_GENERATE: "prompt"}
_OWN = frozenset(_PROMPTS)
_LARGEST = 2**31  # tokens
_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "off": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "ultra": "max",
    "max": "max",
}


def own_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The /api/chat or /api/generate body for a client of that very endpoint: its own, with the gaps filled, and
    without who asks: an Ollama may pass the body on to its cloud."""
    given = without_destinations(chat.client_body or {})
    sent = {**given, "model": model, "stream": True}
    options = given.get("options") or {}
    if traits.num_ctx is not None and options.get("num_ctx") is None:
        sent["options"] = {**options, "num_ctx": traits.num_ctx}
    _never_cut(sent, traits)
    if traits.keep_alive is not None and given.get("keep_alive") is None:
        sent["keep_alive"] = keep_alive_for(traits.keep_alive)
    if given.get("think") is None and chat.task is Task.CHAT:
        think = think_for(traits.thinking_mode, traits)
        if think is not None:
            sent["think"] = think
    return sent


def chat_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The /api/chat body. Raises BadRequest or, for what only Ollama cannot do, Refused."""
    body = chat.chat_body
    _refuse_impossible(body)
    sent: JsonObject = {"model": model, "messages": messages_for(body["messages"], chat.dialect), "stream": True}
    tools = tools_for(body)
    if tools:
        sent["tools"] = tools
    think = think_for(thinking(body, traits), traits)
    if think is not None:
        sent["think"] = think
    _put_settings(sent, body, traits)
    if body.get("logprobs") is True:
        sent["logprobs"] = True
        if body.get("top_logprobs") is not None:
            sent["top_logprobs"] = body["top_logprobs"]
    return sent


def completion_body(chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The /api/generate body for a text completion: one prompt, one answer. Raises BadRequest or Refused."""
    asked = chat.completion
    refuse_scoring(asked)
    given = without_destinations(asked.fields)
    if given.get("max_tokens") == 0:
        raise unsupported("does not support max_tokens 0")
    _refuse_impossible(given)
    sent: JsonObject = {"model": model, "prompt": only_text(asked), "stream": True}
    if asked.suffix:
        sent["suffix"] = asked.suffix
    _put_settings(sent, given, traits)
    if traits.can_think:
        sent["think"] = False  # a text has no place for thoughts, and they would cost the client's time
    if asked.logprobs is not None:
        sent["logprobs"] = True
        if asked.logprobs:
            sent["top_logprobs"] = asked.logprobs
    return sent


def _put_settings(sent: JsonObject, given: JsonObject, traits: ModelTraits) -> None:
    """Put format, options and keep_alive into ``sent``, as ``given`` has them in OpenAI's words."""
    wanted = _format(given.get("response_format"))
    if wanted is not None:
        sent["format"] = wanted
    options = _options(given, traits)
    if options:
        sent["options"] = options
    _never_cut(sent, traits)
    keep_alive = keep_alive_for(given.get("keep_alive"))
    if keep_alive is None:
        keep_alive = keep_alive_for(traits.keep_alive)
    if keep_alive is not None:
        sent["keep_alive"] = keep_alive


def _never_cut(sent: JsonObject, traits: ModelTraits) -> None:
    """A prompt that does not fit is refused and not cut, which Ollama does silently (``truncate``, since 0.12.6)."""
    if not traits.may_cut:
        sent.setdefault("truncate", False)


def given_context(chat: ChatRequest) -> int | None:
    """The ``num_ctx`` that the client itself asks for."""
    body = chat.client_body if chat.dialect in _OWN else chat.asked
    if not isinstance(body, dict):
        return None
    options = body.get("options")
    given = (options.get("num_ctx") if isinstance(options, dict) else None) or body.get("num_ctx")
    return int(given) if isinstance(given, int | float) and 0 < given < _LARGEST else None


def is_load(chat: ChatRequest) -> bool:
    """Does an Ollama's client ask only that the model be loaded or unloaded?"""
    prompt = _PROMPTS.get(chat.dialect)
    return prompt is not None and not (chat.client_body or {}).get(prompt)


def is_unload(chat: ChatRequest) -> bool:
    """Does an Ollama's client ask only that the model be unloaded, as ``ollama stop`` does?"""
    return is_load(chat) and (chat.client_body or {}).get("keep_alive") in (0, "0", "0s")


def wants_cut(chat: ChatRequest) -> bool:
    """Does the client ask that a prompt be cut where it is too long?"""
    return chat.dialect in _OWN and (chat.client_body or {}).get("truncate") is True


def _refuse_impossible(body: JsonObject) -> None:
    count = body.get("n")
    if count is not None and count != 1:
        raise unsupported("does not support n > 1")
    modalities = body.get("modalities")
    if body.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities):
        raise unsupported("does not support audio output")


def _format(wanted: Any) -> Any:
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        schema = wanted.get("schema")
        return schema if isinstance(schema, dict) and schema else "json"
    if kind == "json_schema":
        holder = wanted.get("json_schema")
        schema = holder.get("schema") if isinstance(holder, dict) else None
        if not isinstance(schema, dict):
            where = "response_format.json_schema.schema"
            raise BadRequest(f"{where} must be an object", param=where)
        return schema
    if isinstance(kind, str):
        raise unsupported(f"does not support response_format {quote(kind)!r}")
    raise BadRequest("response_format.type must be text, json_object or json_schema", param="response_format")


def think_for(wish: bool | str | None, traits: ModelTraits) -> bool | str | None:
    """Ollama's ``think``. None leaves the field out, and then a model that can think does."""
    if isinstance(wish, str):
        wish = _EFFORTS.get(wish.lower(), True)
    if wish and traits.can_think is not True:
        # Ollama answers 400 where a model that cannot think is asked to; such a wish must not cost the answer.
        return None
    return wish


def _options(body: JsonObject, traits: ModelTraits) -> JsonObject:
    chosen: JsonObject = {}
    for name, own in _SAMPLING:
        value = body.get(name)
        if value is not None:
            chosen[own] = option(own, value, name)
    if chosen.get("num_predict", 1) <= 0:
        raise BadRequest("max_tokens must be at least 1", param="max_tokens")
    stop = _stop(body.get("stop"))
    if stop:
        chosen["stop"] = stop
    given = body.get("options")
    if given is not None:
        if not isinstance(given, dict):
            raise BadRequest("options must be an object", param="options")
        chosen |= options(given)
    if traits.num_ctx is not None:
        chosen.setdefault("num_ctx", traits.num_ctx)
    return chosen


def _stop(stop: Any) -> list[str]:
    if stop is None:
        return []
    if isinstance(stop, str):
        stop = [stop]
    if isinstance(stop, list):
        # An empty stop string would end the answer before its first word.
        stop = [text for text in stop if text not in (None, "")]
    texts: list[str] = option("stop", stop, "stop")
    return texts


def keep_alive_for(value: Any) -> float | str | None:
    """``value`` as Ollama takes it: a number without a unit must not be a string."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str):
        raise BadRequest("keep_alive must be a number of seconds or a duration such as 5m", param="keep_alive")
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value
