"""Parameters refused by name, by value, or because another name is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.picky.refusal import JsonObject, Refusal


def named(name: str, shape: Callable[[Any], Refusal], source: str, *, allowed: Sequence[Any] = ()) -> Check:
    """The field is refused unless it has one of the allowed values."""

    def look(body: JsonObject) -> Refusal | None:
        return shape(body[name]) if name in body and body[name] not in allowed else None

    return Check(name, look, source)


def other_name(old: str, new: str, source: str) -> Check:
    """OpenAI's words for the name of the limit that a model does not take."""

    def shape(_value: Any) -> Refusal:
        said = f"Unsupported parameter: '{old}' is not supported with this model. Use '{new}' instead."
        return refusal.openai(said, param=old, code="unsupported_parameter")

    return named(old, shape, source)


def unsupported(name: str, source: str = "chatbox#2627, openai-python#2072") -> Check:
    def shape(_value: Any) -> Refusal:
        said = f"Unsupported parameter: '{name}' is not supported with this model."
        return refusal.openai(said, param=name, code="unsupported_parameter")

    return named(name, shape, source)


def only_one(name: str) -> Check:
    def shape(value: Any) -> Refusal:
        said = f"Unsupported value: '{name}' does not support {value} with this model."
        return refusal.openai(f"{said} Only the default (1) value is supported.", param=name, code="unsupported_value")

    return named(name, shape, "aider's leaderboard notes of gpt-5-mini on Azure", allowed=(1, 1.0))


def _xai_penalty(_value: Any) -> Refusal:
    return refusal.xai("Argument not supported on this model: frequencyPenalty")


XAI_PENALTY = named("frequency_penalty", _xai_penalty, "xAI's own words, camel case instead of the field's name")


def _groq_bias(_value: Any) -> Refusal:
    return refusal.groq("property 'logit_bias' is unsupported")


GROQ_BIAS = named("logit_bias", _groq_bias, "Groq's OpenAI page lists it as not supported; words as of llms#17")


def _cerebras_parallel(value: Any) -> Refusal:
    return refusal.cerebras(f"parallel_tool_calls={value} is not supported by this model.", "parallel_tool_calls")


CEREBRAS_PARALLEL = named("parallel_tool_calls", _cerebras_parallel, "agno#4508", allowed=(True,))


def _verbosity(value: Any) -> Refusal:
    said = f"Unsupported value: '{value}' is not supported with the 'gpt-4o' model. Supported values are: 'medium'."
    return refusal.openai(said, param="verbosity", code="unsupported_value")


VERBOSITY = named(
    "verbosity", _verbosity, "codex#19188; the same of gpt-4.1-mini, and of Codex models", allowed=("medium",)
)


def _tier(_value: Any) -> Refusal:
    return refusal.openai("Invalid service_tier argument", param="service_tier")


SERVICE_TIER = named(
    "service_tier",
    _tier,
    "inspect_ai's test of flex with gpt-4o; OpenAI's guide to errors",
    allowed=("auto", "default"),
)


def _user(body: JsonObject) -> Refusal | None:
    user = body.get("user")
    if not isinstance(user, str) or len(user) <= 64:
        return None
    said = "Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length"
    return refusal.openai(f"{said} {len(user)} instead.", param="user", code="string_above_max_length")


USER = Check("user", _user, "bifrost#1000 (MaxUserFieldLength); words as of ida-pro-mcp#129")


def _azure(names: Sequence[str]) -> Check:
    """GitHub Models and Azure's serverless models refuse by a list of names (cherry-studio#9214)."""

    def look(body: JsonObject) -> Refusal | None:
        found = [name for name in names if name in body]
        why = "are not allowed when extra-parameters is not set or set to be 'error'."
        hint = "Set extra-parameters to 'pass-through' to pass to the model."
        return refusal.as_json(400, {"detail": f"Extra parameters {found} {why} {hint}"}) if found else None

    return Check("extra parameters", look, "cherry-studio#9214")


AZURE = _azure(("max_completion_tokens", "stream_options", "parallel_tool_calls", "reasoning_effort", "user", "store"))


def _gemini_unknown(name: str) -> Check:
    def shape(_value: Any) -> Refusal:
        said = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        violation = {"fieldViolations": [{"description": said}], "@type": "type.googleapis.com/google.rpc.BadRequest"}
        error = {"code": 400, "message": said, "status": "INVALID_ARGUMENT", "details": [violation]}
        return refusal.as_json(400, [{"error": error}])

    return named(name, shape, "openhanako#394 (store), cursor-byok#112 (prompt_cache_key)")


GEMINI_UNKNOWN = tuple(_gemini_unknown(name) for name in ("store", "prompt_cache_key", "web_search_options"))


def _voyage(value: Any) -> Refusal:
    said = f"Value '{value}' provided as input to 'encoding_format' is invalid. Accepted values are null, 'base64'."
    return refusal.as_json(400, {"detail": said})


VOYAGE = named("encoding_format", _voyage, "FastGPT#6744, cocoindex-code#148, gbrain#735", allowed=(None, "base64"))
