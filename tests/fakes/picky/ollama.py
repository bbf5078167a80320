"""Ollama's ``think``, by version: a boolean, a level, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.picky.refusal import JsonObject, Refusal


def _boolean(body: JsonObject) -> Refusal | None:
    if not isinstance(body.get("think"), str):
        return None
    return refusal.text_error("json: cannot unmarshal string into Go struct field ChatRequest.think of type bool")


BOOLEAN_ONLY = Check("think", _boolean, "Ollama 0.9 to 0.11: the field was a *bool")


def levels(known: Sequence[str]) -> Check:
    def look(body: JsonObject) -> Refusal | None:
        think = body.get("think")
        if not isinstance(think, str) or think in known:
            return None
        listed = ", ".join(f'"{level}"' for level in known)
        return refusal.text_error(f'invalid think value: "{think}" (must be {listed}, true, or false)')

    return Check("think", look, "ollama api/types.go, ThinkValue; 0.33 knows max, its predecessors do not")


LEVELS = levels(("high", "medium", "low"))


def _none(body: JsonObject) -> Refusal | None:
    if not body.get("think"):
        return None
    return refusal.text_error(f'"{body.get("model")}" does not support thinking')


NO_THINKING = Check("think", _none, "seen at Ollama 0.33; ollama#14820")


def _level_unsupported(body: JsonObject) -> Refusal | None:
    if not isinstance(body.get("think"), str):
        return None
    return refusal.text_error(f'think value "{body["think"]}" is not supported for this model')


NO_LEVELS = Check("think", _level_unsupported, "ollama server/routes.go up to 0.12: levels for gpt-oss alone")
