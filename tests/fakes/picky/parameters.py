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


def _xai_penalty(_value: Any) -> Refusal:
    return refusal.xai("Argument not supported on this model: frequencyPenalty")


XAI_EFFORT = named("reasoning_effort", _xai_effort, "seen of grok-4.20 and grok-build-0.1 in several public adapters")
XAI_PENALTY = named("frequency_penalty", _xai_penalty, "xAI's own words, camel case instead of the field's name")


def _groq_effort(_value: Any) -> Refusal:
    return refusal.groq("`reasoning_effort` is not supported with this model")


GROQ_NO_EFFORT = named("reasoning_effort", _groq_effort, "OmniRoute#3258, pluely#219")


def _groq_bias(_value: Any) -> Refusal:
    return refusal.groq("property 'logit_bias' is unsupported")


GROQ_BIAS = named("logit_bias", _groq_bias, "Groq's OpenAI page lists it as not supported; words as of llms#17")


def _cerebras_parallel(value: Any) -> Refusal:
    return refusal.cerebras(f"parallel_tool_calls={value} is not supported by this model.", "parallel_tool_calls")


CEREBRAS_PARALLEL = named("parallel_tool_calls", _cerebras_parallel, "agno#4508")


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


def stream_options(said: Callable[[], Refusal], source: str) -> Check:
    return named("stream_options", lambda _value: said(), source)


def _fireworks() -> Refusal:
    said = "Extra inputs are not permitted, field: 'stream_options'"
    return refusal.as_json(400, {"error": {"object": "error", "type": "invalid_request_error", "message": said}})


def _phi() -> Refusal:
    said = "Validation error at #/stream_options: Extra inputs are not permitted"
    return refusal.as_json(400, {"error": {"requestid": "eea1c96d-fba7", "code": 400, "message": said}})


def _crash() -> Refusal:
    return refusal.plain(500, "create_completion() got an unexpected keyword argument 'stream_options'")


def _old_vllm() -> Refusal:
    """A Python list as the text of the message."""
    what = {"type": "extra_forbidden", "loc": ("body", "stream_options"), "msg": "Extra inputs are not permitted"}
    return refusal.vllm_old(str([{**what, "input": {"include_usage": True}}]))


STREAM_FIREWORKS = stream_options(_fireworks, "Flowise#2866")
STREAM_AZURE_PHI = stream_options(_phi, "semantic-kernel#10510")
STREAM_CRASH = stream_options(_crash, "llama-cpp-python before it knew the field: a TypeError behind a 500")
STREAM_VLLM = stream_options(_old_vllm, "ms-agent#489, gpustack#429")


def _voyage(value: Any) -> Refusal:
    said = f"Value '{value}' provided as input to 'encoding_format' is invalid. Accepted values are null, 'base64'."
    return refusal.as_json(400, {"detail": said})


VOYAGE = named("encoding_format", _voyage, "FastGPT#6744, cocoindex-code#148, gbrain#735", allowed=(None, "base64"))
