"""Whether a model shall think: one wish, made of the many ways in which clients put it.

Rule: what the client says comes before what is configured. "Off" beats a level, since
clients send their usual level along with it; a level beats a mere "on".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.openai.provider_messages import pick

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, ModelTraits

_WISHES = (
    "reasoning_effort", "reasoning", "think", "chat_template_kwargs", "enable_thinking", "thinking", "thinking_budget",
)  # fmt: skip
"""Where ``thinking`` looks."""
_OFF = frozenset(("none", "off", "disabled", "false", "no"))
_ON = frozenset(("on", "enabled", "true", "yes"))
_UNSAID = frozenset(("", "auto", "default", "adaptive"))


def thinking(body: JsonObject, traits: ModelTraits) -> bool | str | None:
    """Shall the model think: True, False, a level such as "low", or None where neither client nor config says."""
    if body.keys().isdisjoint(_WISHES):
        return traits.thinking_mode
    given = (
        body.get("reasoning_effort"),
        *pick(body.get("reasoning"), "effort", "enabled"),
        body.get("think"),
        *pick(body.get("chat_template_kwargs"), "enable_thinking", "thinking", "reasoning_effort"),
        body.get("enable_thinking"),
        *pick(body.get("thinking"), "type"),
    )
    wishes = [wish for wish in map(_wish, given) if wish is not None]
    if False in wishes:
        return False
    level = next((wish for wish in wishes if isinstance(wish, str)), None)
    if level or wishes:
        return level or True
    budget = budget_of(body)
    if budget is not None:
        return budget > 0
    return traits.thinking_mode


def budget_of(body: JsonObject) -> int | None:
    """Tokens to think with, if the client named a number."""
    for given in (body.get("thinking_budget"), *pick(body.get("reasoning"), "max_tokens")):
        if isinstance(given, int) and not isinstance(given, bool):
            return given
    return None


def _wish(given: object) -> bool | str | None:
    """One field's value as a wish: on, off, a level in small letters, or None where it says neither."""
    if isinstance(given, bool):
        return given
    if not isinstance(given, str):
        return None
    word = given.strip().lower()
    if word in _OFF:
        return False
    if word in _ON:
        return True
    return None if word in _UNSAID else word
