"""What a model says in one answer, and the frames in which a server of OpenAI's dialect streams it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.picky import tools
from tests.fakes.picky.check import tools as offered
from tests.fakes.scripted import Answer, Call, Close, Raw, Send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.fakes.picky.refusal import JsonObject

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Spoken:
    text: str = ""
    reasoning: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    """Tools by the client's own names, with their arguments."""


@dataclass(frozen=True)
class Habits:
    """In what the answers of the servers differ."""

    reasoning: str = "reasoning_content"
    """The field of the reasoning."""
    call_id: Callable[[int], str] = "call_{:024d}".format
    is_signed: bool = False
    """Gemini: the first call of an answer carries a signature."""


NINE = "c{:08d}".format
"""Ids as Mistral makes and demands them."""


def served_name(body: JsonObject, name: str) -> str:
    """The tool's name as the server was told it; a tool that was renamed is known by its description."""
    tools_offered = offered(body)
    names = [str(tool.get("name")) for tool in tools_offered]
    if name in names:
        return name
    described = [tool["name"] for tool in tools_offered if str(tool.get("description")).startswith(f"[{name}]")]
    assert len(described) == 1, f"{name} is not among the tools that the server was offered: {names}"
    return str(described[0])


def as_answer(body: JsonObject, spoken: Spoken, number: int) -> Answer:
    """For the fake of Ollama, which has frames of its own."""
    made = [
        Call(served_name(body, name), dict(arguments), f"call_{number + at:08d}")
        for at, (name, arguments) in enumerate(spoken.calls)
    ]
    return Answer(tokens=_halves(spoken.text), reasoning=_halves(spoken.reasoning), calls=made)


def as_stream(body: JsonObject, spoken: Spoken, habits: Habits, number: int) -> Raw:
    """A stream of two reads, and the end of the connection."""
    frames = [b"data: %b\n\n" % jsontext.dumps(chunk) for chunk in _chunks(body, spoken, habits, number)]
    frames.append(b"data: [DONE]\n\n")
    first, rest = b"".join(frames[:2]), b"".join(frames[2:])
    return Raw([Send(_HEAD + _chunk(first)), Send(_chunk(rest) + b"0\r\n\r\n"), Close()])


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [half for half in (text[:middle], text[middle:]) if half]


def _chunks(body: JsonObject, spoken: Spoken, habits: Habits, number: int) -> list[JsonObject]:
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    deltas += [{habits.reasoning: text} for text in _halves(spoken.reasoning)]
    deltas += [{"content": text} for text in _halves(spoken.text)]
    for at, (name, arguments) in enumerate(spoken.calls):
        call_id = habits.call_id(number + at)
        start = {"name": served_name(body, name), "arguments": ""}
        call: JsonObject = {"index": at, "id": call_id, "type": "function", "function": start}
        if habits.is_signed and at == 0:
            call["extra_content"] = {"google": {"thought_signature": tools.signature(call_id)}}
        deltas.append({"tool_calls": [call]})
        text = jsontext.dumps(dict(arguments)).decode()
        deltas += [{"tool_calls": [{"index": at, "function": {"arguments": half}}]} for half in _halves(text)]
    head = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1_755_800_000,
        "model": body.get("model"),
    }
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = "tool_calls" if spoken.calls else "stop"
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
        chunks.append({**head, "choices": [], "usage": usage})
    return chunks
