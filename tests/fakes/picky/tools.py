"""Names of tools, tools that are not supported, and Gemini's signatures of calls."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, assistants, calls, messages, tools
from tests.fakes.picky.refusal import openai

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.picky.refusal import JsonObject, Refusal

LONGEST = 64
SENTINELS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What Google documents for calls that another model made."""


def placed_names(body: JsonObject) -> Iterator[tuple[str, str]]:
    """Every name of a tool in the body, with its place in OpenAI's notation."""
    for at, tool in enumerate(tools(body)):
        yield f"tools[{at}].function.name", str(tool.get("name"))
    for at, message in assistants(body):
        for number, call in enumerate(calls(message)):
            yield f"messages[{at}].tool_calls[{number}].function.name", str(call["function"].get("name"))


def openai_names(pattern: str, shape: Callable[..., Refusal], source: str) -> Check:
    good = re.compile(pattern)

    def look(body: JsonObject) -> Refusal | None:
        for place, name in placed_names(body):
            if len(name) > LONGEST:
                limit = f"Expected a string with maximum length {LONGEST}, but got a string with length {len(name)}"
                return shape(f"Invalid '{place}': string too long. {limit} instead.", place, "string_above_max_length")
            if not good.search(name):
                said = f"string does not match pattern. Expected a string that matches the pattern '{pattern}'."
                return shape(f"Invalid '{place}': {said}", place, "invalid_value")
        return None

    return Check("names", look, source)


def _openai(said: str, place: str, code: str) -> Refusal:
    return openai(said, param=place, code=code)


def _deepseek(said: str, _place: str, _code: str) -> Refusal:
    return refusal.deepseek(said)


OPENAI_NAMES = openai_names("^[a-zA-Z0-9_-]+$", _openai, "xiaozhi-esp32-server-golang#268, mcp-use#90, agentkit#217")
OPENAI_NAMES_2026 = openai_names(r"^[a-zA-Z0-9_\.-]+$", _openai, "swagger-mcp#13")
DEEPSEEK_NAMES = openai_names("^[a-zA-Z0-9_-]+$", _deepseek, "ida-pro-mcp#129, novamira#12")


def _gemini_names(body: JsonObject) -> Refusal | None:
    """A line for each of the names."""
    good = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
    rule = (
        "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or "
        "contain underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
    )
    bad = [at for at, tool in enumerate(tools(body)) if not good.fullmatch(str(tool.get("name")))]
    lines = [f"\n  * tools[0].function_declarations[{at}].name: {rule}" for at in bad]
    return refusal.gemini("The GenerateContentRequest proto is invalid:" + "".join(lines)) if bad else None


GEMINI_NAMES = Check("names", _gemini_names, "ccs#219, gemini-cli#7878")


def _dashscope_names(body: JsonObject) -> Refusal | None:
    if all(len(name) <= LONGEST for _place, name in placed_names(body)):
        return None
    said = f"<400> InternalError.Algo.InvalidParameter: The length of the tool name cannot exceed {LONGEST}."
    return refusal.dashscope(said)


DASHSCOPE_NAMES = Check("names", _dashscope_names, "Qwen3-VL#2069")


def _anthropic_names(body: JsonObject) -> Refusal | None:
    """Anthropic behind OpenRouter: 128 characters, but no dots and no slashes."""
    pattern = "^[a-zA-Z0-9_-]{1,128}$"
    for at, tool in enumerate(tools(body)):
        if not re.fullmatch(pattern.strip("^$"), str(tool.get("name"))):
            said = f"tools.{at}.custom.name: String should match pattern '{pattern}'"
            raw = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
            return refusal.openrouter(refusal.as_json(400, raw).body, "Anthropic")
    return None


ANTHROPIC_NAMES = Check("names", _anthropic_names, "Anthropic's reference; the envelope as of crush#279")


def _no_tools(body: JsonObject) -> Refusal | None:
    if not body.get("tools"):
        return None
    return refusal.text_error(f"registry.ollama.ai/library/{body.get('model')} does not support tools")


OLLAMA_NO_TOOLS = Check("tools", _no_tools, "seen at Ollama 0.33")


def signature(call_id: str) -> str:
    """The signature that Gemini gives with a call of this id."""
    return base64.b64encode(hashlib.sha256(call_id.encode()).digest()).decode()


def _signed(call: JsonObject) -> bool:
    given: Any = call
    for name in ("extra_content", "google", "thought_signature"):
        given = given.get(name) if isinstance(given, dict) else None
    return given in (signature(str(call.get("id"))), *SENTINELS)


def _signatures(body: JsonObject) -> Refusal | None:
    """The first call of each step of the turn under way, which begins with the last message of the user."""
    last_user = max((at for at, m in enumerate(messages(body)) if m.get("role") == "user"), default=0)
    for at, message in assistants(body):
        if at > last_user and calls(message) and not _signed(calls(message)[0]):
            said = (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. "
                "Additional data, "
                f"function call `default_api:{calls(message)[0]['function']['name']}` , position {at + 1}."
            )
            page = "https://ai.google.dev/gemini-api/docs/thought-signatures"
            return refusal.gemini(f"{said} Please refer to {page} for more details.")
    return None


GEMINI_SIGNATURES = Check("signature", _signatures, "opensquilla#225, llmgateway#1267, pi#6733")
