"""What one choice of an OpenAI-shaped frame says, in Linx's own words.

``clean`` reads a choice and rewrites it in place, so that it may be sent on to a client of the same dialect; a field
that Linx does not know is left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.attempt_errors import Garbled
from linx.core.chat import Chunk, Dialect, JsonObject
from linx.dialects.failures.meaning import failed_end

if TYPE_CHECKING:
    from linx.dialects.openai.tool_calls import ToolCalls

DIALECT = Dialect.OPENAI
CHUNK = "chat.completion.chunk"

FINISHES = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "end": "stop",
    "length": "length", "max_tokens": "length", "max_length": "length", "max_output_tokens": "length",
    "model_length": "length", "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls", "tool_call": "tool_calls", "tool_use": "tool_calls", "function_call": "tool_calls",
    "content_filter": "content_filter", "content-filter": "content_filter", "safety": "content_filter",
    "recitation": "content_filter", "blocklist": "content_filter", "prohibited_content": "content_filter",
    "refusal": "content_filter", "sensitive": "content_filter",
}  # fmt: skip
"""A provider's ``finish_reason`` in lower case → OpenAI's. A word that is not here, and means no failure, counts as
stop."""

_NO_FINISH = frozenset(("", "null", "none"))
"""Texts that some providers send where a null belongs."""

_TEXTS = ("content", "refusal")
_REASONINGS = ("reasoning_content", "reasoning", "reasoning_details")
_CALLS = ("tool_calls", "function_call")
_OLD_CALL = -1  # the index under which a call of the old form, ``function_call``, is kept


def finish_of(reason: Any) -> str | None:
    """The finish that a ``finish_reason`` tells of, in OpenAI's words. Raises Refused where the answer failed."""
    if not reason:
        return None
    failure = failed_end(reason)
    if failure is not None:
        raise failure
    word = reason.get("type") if isinstance(reason, dict) else reason
    if not isinstance(word, str) or (word := word.lower()) in _NO_FINISH:
        return None
    return FINISHES.get(word, "stop")


def settle_delta(choice: JsonObject, *, has_text: bool, has_reasoning: bool, has_calls: bool) -> bool:
    """Make a ``delta`` of what stands in its place: a whole ``message``, or the ``text`` of a text completion.

    Beside a delta that says something they only repeat it. Where deltas went before (``has_…`` tells of what), a
    message repeats the whole answer, of which only what was not said yet is kept. True if a delta was made.
    """
    message, text = choice.pop("message", None), choice.pop("text", None)
    delta = choice.get("delta")
    if isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role"):
        return False
    if isinstance(message, dict):
        made = message
    elif isinstance(text, str):
        made = {"content": text}
    else:
        return False
    for is_said, fields in ((has_text, _TEXTS), (has_reasoning, _REASONINGS), (has_calls, _CALLS)):
        if is_said:
            for name in fields:
                made.pop(name, None)
    calls = made.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            call["index"] = number
    choice["delta"] = made
    return True


def clean(frame: JsonObject, choice: JsonObject, index: int, calls: ToolCalls) -> Chunk:
    """``choice``, the only one of ``frame`` from here on, as a chunk without its finish. Raises Garbled."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        delta = choice["delta"] = {}
    delta.pop("role", None)
    text, thought = _content(delta)
    reasoning = _reasoning(delta, thought)
    refusal = delta.get("refusal")
    if not isinstance(refusal, str):
        refusal = ""
        delta.pop("refusal", None)
    tools = None
    if "tool_calls" in delta or "function_call" in delta:
        fragments = delta.pop("tool_calls", None)
        old = delta.pop("function_call", None)
        fragments = fragments if isinstance(fragments, list) else []
        if isinstance(old, dict):
            fragments = [*fragments, {"index": _OLD_CALL, "function": old}]
        deltas, kept = calls.add(fragments)
        if deltas:
            tools, delta["tool_calls"] = deltas, kept
    choice["finish_reason"] = None
    frame["choices"] = [choice]
    logprobs = _logprobs(choice) if choice.get("logprobs") else None
    return Chunk(text, reasoning, refusal, tools, None, index, None, logprobs, None, frame, DIALECT)


def _content(delta: JsonObject) -> tuple[str, str]:
    """The text, and the reasoning that some providers put among the parts of a list in its place."""
    if "content" not in delta:
        return "", ""
    content = delta["content"]
    if isinstance(content, str):
        return content, ""
    text, thought = _parts(content) if isinstance(content, list) else ("", "")
    if text:
        delta["content"] = text
    else:
        del delta["content"]
    return text, thought


def _parts(content: list[Any]) -> tuple[str, str]:
    texts, thoughts = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            if isinstance(text := part.get("text"), str):
                texts.append(text)
            if isinstance(thinking := part.get("thinking"), str):
                thoughts.append(thinking)
            elif isinstance(thinking, list):
                thoughts += _parts(thinking)[0]
    return "".join(texts), "".join(thoughts)


def _reasoning(delta: JsonObject, thought: str) -> str:
    """The reasoning under any of its names; in ``delta`` it is left under ``reasoning_content`` alone."""
    content = delta.get("reasoning_content")
    plain = delta.get("reasoning")
    if isinstance(plain, str) or plain is None:
        delta.pop("reasoning", None)
    reasoning = content if isinstance(content, str) else ""
    if not reasoning and isinstance(plain, str):
        reasoning = plain
    if not reasoning and isinstance(details := delta.get("reasoning_details"), list):
        reasoning = _details(details)
    reasoning = reasoning or thought
    if reasoning:
        delta["reasoning_content"] = reasoning
    else:
        delta.pop("reasoning_content", None)
    return reasoning


def _details(details: list[Any]) -> str:
    """The text in OpenRouter's ``reasoning_details``, for a provider that sends it nowhere else."""
    texts = []
    for detail in details:
        if isinstance(detail, dict):
            text = detail.get("text") or detail.get("summary")
            if isinstance(text, str):
                texts.append(text)
    return "".join(texts)


def _logprobs(choice: JsonObject) -> list[JsonObject] | None:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        return None
    entries = [entry for entry in content if isinstance(entry, dict)]
    for entry in entries:
        if not _is_logprob(entry) or not all(map(_is_logprob, entry.get("top_logprobs") or ())):
            raise Garbled("sent log probabilities in a shape that is unknown")
    return entries or None


def _is_logprob(entry: Any) -> bool:
    """Has ``entry`` what every encoder reads? The number may be missing, or null for a logarithm that is not finite."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float | None)
        and isinstance(entry.get("top_logprobs"), list | None)
    )
