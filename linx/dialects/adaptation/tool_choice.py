"""A choice of tools that is an object, at servers that know words only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.tools import tool_name, tools_of

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject
_REFUSED = re.compile(
    r"tool_choice.{0,80}?(?:type|object|string|dict|must|should|support|invalid|not |value)"
    r"|(?:type|support|invalid|expected).{0,60}?tool_choice",
    re.DOTALL,
)


def _refuses_object(refusal: Refused, body: JsonObject) -> str | None:
    # A model that thinks takes no choice at all at some servers, so a word would be refused as well.
    is_about = _REFUSED.search(refusal.words) and "thinking" not in refusal.words
    return "" if is_about and isinstance(body.get("tool_choice"), dict) else None


def _as_word(body: JsonObject, _detail: str) -> JsonObject:
    """``required``, and only the named tools are left, since the model may call any that is there."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return body
    named, word = _named(choice)
    kept = [tool for tool in tools_of(body) if tool_name(tool) in named]
    return {**body, "tools": kept, "tool_choice": word} if kept else body


def _named(choice: JsonObject) -> tuple[set[str | None], str]:
    allowed: Any = choice.get("allowed_tools")
    if not isinstance(allowed, dict):
        return {tool_name(choice)} - {None}, "required"
    tools = allowed.get("tools")
    named = {tool_name(tool) for tool in tools} if isinstance(tools, list) else set()
    return named - {None}, "required" if allowed.get("mode") == "required" else "auto"


TOOL_CHOICE = Row(
    name="tool_choice",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refuses_object,
    change=_as_word,
)
