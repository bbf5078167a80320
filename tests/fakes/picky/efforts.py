"""Levels of thinking that a server of OpenAI's dialect does not know, or takes from no client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check
from tests.fakes.picky.parameters import named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.picky.refusal import JsonObject, Refusal


def _listed(levels: Sequence[str]) -> str:
    quoted = [f"'{level}'" for level in levels]
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def efforts(levels: Sequence[str], shape: Callable[[str, str], Refusal], source: str) -> Check:
    """Levels of ``reasoning_effort`` beyond these are refused: shape(level, the levels in words)."""

    def look(body: JsonObject) -> Refusal | None:
        level = body.get("reasoning_effort")
        return None if level is None or level in levels else shape(level, _listed(levels))

    return Check("reasoning_effort", look, source)


def openai_effort(level: str, levels: str) -> Refusal:
    said = f"Unsupported value: 'reasoning_effort' does not support '{level}' with this model."
    code = "unsupported_value"
    return refusal.openai(f"{said} Supported values are: {levels}.", param="reasoning_effort", code=code)


def openai_value(level: str, levels: str) -> Refusal:
    """The field stands in ``param`` alone: the same words are said of ``verbosity`` (codex#19188)."""
    said = f"Unsupported value: '{level}' is not supported with the 'gpt-5.2-codex' model."
    code = "unsupported_value"
    return refusal.openai(f"{said} Supported values are: {levels}.", param="reasoning_effort", code=code)


def groq_effort(_level: str, levels: str) -> Refusal:
    return refusal.groq(f"`reasoning_effort` must be one of {levels.replace(', and ', ' or ').replace(chr(39), '`')}")


def literal_effort(level: str, levels: str) -> Refusal:
    """pydantic's words (DeepInfra's of hermes-agent#111875)."""
    expected = levels.replace(", and ", " or ")
    detail = {"type": "literal_error", "loc": ["body", "reasoning_effort"], "msg": f"Input should be {expected}"}
    return refusal.fastapi([{**detail, "input": level, "ctx": {"expected": expected}}])


def bare_level(level: str, levels: str) -> Refusal:
    """quotio#287: neither the field's name nor a code."""
    valid = levels.replace("'", "").replace(", and ", ", ")
    return refusal.groq(f'level "{level}" not supported, valid levels: {valid}')


def _xai_effort(_value: Any) -> Refusal:
    return refusal.xai("Model grok-4.20-0309-reasoning does not support parameter reasoningEffort.")


XAI_EFFORT = named("reasoning_effort", _xai_effort, "seen of grok-4.20 and grok-build-0.1 in several public adapters")


def _groq_none(_value: Any) -> Refusal:
    return refusal.groq("`reasoning_effort` is not supported with this model")


GROQ_NO_EFFORT = named("reasoning_effort", _groq_none, "OmniRoute#3258, pluely#219")
