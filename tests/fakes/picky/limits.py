"""Limits that a prompt and its answer share: the context, and the credit of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check

if TYPE_CHECKING:
    from tests.fakes.picky.refusal import JsonObject, Refusal

CONTEXT = 16_384
AFFORDED = 4717


def _limit(body: JsonObject) -> int:
    return body.get("max_tokens") or body.get("max_completion_tokens") or 0


def _prompt(body: JsonObject) -> int:
    return len(jsontext.dumps(body["messages"])) // 4


def _vllm(body: JsonObject) -> Refusal | None:
    """The limit is added to the prompt, which alone would fit."""
    prompt, limit = _prompt(body), _limit(body)
    if prompt + limit <= CONTEXT:
        return None
    return refusal.vllm(
        f"'max_tokens' or 'max_completion_tokens' is too large: {limit}. This model's maximum context length is"
        f" {CONTEXT} tokens and your request has {prompt} input tokens ({limit} > {CONTEXT} - {prompt})."
    )


VLLM_ROOM = Check("room", _vllm, "claude-code#272; vllm's entrypoints/openai/serving_engine.py")


def _openrouter_room(body: JsonObject) -> Refusal | None:
    prompt, limit = _prompt(body), _limit(body)
    if prompt + limit <= CONTEXT:
        return None
    said = (
        f"This endpoint's maximum context length is {CONTEXT} tokens. However, you requested about {prompt + limit}"
        f" tokens ({prompt} of text input, {limit} in the output). Please reduce the length of either one, or use the"
        " context-compression plugin to compress your prompt automatically."
    )
    return refusal.as_json(400, {"error": {"message": said, "code": 400, "metadata": {"provider_name": None}}})


OPENROUTER_ROOM = Check("room", _openrouter_room, "words as in hermes-agent's and litellm's reports of it")


def _openrouter_credit(body: JsonObject) -> Refusal | None:
    """The credit is reserved for the longest answer."""
    limit = _limit(body)
    if limit <= AFFORDED:
        return None
    said = (
        f"This request requires more credits, or fewer max_tokens. You requested up to {limit} tokens, but can"
        f" only afford {AFFORDED}. To increase, visit https://openrouter.ai/settings/credits and add more credits"
    )
    return refusal.as_json(402, {"error": {"message": said, "code": 402}})


OPENROUTER_CREDIT = Check("credit", _openrouter_credit, "agent-zero's FIX_CREDITS_ERROR.md, and many reports")
