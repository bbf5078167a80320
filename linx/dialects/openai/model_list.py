"""The names and entries in a list of models, in the shapes that servers of this dialect give it.

OpenAI's is an object with ``data``; others call that ``models`` (Cohere, Gemini), ``result`` (Cloudflare) or
``endpoints`` (Databricks), or send the list alone, its entries objects or plain names. The rule: an entry without a
name is left out, and a list in which nothing can be understood is Garbled, in words that a person can act on.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from linx.core.attempt_errors import Garbled

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_LISTS = ("data", "models", "result", "endpoints", "items")
_NAMES = ("id", "name", "model", "key")
_NO_NAME = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|azureml://.*")
"""An ``id`` by which no model can be asked for: Cloudflare and Databricks number theirs, an older catalogue of GitHub's
has addresses."""
_DIGITS = re.compile(r"[0-9]{1,9}")
_PREFIX = "models/"  # Gemini's, and part of no name
_CONTEXTS = (
    "context_length",
    "max_model_len",
    "context_window",
    "max_context_length",
    "inputTokenLimit",
    "max_input_tokens",
    "max_context_window_tokens",
)
_CAPABILITIES = ("completion", "tools", "insert", "vision", "embedding", "thinking", "audio")
_INPUTS = {"text": None, "image": "vision", "audio": "audio"}
"""By modality, the capability that it takes; None: each model has it."""
_WITHIN = ("meta", "metadata", "limits", "capabilities")
"""Objects of an entry that may hold the context length; Copilot's ``capabilities`` have ``limits`` within."""


class Page(NamedTuple):
    entries: dict[str, JsonObject]
    """By name, in the list's own order; an empty entry for a plain name."""
    next_page: str | None
    """The query that asks for the next page."""


def read_page(value: Any) -> Page:
    """The models in one answer. Raises Garbled."""
    listed = _list_in(value)
    entries: dict[str, JsonObject] = {}
    for entry in listed:
        name = _name_of(entry)
        if name:
            entries[name] = entry if isinstance(entry, dict) else {}
    if listed and not entries:
        raise Garbled("sent a list of models with no name in it; the names can be given in its models")
    return Page(entries, _next_page(value) if isinstance(value, dict) else None)


def plain_name(name: str) -> str:
    """``name`` without the prefix that is part of no name."""
    return name.removeprefix(_PREFIX)


def context_of(entry: JsonObject) -> int | None:
    """The context length under the names that servers give it, in tokens."""
    for name in _CONTEXTS:
        if (length := _length(entry.get(name))) is not None:
            return length
    for name in _WITHIN:
        inner = entry.get(name)
        if isinstance(inner, dict) and (length := _length(inner.get("n_ctx_train")) or context_of(inner)) is not None:
            return length
    properties = entry.get("properties")  # Cloudflare's: a list of ids and values
    for each in properties if isinstance(properties, list) else ():
        if isinstance(each, dict) and each.get("property_id") == "context_window":
            value = each.get("value")
            return _length(int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value)
    return None


_PARAMETERS = (
    *("tools", "tool_choice", "parallel_tool_calls", "response_format", "structured_outputs"),
    *("reasoning", "include_reasoning", "reasoning_effort", "verbosity"),
    *("max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "top_a", "stop", "seed"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs"),
)
"""OpenRouter's names, of which a list of Linx's own passes on those that a provider gives."""
_USUAL = ("max_tokens", "temperature", "top_p", "stop")
"""What each kind of provider understands."""
MOST_PARAMETERS = 64  # that are looked at of one model


@functools.lru_cache(maxsize=256)
def sizes(tokens: int) -> JsonObject:
    """A context length under the names by which clients look for it.

    ``context_length`` is OpenRouter's name and the most common one (opencode#40908, kilocode#10188, Android Studio:
    lmstudio-bug-tracker#2139), ``max_model_len`` vLLM's (hermes-agent#2091), ``context_window`` Groq's,
    ``max_context_length`` that of LM Studio and Mistral, ``meta`` llama.cpp's. Some clients take ``n_ctx_train`` before
    ``n_ctx``, so it is what the model can really hold, too. The value is shared and must not be changed.
    """
    shown: JsonObject = dict.fromkeys(
        ("context_length", "max_model_len", "context_window", "max_context_length"), tokens
    )
    shown["meta"] = {"n_ctx": tokens, "n_ctx_train": tokens}
    return shown


def abilities(capabilities: frozenset[str], listed: JsonObject) -> JsonObject:
    """What a model can do, in OpenRouter's fields and in those of LM Studio.

    ``listed`` is the provider's own entry for it. The value is shared between models that can do the same and must not
    be changed.
    """
    given = listed.get("supported_parameters")
    if not isinstance(given, list) or len(given) > MOST_PARAMETERS:
        return _abilities(capabilities, None)
    try:
        return _abilities(capabilities, tuple(given))
    except TypeError:  # a list or an object among the names
        return _abilities(capabilities, None)


@functools.lru_cache(maxsize=256)
def _abilities(capabilities: frozenset[str], given: tuple[object, ...] | None) -> JsonObject:
    words = [word for word in _CAPABILITIES if word in capabilities]
    if "tools" in capabilities:
        words.append("tool_use")  # LM Studio's word, which Zed looks for
    parameters = list(_USUAL)
    if "tools" in capabilities:
        parameters += ("tools", "tool_choice")
    if "thinking" in capabilities:
        parameters += ("reasoning", "reasoning_effort")
    if given is not None:
        parameters = [name for name in _PARAMETERS if name in given]
    is_embedding = "embedding" in capabilities
    inputs = [modality for modality, word in _INPUTS.items() if word is None or word in capabilities]
    return {
        "capabilities": words,
        "architecture": {
            "input_modalities": inputs,
            "output_modalities": ["embeddings" if is_embedding else "text"],
        },
        "supported_parameters": [] if is_embedding else parameters,
    }


def _list_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in _LISTS:
            if name in value:
                inner = value[name]
                if inner is None:
                    return []
                if isinstance(inner, list):
                    return inner
                if isinstance(inner, dict) and inner:  # names with their entries, or a list one level down
                    return _list_in(inner) if not inner.keys().isdisjoint(_LISTS) else [*inner]
    raise Garbled("sent a list of models in a shape that Linx does not know; the names can be given in its models")


def _name_of(entry: Any) -> str:
    if isinstance(entry, str):
        return plain_name(entry)
    if not isinstance(entry, dict):
        return ""
    first = ""
    for name in _NAMES:
        text = entry.get(name)
        if isinstance(text, str) and text:
            if not _NO_NAME.fullmatch(text):
                return plain_name(text)
            first = first or text
    return plain_name(first)


def _next_page(value: JsonObject) -> str | None:
    for field, query in (("next_page_token", "page_token"), ("nextPageToken", "pageToken")):
        token = value.get(field)
        if isinstance(token, str) and re.fullmatch(r"[\w.~=+/-]{1,512}", token, re.ASCII):
            return f"{query}={token.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}"
    return None


def _length(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
