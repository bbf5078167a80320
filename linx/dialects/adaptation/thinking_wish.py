"""A wish to think at a model that cannot, and a wish not to think at a model that always does.

Rule: the wish is left out, wherever the body has it, since the model does the one thing that it can. A single level
that is refused is another row's (``reasoning_level``), and so is an Ollama's ``think``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import words_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

CANNOT, MUST = "cannot", "must"
# Behind these words comes what thinking does not go together with, so the model as such can think.
_ALONE = r"(?! (?:with (?!this model)|when|while|in combination|together|and|for tools?))"
_NO_THINKING = re.compile(
    rf"does(?: not|n't) support (?:extended )?(?:thinking|reasoning)\b(?! (?:history|content|summar)){_ALONE}"
    r"|does(?: not|n't) support the effort parameter"
    rf"|(?:thinking|reasoning)(?:[ _](?:level|mode))? is not (?:supported|enabled)\b{_ALONE}"
    r"|enable_thinking\b.{0,40}(?:restricted|set) to false"
)
_ALWAYS_THINKS = re.compile(
    r"(?:thinking|reasoning) (?:is mandatory|(?:cannot|can't|can not) be (?:disabled|turned off))"
    r"|only works in thinking mode|does(?: not|n't) support disabling (?:thinking|reasoning)"
    r"|cannot disable (?:thinking|reasoning)|thinking\.type\.disabled\W* is not supported"
    r"|enable_thinking\b.{0,40}(?:restricted|set) to true"
)
_OFF = frozenset((False, 0, "none", "off", "disabled"))
_WISHES: tuple[tuple[str, ...], ...] = (
    ("reasoning_effort",),
    ("reasoning",),
    ("thinking",),
    ("think",),
    ("enable_thinking",),
    ("thinking_budget",),
    ("thinking_budget_tokens",),
    ("output_config", "effort"),
    ("chat_template_kwargs", "enable_thinking"),
    ("chat_template_kwargs", "thinking"),
    ("chat_template_kwargs", "reasoning_effort"),
)
"""Where bodies say whether to think. An object in such a place says it in one of ``_SWITCHES``."""
_SWITCHES = ("effort", "enabled", "max_tokens", "type", "budget_tokens")


def _recognise(refusal: Refused, _body: JsonObject) -> str | None:
    words = words_of(refusal)
    if _ALWAYS_THINKS.search(words):
        return MUST
    return CANNOT if _NO_THINKING.search(words) else None


def _put(body: JsonObject, which: str) -> JsonObject:
    """``body`` without its wishes to think (or, where the model must, not to think); itself where it has none."""
    if which not in (CANNOT, MUST):
        return body
    for place in _WISHES:
        body = _without(body, place, which)
    return body


def _without(holder: JsonObject, place: tuple[str, ...], which: str) -> JsonObject:
    name, *rest = place
    value = holder.get(name)
    if rest:
        if not isinstance(value, dict):
            return holder
        left: Any = _without(value, tuple(rest), which)
        if left is value:
            return holder
        return {**holder, name: left} if left else {key: one for key, one in holder.items() if key != name}
    if value is None or (which == MUST and not _is_off(value)):
        return holder
    return {key: one for key, one in holder.items() if key != name}


def _is_off(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_off(value[name]) for name in _SWITCHES if name in value)
    return isinstance(value, bool | int | str) and value in _OFF


THINKING_WISH = Row(
    name="thinking_wish",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_recognise,
    change=_put,
)
