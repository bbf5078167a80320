"""How hard a model shall think: levels that a provider does not know are lowered to what it does.

Rule: the next lower level that the provider takes, else the lowest that it takes, else "on", else no wish at all. What
was learnt is ``LEVEL>LEVEL``, so another level is still asked for as the client wants it; ``LEVEL>LEVEL+tools`` where
it is refused beside tools only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import names, says_unknown, says_value, words_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From nothing to the most."""
_RANK = {level: rank for rank, level in enumerate(LEVELS)}
_ON, _OFF, _UNSET, _ANY = "true", "none", "", "*"
_PLACES = (
    ("reasoning_effort",),
    ("reasoning", "effort"),
    ("output_config", "effort"),
    ("chat_template_kwargs", "reasoning_effort"),
)
"""Where bodies say how hard to think, but for an Ollama's ``think``."""
_NAMED = re.compile(r"effort|\bthink\b|thinking|reasoning")
# After one of these the levels that the provider takes are listed.
_LIST = re.compile(
    r"supported (?:values|levels|types|efforts|options)|valid (?:values|levels|options)|(?:must|should) be"
    r"|one of|expected|accepted|allowed|permissible|choose from|set \S+ to|use only"
)
_BESIDE_TOOLS = re.compile(
    r"tools with \S*(?:reasoning|thinking|effort)|(?:reasoning|thinking|effort)\S* with \S*\s?tools"
)
_REFUSED = re.compile(r"\b(?:invalid|unexpected|supported)\b")


# --- a server of OpenAI's or Anthropic's dialect --------------------------------------


def _place(body: JsonObject) -> tuple[tuple[str, ...], str] | None:
    """Where the body says how hard to think, and the level."""
    for place in _PLACES:
        value: Any = body
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and value in _RANK:
            return place, value
    return None


def _lower_level(refusal: Refused, body: JsonObject) -> str | None:
    found = _place(body)
    if found is None:
        return None
    place, level = found
    words = words_of(refusal)
    taken = _listed(words) - {level}
    is_named = "effort" in words or "effort" in (refusal.param or "") or any(names(words, name) for name in place)
    if not (is_named or (len(taken) > 1 and _is_about(words, level))):
        return None
    if not (says_unknown(words) or says_value(words) or _REFUSED.search(words)):
        return None
    if taken:
        is_beside_tools = bool(body.get("tools")) and _BESIDE_TOOLS.search(words) is not None
        return f"{level}>{_next(level, taken)}" + ("+tools" if is_beside_tools else "")
    if not _is_about(words, level):
        return None  # the field as such is refused, which is another row's
    return f"{level}>{_below(level)}"


def _listed(words: str) -> set[str]:
    """The levels that the refusal says are taken."""
    anchor = _LIST.search(words)
    if anchor is None:
        return set()
    listed = words[anchor.end() :]
    found = {level for level in (*LEVELS, "default") if re.search(rf"(?<![\w-]){level}(?![\w-])", listed)}
    return found - {"none"} if "'param': none" in words else found


def _is_about(words: str, level: str) -> bool:
    """Is the level itself what is refused?"""
    return re.search(rf"['\"`]{level}['\"`]|(?:level|effort|value)\W+{level}\b", words) is not None


def _next(level: str, taken: AbstractSet[str]) -> str:
    """What to ask for in the place of ``level`` where just ``taken`` is taken."""
    if level == _OFF:
        ranked = sorted((one for one in taken if one in _RANK), key=_RANK.__getitem__)
        return ranked[0] if ranked else _UNSET
    thinking = sorted((one for one in taken if one in _RANK and one != _OFF), key=_RANK.__getitem__)
    below = [one for one in thinking if _RANK[one] < _RANK[level]]
    if below:
        return below[-1]
    if thinking:
        return thinking[0]
    return "default" if "default" in taken else _OFF if _OFF in taken else _UNSET


def _below(level: str) -> str:
    """What to ask for where the provider does not say what it takes."""
    return {"max": "xhigh", "xhigh": "high", "minimal": "low"}.get(level, _UNSET)


def _put_level(body: JsonObject, detail: str) -> JsonObject:
    old, arrow, new = detail.partition(">")
    new, plus, _tools = new.partition("+")
    found = _place(body)
    if plus and not body.get("tools"):
        return body
    if found is None or not arrow or found[1] != old or new not in (*LEVELS, "default", _UNSET):
        return body
    return _replaced(body, found[0], new)


def _replaced(value: JsonObject, place: tuple[str, ...], new: str) -> JsonObject:
    name, *rest = place
    if rest:
        inner = _replaced(value[name], tuple(rest), new)
        return {**value, name: inner} if inner else {key: one for key, one in value.items() if key != name}
    if new == _UNSET:
        return {key: one for key, one in value.items() if key != name}
    return {**value, name: new}


REASONING_LEVEL = Row(
    name="reasoning_level",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.MESSAGES, BodyFormat.RESPONSES)),
    recognise=_lower_level,
    change=_put_level,
)


# --- an Ollama ------------------------------------------------------------------------

_CANNOT_THINK = re.compile(r"does(?: not|n't) support thinking|thinking is not supported")
_NO_WORDS = re.compile(
    r"think value .{1,20} is not supported|cannot unmarshal string .{1,80}think|think must be a bool"
)


def _lower_think(refusal: Refused, body: JsonObject) -> str | None:
    think = body.get("think")
    words = words_of(refusal)
    if think and _CANNOT_THINK.search(words):
        return f"{_ANY}>{_UNSET}"
    if not isinstance(think, str) or not _NAMED.search(words) or think not in _RANK:
        return None
    taken = _listed(words)
    if "invalid think value" in words and taken - {think, _OFF}:
        return f"{think}>{_next(think, taken - {think, _OFF})}"
    if _NO_WORDS.search(words) or "invalid think value" in words:
        # The words may mean this level alone, or every word.
        return f"{think}>high" if think in ("max", "xhigh") else f"{think}>{_ON}"
    return None


def _put_think(body: JsonObject, detail: str) -> JsonObject:
    old, arrow, new = detail.partition(">")
    think = body.get("think")
    if not arrow or not think or old not in (_ANY, think):
        return body
    if new == _UNSET:
        return {name: value for name, value in body.items() if name != "think"}
    if new == _ON:
        return {**body, "think": True}
    return {**body, "think": new} if new in _RANK else body


THINK = Row(
    name="think",
    formats=frozenset((BodyFormat.OLLAMA,)),
    recognise=_lower_think,
    change=_put_think,
)
