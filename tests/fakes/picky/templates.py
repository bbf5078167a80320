"""What chat templates raise: the place and the number of system messages, unknown roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.picky.refusal import JsonObject, Refusal

NOT_FIRST = "System message must be at the beginning."
TRACE = (
    "\n------------\nWhile executing CallExpression at line 85, column 32 in source:\n"
    "...first %}↵            {{- raise_exception('System message must be at the beginnin...\n"
    "                                           ^\nError: Jinja Exception: "
)
NO_PARSER = "Unable to generate parser for this template. Automatic parser generation failed: "


def raised(body: JsonObject) -> str | None:
    """What Qwen's template of 3.5 to 3.8 raises for these messages (Qwen3.8#244, vllm#41114)."""
    roles = [message.get("role") for message in messages(body)]
    if "user" not in roles:
        return "No user query found in messages."
    for at, role in enumerate(roles):
        if role == "system" and at:
            return NOT_FIRST
        if role not in ("system", "user", "assistant", "tool"):
            return "Unexpected message role."
    return None


def qwen(shape: Callable[[str], Refusal], source: str) -> Check:
    def look(body: JsonObject) -> Refusal | None:
        said = raised(body)
        return None if said is None else shape(said)

    return Check("system", look, source)


def ollama_500(said: str) -> Refusal:
    return refusal.ollama_inner(TRACE + said)


def llamacpp_500(said: str) -> Refusal:
    return refusal.llamacpp_500(TRACE + said)


def llamacpp_400(said: str) -> Refusal:
    """With tools llama.cpp fails earlier, while it derives a parser from the template."""
    return refusal.llamacpp(NO_PARSER + TRACE + said)


def minimax(shape: Callable[[str], Refusal]) -> Check:
    """Two leading system messages and one in the middle are refused in different words."""

    def look(body: JsonObject) -> Refusal | None:
        systems = [at for at, message in enumerate(messages(body)) if message.get("role") in ("system", "developer")]
        if systems in ([], [0]):
            return None
        is_leading = systems == list(range(len(systems)))
        what = "invalid chat setting" if is_leading else "chat content has invalid message role: system"
        return shape(f"invalid params, {what} (2013)")

    return Check("system", look, "oh-my-pi#954, openclaw#19386 (two leading); CodexPlusPlus#267 (in the middle)")
