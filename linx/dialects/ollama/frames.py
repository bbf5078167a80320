"""What the parts of an Ollama frame say, in Linx's own words: counters, tool calls, log probabilities."""

from __future__ import annotations

from typing import Any

from linx.core import jsontext
from linx.core.chat import JsonObject, Timings, Usage
from linx.dialects.openai.frame_cut import Shape
from linx.dialects.shared.reported import count_of

_INT64 = 2**63
_OF_TEXT = frozenset(("model", "remote_model", "remote_host", "created_at", "message", "done"))
_IN_MESSAGE = frozenset(("role", "content", "thinking"))
_IMPROBABLE = -9999.0  # what OpenAI writes for a token that is all but impossible


def _find_text(frame: JsonObject, _index: int) -> tuple[JsonObject, str]:
    message = frame["message"]
    if frame["done"] is not False or not frame.keys() <= _OF_TEXT or not message.keys() <= _IN_MESSAGE:
        raise ValueError
    (field,) = (name for name in ("content", "thinking") if message.get(name))
    return message, field


FRAME_OF_TEXT = Shape(b"", b"\n", {"created_at": False}, _find_text)
"""A frame of /api/chat that says a piece of text or of thinking and nothing else. Each has a time of its own."""


def usage_of(frame: JsonObject) -> Usage:
    return Usage(count_of(frame.get("prompt_eval_count")) or 0, count_of(frame.get("eval_count")) or 0)


def timings_of(frame: JsonObject) -> Timings:
    return Timings(
        _count(frame, "total_duration"),
        _count(frame, "load_duration"),
        _count(frame, "prompt_eval_duration"),
        _count(frame, "eval_duration"),
    )


def function_of(call: Any) -> tuple[str, str] | None:
    """Name and arguments of a tool call, the arguments as JSON text; None if it has no name, or they are no object.

    In the frame, the arguments become an object if they were a text.
    """
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        return None
    arguments = _arguments(function)
    return None if arguments is None else (name, arguments)


def logprobs_of(entries: Any) -> list[JsonObject] | None:
    """Log probabilities as OpenAI has them; None if there are none that can be read."""
    if not isinstance(entries, list):
        return None
    read = []
    for entry in entries:
        if isinstance(entry, dict):
            top = entry.get("top_logprobs")
            alternatives = [_logprob(item) for item in top if isinstance(item, dict)] if isinstance(top, list) else []
            read.append({**_logprob(entry), "top_logprobs": alternatives})
    return read or None


def _arguments(function: JsonObject) -> str | None:
    arguments = function.get("arguments")
    if not arguments:
        function["arguments"] = {}
        return "{}"
    if isinstance(arguments, str):
        # Old versions and imitators send text; the text is kept where text is wanted.
        text = arguments
        try:
            arguments = jsontext.loads_strict(text.encode("utf-8", "replace")) if text.strip() else {}
        except jsontext.InvalidJSON:
            return None
        function["arguments"] = arguments
        return (text if arguments else "{}") if isinstance(arguments, dict) else None
    return jsontext.dumps(arguments).decode() if isinstance(arguments, dict) else None


def _count(frame: JsonObject, key: str) -> int:
    """A duration; Ollama leaves a key out where the value is 0."""
    value = frame.get(key)
    if type(value) is float and 0 < value < _INT64:
        value = int(value)
    return value if type(value) is int and 0 < value < _INT64 else 0


def _logprob(entry: JsonObject) -> JsonObject:
    token = entry.get("token")
    token = token if isinstance(token, str) else ""
    logprob = entry.get("logprob")
    raw = entry.get("bytes")
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, int | float) and logprob == logprob else _IMPROBABLE,
        "bytes": raw if isinstance(raw, list) else list(token.encode("utf-8", "replace")),
    }
