"""Reasoning in the history: servers that refuse it, and servers that demand it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, assistants, calls

if TYPE_CHECKING:
    from tests.fakes.picky.refusal import JsonObject, Refusal


def _groq(body: JsonObject) -> Refusal | None:
    for at, message in assistants(body):
        if "reasoning_content" in message:
            what = f"'messages.{at}' : property 'reasoning_content' is unsupported"
            return refusal.groq(f"'messages.{at}' : for 'role:assistant' the following must be satisfied[({what})]")
    return None


def _cerebras(body: JsonObject) -> Refusal | None:
    """A line for each of the messages."""
    names = [
        f"messages.{at}.assistant.reasoning_content" for at, said in assistants(body) if "reasoning_content" in said
    ]
    return refusal.cerebras("\n".join(f"{n}: property '{n}' is unsupported" for n in names)) if names else None


def _deepseek(body: JsonObject) -> Refusal | None:
    if (body.get("thinking") or {}).get("type") == "disabled":
        return None
    if all(isinstance(message.get("reasoning_content"), str) for _at, message in assistants(body)):
        return None
    return refusal.deepseek("The `reasoning_content` in the thinking mode must be passed back to the API.")


def _kimi(body: JsonObject) -> Refusal | None:
    for at, message in assistants(body):
        if calls(message) and not isinstance(message.get("reasoning_content"), str):
            what = f"reasoning_content is missing in assistant tool call message at index {at}"
            return refusal.groq(f"thinking is enabled but {what}")
    return None


GROQ = Check("reasoning", _groq, "AstrBot#5946, freellmapi#1070")
CEREBRAS = Check("reasoning", _cerebras, "kilocode#10375, free-claude-code#1136, qwen-code#11045")
DEEPSEEK = Check("reasoning", _deepseek, "CodexPlusPlus#252, oai-compatible-copilot#215, opencode#24083")
KIMI = Check(
    "reasoning",
    _kimi,
    "Moonshot's words, as several public adapters quote them; pentagi's LLM_SERVER_PRESERVE_REASONING",
)
