"""Feeding a decoder in every way a network may, and building frames as providers send them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.chat import Answer, ChatBody, ChatRequest, Stamp
from linx.dialects.openai.decoder import OpenAIDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.attempt_errors import AttemptError
    from linx.core.chat import Choice, Chunk, JsonObject

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "openai"
MAX_CUTS = 500
DONE = b"data: [DONE]\n\n"


@dataclass
class Result:
    chunks: list[Chunk]
    problem: AttemptError | None
    done: bool

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def reasoning(self) -> str:
        return "".join(chunk.reasoning for chunk in self.chunks)

    @property
    def finishes(self) -> list[str]:
        return [chunk.finish for chunk in self.chunks if chunk.finish is not None]

    @property
    def usages(self) -> list[tuple[int, int]]:
        return [(chunk.usage.prompt, chunk.usage.completion) for chunk in self.chunks if chunk.usage]

    @property
    def sources(self) -> list[JsonObject]:
        return [chunk.source for chunk in self.chunks if chunk.source is not None]

    @property
    def answer(self) -> Answer:
        answer = Answer()
        for chunk in self.chunks:
            answer.add(chunk)
        return answer

    @property
    def choice(self) -> Choice:
        return self.answer.choices[0]

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        return [(call.id, call.name, call.arguments) for call in self.choice.tools]


def feed(parts: Iterable[bytes]) -> Result:
    numbers = itertools.count()
    decoder = OpenAIDecoder(lambda: f"made{next(numbers)}")
    chunks: list[Chunk] = []
    for part in parts:
        chunks += decoder.feed(part)
    chunks += decoder.end()
    assert decoder.done is (decoder.problem is None)
    return Result(chunks, decoder.problem, decoder.done)


def decode(wire: bytes) -> Result:
    """What the decoder makes of ``wire``, which must not depend on where the reads end."""
    result = feed([wire])
    told = (result.chunks, repr(result.problem), result.done)
    step = max(1, len(wire) // MAX_CUTS)
    ways: list[list[bytes]] = [[wire[n : n + 1] for n in range(len(wire))]]
    ways += [[wire[:cut], wire[cut:]] for cut in range(0, len(wire) + 1, step)]
    for parts in ways:
        other = feed(parts)
        assert (other.chunks, repr(other.problem), other.done) == told
    return result


def frame(delta: JsonObject | None = None, finish: str | None = None, index: int = 0, **extras: Any) -> JsonObject:
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served",
        "choices": [choice],
        **extras,
    }


def sse(*frames: JsonObject | bytes) -> bytes:
    texts = (item if isinstance(item, bytes) else jsontext.dumps(item) for item in frames)
    return b"".join(b"data: " + text + b"\n\n" for text in texts)


def text(*pieces: str) -> list[JsonObject]:
    return [frame({"content": piece}) for piece in pieces]


def call(index: int | None = None, id: str | None = None, name: str | None = None, args: Any = None) -> JsonObject:  # noqa: A002
    """A fragment of a tool call, with what is given."""
    function = {"name": name, "arguments": args}
    fragment = {"index": index, "id": id, "function": {key: item for key, item in function.items() if item is not None}}
    return {key: item for key, item in fragment.items() if item is not None}


def tools(*fragments: JsonObject) -> JsonObject:
    return frame({"tool_calls": list(fragments)})


def request(stream: bool = True, **settings: Any) -> ChatRequest:
    return ChatRequest("asked", ChatBody({"model": "asked", "messages": []}), stream, **settings)


def stamp() -> Stamp:
    return Stamp("0123abcd", 1755800000.9, lambda: 1755800000.9)


def payloads(wire: bytes) -> list[Any]:
    """The frames of a stream that Linx wrote, read strictly."""
    if not wire:
        return []
    assert wire.endswith(b"\n\n")
    values: list[Any] = []
    for event in wire.removesuffix(b"\n\n").split(b"\n\n"):
        assert event.startswith(b"data: "), event
        assert b"\n" not in event
        assert b"\r" not in event
        data = event[6:]
        values.append("[DONE]" if data == b"[DONE]" else jsontext.loads_plain(data))
    return values
