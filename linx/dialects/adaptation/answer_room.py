"""A limit of the answer that, beside this prompt, is more than the context has room for, or the account has credit for.

Some servers add the limit to the prompt and refuse what is more than the context, although the prompt alone fits. Most
clients set the same limit for every model, and would take the refusal for a prompt that is too long. So:

- At a chat the limit is left out: the context ends the answer where the limit would not have.
- Where a limit is needed (Messages), or the default is 16 tokens (completions), it is lowered to what is left.
- Where it is the credit that is too small (OpenRouter), it is lowered to what can be afforded.

A prompt that leaves no room worth mentioning is too long, and the refusal is passed on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.answer_limit import FIELDS, lower_limit
from linx.dialects.adaptation.row import BodyFormat, Row

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

LEAST_ROOM = 1024  # tokens; with less, a client should rather shorten its conversation
_CODES = frozenset(("context_length_exceeded",))
_N = r"([0-9]{1,8})"
_CONTEXT_AND_PROMPT = (
    # vLLM (claude-code#272), and before that OpenAI's own words, which vLLM, DeepSeek and many others copied.
    re.compile(rf"maximum context length is {_N} tokens and your request has {_N} input tokens"),
    re.compile(rf"maximum context length is {_N} tokens\. however, you requested {_N} tokens \({_N} in the messages"),
    # OpenRouter, which counts "about", and tools apart.
    re.compile(
        rf"maximum context length is {_N} tokens\. however, you requested about {_N} tokens \({_N} of text input"
        rf"(?:, {_N} of tool input)?(?:, {_N} of image input)?"
    ),
    # SGLang (tokenizer_manager.py).
    re.compile(
        rf"maximum context length of {_N} tokens\. you requested a total of {_N} tokens: {_N} tokens from the input"
    ),
)
# The prompt before the context. vLLM since 0.12 counts no further than it must, so that its count of the prompt is a
# lower bound; TGI and Together; Anthropic.
_PROMPT_AND_CONTEXT = (
    re.compile(
        rf"you passed {_N} input tokens and requested [1-9][0-9]* output tokens\. "
        rf"however, the model's context length is only {_N} tokens"
    ),
    re.compile(rf"input length and [`'\"]?max_tokens[`'\"]? exceed context limit: {_N} \+ [0-9]+ > {_N}"),
)
_TGI = re.compile(rf"max_new_tokens[`'\"]? must be <= {_N}\. given: {_N} [`'\"]?inputs")
_AFFORDED = re.compile(rf"you requested up to [0-9]+ tokens, but can only afford {_N}")  # OpenRouter, with a 402


def room_for_answer(words: str) -> int | None:
    """How many tokens the prompt leaves for an answer, by a refusal's words; None where they do not say it."""
    for pattern in (*_CONTEXT_AND_PROMPT, _TGI):
        found = pattern.search(words)
        if found is not None:
            counts = [int(count) for count in found.groups() if count is not None]
            # The second of three numbers is the sum that was asked for.
            prompt = counts[1] if len(counts) == 2 else sum(counts[2:])
            return counts[0] - prompt
    for pattern in _PROMPT_AND_CONTEXT:
        found = pattern.search(words)
        if found is not None:
            return int(found[2]) - int(found[1])
    return None


def _has_room(refusal: Refused, body: JsonObject) -> str | None:
    return "" if _room_beside(refusal, body) is not None else None


def _room_left(refusal: Refused, body: JsonObject) -> str | None:
    room = _room_beside(refusal, body)
    return None if room is None else str(room)


def _room_beside(refusal: Refused, body: JsonObject) -> int | None:
    if _highest_limit(body) == 0:
        return None
    room = room_for_answer(refusal.words)
    return room if room is not None and room >= LEAST_ROOM else None


def _affordable(refusal: Refused, body: JsonObject) -> str | None:
    found = _AFFORDED.search(refusal.words)
    return found[1] if found is not None and LEAST_ROOM <= int(found[1]) < _highest_limit(body) else None


def _highest_limit(body: JsonObject) -> int:
    return max((body[field] for field in FIELDS if type(body.get(field)) is int), default=0)


def _without_limit(body: JsonObject, _detail: str) -> JsonObject:
    if body.keys().isdisjoint(FIELDS):
        return body
    return {name: value for name, value in body.items() if name not in FIELDS}


ANSWER_ROOM = Row(
    name="answer_room",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.RESPONSES)),
    recognise=_has_room,
    change=_without_limit,
    codes=_CODES,
    is_lasting=False,
)
ANSWER_ROOM_LEFT = Row(
    name="answer_room_left",
    formats=frozenset((BodyFormat.MESSAGES, BodyFormat.COMPLETION)),
    recognise=_room_left,
    change=lower_limit,
    codes=_CODES,
    is_lasting=False,
)
ANSWER_CREDIT = Row(
    name="answer_credit",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_affordable,
    change=lower_limit,
    codes=frozenset(("upstream_credit",)),
    is_lasting=False,
)
