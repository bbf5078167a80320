"""Fields of a body that a provider does not take.

Rule: exactly the field that the refusal names is left out, and only where the answer means the same without it. A
field that says what the answer has to be (its format, its tools, where it stops) stays: then the refusal is passed on.
The detail is the field, or ``FIELD+OTHER`` where it is refused beside another field only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import (
    NAME,
    is_refused,
    names,
    says_unknown,
    says_value,
    words_of,
)

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_STAYS = frozenset(
    (
        *("audio", "background", "best_of", "container", "conversation", "dimensions", "documents", "echo", "format"),
        *("function_call", "functions", "grammar", "guided_choice", "guided_grammar", "guided_json", "guided_regex"),
        *("images", "include", "input", "input_extra", "input_prefix", "input_suffix", "input_type", "instructions"),
        *("json_schema", "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens", "mcp_servers"),
        *("messages", "modalities", "model", "models", "n", "n_predict", "options", "output_dimension", "plugins"),
        *("previous_response_id", "prompt", "provider", "raw", "response_format", "route", "safety_settings", "stop"),
        *("stop_sequences", "stream", "stream_options", "structured_outputs", "suffix", "system", "template", "text"),
        *("tool_choice", "tools", "top_logprobs", "transforms", "truncate", "truncation", "web_search_options"),
    )
)
"""What the answer is made of, where it may come from, and what has a row of its own."""
# Two fields of which a provider takes either; the one that changes an answer more stays.
_NOT_BOTH = re.compile(r"cannot both be (?:specified|set|used)")
_SPARED = frozenset(("temperature",))
OF_BOOKS = frozenset(
    ("metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user")
)
"""Of the books of a provider, and not of the answer: such a field is worth no refusal, whatever is wrong with it."""
_WRONG = re.compile(r"invalid|not valid|unsupported|not supported|unknown|not allowed|must be|should be|expected")
# What Linx writes itself although no client has asked for it.
_OF_LINX = ("encoding_format",)


def without(body: JsonObject, name: str) -> JsonObject:
    """``body`` without one field; ``body`` itself where it has no such field."""
    return {key: value for key, value in body.items() if key != name} if name in body else body


def _left_out(body: JsonObject, detail: str) -> JsonObject:
    name, _plus, beside = detail.partition("+")
    return body if beside and beside not in body else without(body, name)


def _refused_field(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    for name in _OF_LINX:
        if name in body and names(words, name) and (says_unknown(words) or says_value(words) or " not valid" in words):
            return name
    is_either = _NOT_BOTH.search(words) is not None
    beside = "".join(f"+{name}" for name in _SPARED if is_either and name in body and names(words, name))
    for name in body:
        if name in _STAYS or not NAME.fullmatch(name) or (is_either and name in _SPARED):
            continue
        if is_refused(refusal, name) or (name in OF_BOOKS and _is_wrong(refusal, words, name)):
            return name + beside
    return None


def _is_wrong(refusal: Refused, words: str, name: str) -> bool:
    """``user`` and ``store`` are common words as well, so the place that the refusal names counts more."""
    place = refusal.param.lower() if refusal.param else None
    is_meant = names(words, name) if place is None else place == name or names(place, name)
    return is_meant and _WRONG.search(words) is not None


PARAMETER = Row(
    name="parameter",
    formats=frozenset(BodyFormat),
    recognise=_refused_field,
    change=_left_out,
)
