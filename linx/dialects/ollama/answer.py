"""The parts of an Ollama answer that a stream and a whole answer have in common, and the whole answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp, Timings, ToolCall, Usage
from linx.dialects.ollama.decoder import CHAT, GENERATE

if TYPE_CHECKING:
    from collections.abc import Sequence

INVALID_CALL = "model produced invalid tool call arguments"
_HEAD = ("model", "remote_model", "remote_host", "created_at")
# How Ollama orders a whole answer (its api/types.go); the counters follow.
_CHAT_ORDER = (*_HEAD, "message", "done", "done_reason", "logprobs")
_GENERATE_ORDER = (*_HEAD, "response", "thinking", "tool_calls", "done", "done_reason", "context")
_NS_PER_S = 1_000_000_000
MOST_RATE = 20_000
"""Tokens a second. Nobody writes faster: such an answer was complete before its first token was seen."""


def timestamp(now: float) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def answer_body(generate: bool, text: str, reasoning: str, calls: list[JsonObject] | None) -> JsonObject:
    """The fields of a frame that hold the answer: ``message``, or ``response`` and its neighbours."""
    body: JsonObject = {"response": text} if generate else {"role": "assistant", "content": text}
    if reasoning:
        body["thinking"] = reasoning
    if calls:
        body["tool_calls"] = calls
    return body if generate else {"message": body}


def tool_objects(calls: Sequence[ToolCall], finish: str | None) -> list[JsonObject]:
    """Tool calls with their arguments as objects; raises Garbled where the arguments are no object.

    An answer cut at its length leaves its last call incomplete: that call is dropped, and ``length`` says so.
    """
    objects: list[JsonObject] = []
    for position, call in enumerate(calls):
        arguments: Any = {}
        if call.arguments.strip():
            try:
                arguments = jsontext.loads_strict(call.arguments.encode("utf-8", "replace"))
            except jsontext.InvalidJSON:
                arguments = None
        if not isinstance(arguments, dict):
            if finish == "length" and position == len(calls) - 1:
                break
            raise Garbled(INVALID_CALL)
        objects.append({"id": call.id, "function": {"index": position, "name": call.name, "arguments": arguments}})
    return objects


def done_reason(finish: str | None) -> str:
    return "length" if finish == "length" else "stop"


def counters(begun_at: float, first_at: float | None, now: float, usage: Usage, timings: Timings | None) -> JsonObject:
    """The counters and durations of a done frame: the provider's where it gave them, else measured.

    ``first_at`` is when the first token came, None if none came: up to then the prompt was read, from then on the
    answer was written. Clients divide by both durations, so none is 0. The time in which a model was loaded is part of
    the first where the provider does not tell it, and then ``load_duration`` is 0: clients add it up.

    An answer that has come in one piece tells nothing of its first token. Half of the time is then said to have gone
    to the answer, since its tokens in no time at all would be shown as millions of tokens a second.
    """
    timings = timings or Timings()
    total = max(int((now - begun_at) * _NS_PER_S), 1)
    prompt_eval = total if first_at is None else min(max(int((first_at - begun_at) * _NS_PER_S), 1), total)
    if total - prompt_eval < usage.completion * _NS_PER_S // MOST_RATE:
        prompt_eval = max(total // 2, 1)
    made: JsonObject = {"total_duration": timings.total or total, "load_duration": timings.load}
    return made | {
        "prompt_eval_count": usage.prompt,
        "prompt_eval_duration": timings.prompt_eval or prompt_eval,
        "eval_count": usage.completion,
        "eval_duration": timings.eval or max(total - prompt_eval, 1),
    }


def whole_answer(chat: ChatRequest, answer: Answer, stamp: Stamp, *, generate: bool) -> JsonObject:
    """The object of an answer that is not streamed."""
    choices = answer.choices
    choice = choices[min(choices)]
    now = stamp.now()
    sources = answer.sources
    if sources and answer.dialect == (GENERATE if generate else CHAT):
        whole = _folded(chat.model, sources, choice.text, choice.reasoning, generate)
        whole.setdefault("created_at", timestamp(now))
        return whole
    calls = tool_objects(choice.tools, choice.finish)
    whole = {
        "model": chat.model,
        "created_at": timestamp(now),
        **answer_body(generate, choice.text + choice.refusal, choice.reasoning, calls),
        "done": True,
        "done_reason": done_reason(choice.finish),
    }
    figures = counters(stamp.created, stamp.first_at, now, answer.usage or Usage(), answer.timings)
    logprobs: JsonObject = {"logprobs": choice.logprobs} if choice.logprobs else {}
    return {**whole, **figures, **logprobs} if generate else {**whole, **logprobs, **figures}  # as Ollama orders them


def _folded(model: str, sources: list[JsonObject], text: str, reasoning: str, generate: bool) -> JsonObject:
    """An Ollama's own frames as one: the last value of each field, but text and lists joined."""
    whole: JsonObject = {}
    message: JsonObject = {}
    lists: dict[str, list[Any]] = {"tool_calls": [], "logprobs": []}
    for source in sources:
        whole |= source
        holder = source if generate else source.get("message") or {}
        if not generate:
            message |= holder
        for name, given in (("tool_calls", holder.get("tool_calls")), ("logprobs", source.get("logprobs"))):
            if isinstance(given, list):
                lists[name] += given
    whole["model"] = model
    holder = whole if generate else message
    holder["response" if generate else "content"] = text
    if reasoning:
        holder["thinking"] = reasoning
    if lists["tool_calls"]:
        holder["tool_calls"] = lists["tool_calls"]
    if lists["logprobs"]:
        whole["logprobs"] = lists["logprobs"]
    if not generate:
        whole["message"] = message
    first, last = (_GENERATE_ORDER, ("logprobs",)) if generate else (_CHAT_ORDER, ())
    rest = [key for key in whole if key not in first and key not in last]
    return {key: whole[key] for key in (*first, *rest, *last) if key in whole}
