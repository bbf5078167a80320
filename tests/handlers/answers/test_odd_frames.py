"""Any value at any place of any provider's frame: chunks that every client's encoder can write, or an AttemptError.

A frame of each dialect is taken, and each value in it is replaced by each of ODD in turn. What the decoder makes of it
goes through every face, streamed and whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from linx.app import faces_for
from linx.config.model import Config
from linx.core import jsontext
from linx.core.attempt_errors import AttemptError
from linx.core.chat import Answer, Chunk, Dialect, Stamp
from linx.dialects.anthropic.decoder import anthropic_decoder
from linx.dialects.base import Decoder, Face
from linx.dialects.completions.decoder import CompletionsDecoder, infill_decoder
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.openai.decoder import OpenAIDecoder
from tests.handlers.answers.test_odd_types import ODD, places, replaced

pytestmark = pytest.mark.untraced
LOGPROB = {
    "token": "a",
    "logprob": -0.5,
    "bytes": [97],
    "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": [98]}],
}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 5,
    "total_tokens": 10,
    "cost": 0.1,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
TOP = {"id": "i", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "f"}
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DELTA = {
    "role": "assistant",
    "content": "a",
    "reasoning_content": "r",
    "refusal": None,
    "tool_calls": [CALL],
    "reasoning_details": [{"type": "reasoning.text", "text": "t"}],
    "annotations": [{"type": "url_citation", "index": 0}],
}
CHAT_FRAMES = [
    {**TOP, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}]},
    {
        **TOP,
        "choices": [
            {
                "index": 0,
                "delta": DELTA,
                "finish_reason": None,
                "logprobs": {"content": [LOGPROB], "refusal": None},
            }
        ],
    },
    {
        **TOP,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": USAGE,
        "timings": {"prompt_n": 1, "prompt_ms": 1.0, "predicted_n": 1, "predicted_ms": 1.0},
    },
]
WHOLE_FRAMES = [
    {
        **TOP,
        "choices": [{"index": 0, "message": DELTA, "finish_reason": "stop", "logprobs": {"content": [LOGPROB]}}],
        "usage": USAGE,
    },
]
OLD_LOGPROBS = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"b": -1.0}], "text_offset": [0]}
TEXT_FRAMES = [
    {**TOP, "choices": [{"index": 0, "text": "a", "finish_reason": None, "logprobs": OLD_LOGPROBS}]},
    {**TOP, "choices": [{"index": 0, "text": "a", "finish_reason": None, "logprobs": {"content": [LOGPROB]}}]},
    {**TOP, "choices": [{"index": 0, "text": "", "finish_reason": "stop", "logprobs": None}], "usage": USAGE},
]
INFILL_FRAMES: list[Any] = [
    {"content": "a", "stop": False, "index": 0, "tokens": [5]},
    {"content": "", "stop": True, "stop_type": "limit", "timings": {"prompt_n": 1, "prompt_ms": 1.0, "predicted_n": 1}},
]
COUNTS = {"total_duration": 5, "load_duration": 5, "prompt_eval_count": 5, "prompt_eval_duration": 5, "eval_count": 5}
OLLAMA_FRAMES = [
    {
        "model": "m",
        "created_at": "t",
        "done": False,
        "logprobs": [LOGPROB],
        "message": {
            "role": "assistant",
            "content": "a",
            "thinking": "t",
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
    },
    {
        "model": "m",
        "created_at": "t",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        **COUNTS,
    },
]
GENERATE_FRAMES: list[Any] = [
    {"model": "m", "created_at": "t", "done": False, "response": "a", "thinking": "t", "logprobs": [LOGPROB]},
    {"model": "m", "created_at": "t", "response": "", "done": True, "done_reason": "stop", "context": [1], **COUNTS},
]
ANTHROPIC_FRAMES: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "i",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "m",
            "usage": {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "t"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "c", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
]


def sse(frames: list[Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % dumps(frame) for frame in frames) + b"data: [DONE]\n\n"


def whole(frames: list[Any]) -> bytes:
    return dumps(frames[0])


def ndjson(frames: list[Any]) -> bytes:
    return b"".join(dumps(frame) + b"\n" for frame in frames)


def events(frames: list[Any]) -> bytes:
    named = ((frame.get("type") if isinstance(frame, dict) else None, frame) for frame in frames)
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (name.encode("utf-8", "replace") if isinstance(name, str) else b"x", dumps(frame))
        for name, frame in named
    )


def dumps(value: Any) -> bytes:
    return jsontext.dumps(value)


def ids() -> str:
    return "5eed"


Road = tuple[Callable[[], Decoder], Callable[[list[Any]], bytes], list[Any], tuple[str, ...]]
CHATS = ("openai", "anthropic", "responses", "ollama", "ollama_generate")
ROADS: dict[str, Road] = {
    "chat": (lambda: OpenAIDecoder(ids), sse, CHAT_FRAMES, CHATS),
    "chat in one piece": (lambda: OpenAIDecoder(ids), whole, WHOLE_FRAMES, CHATS),
    "completions": (lambda: CompletionsDecoder(ids), sse, TEXT_FRAMES, ("completions",)),
    "infill": (lambda: infill_decoder(ids), sse, INFILL_FRAMES, ("completions",)),
    "ollama chat": (lambda: OllamaDecoder(ids), ndjson, OLLAMA_FRAMES, CHATS),
    "ollama generate": (lambda: OllamaDecoder(ids, generate=True), ndjson, GENERATE_FRAMES, ("completions", *CHATS)),
    "anthropic": (lambda: anthropic_decoder(ids), events, ANTHROPIC_FRAMES, CHATS),
}
MESSAGE = [{"role": "user", "content": "u"}]
ASKED: dict[str, dict[str, Any]] = {
    "openai": {"model": "m", "messages": MESSAGE, "stream_options": {"include_usage": True}},
    "anthropic": {"model": "m", "messages": MESSAGE, "max_tokens": 5},
    "responses": {"model": "m", "input": "u"},
    "ollama": {"model": "m", "messages": MESSAGE, "logprobs": True, "top_logprobs": 1},
    "ollama_generate": {"model": "m", "prompt": "u"},
    "completions": {"model": "m", "prompt": "p", "logprobs": 1},
}
STAMP = Stamp("5eed", 1.0, lambda: 1.0)


def read(decoder: Decoder, data: bytes) -> list[list[Chunk]]:
    return [decoder.feed(data), decoder.end()]


def deliver(face: Face, asked: dict[str, Any], batches: list[list[Chunk]], *, is_done: bool) -> None:
    """Write the answer for a client of ``face``. May raise AttemptError, and nothing else."""
    for stream in (True, False):
        chat = face.parse({**asked, "stream": stream})
        if stream:
            encoder = face.encoder(chat, STAMP)
            for chunks in batches:
                encoder.frames(chunks)
            if is_done:
                encoder.end()
        elif is_done:
            answer = Answer()
            for chunks in batches:
                for chunk in chunks:
                    answer.add(chunk)
            jsontext.dumps(face.whole(chat, answer, STAMP))


def failures_of(road: str) -> list[str]:
    new_decoder, write, frames, names = ROADS[road]
    faces = faces_for(Config())
    found = []
    for number, frame in enumerate(frames):
        for path in places(frame):
            for odd in ODD:
                data = write([*frames[:number], replaced(frame, path, odd), *frames[number + 1 :]])
                for name in names:
                    decoder = new_decoder()
                    try:
                        # Read anew for each face, since a chunk's source may be changed by the encoder.
                        batches = read(decoder, data)
                        deliver(faces[name], ASKED[name], batches, is_done=decoder.done)
                    except AttemptError:
                        pass
                    except Exception as error:  # the failures that the test looks for
                        found.append(f"{name}: {number}{path} = {odd!r}: {type(error).__name__}: {error}")
    return found


@pytest.mark.parametrize("road", ROADS)
def test_odd_answers_fail_as_attempts_or_reach_the_client(road: str) -> None:
    found = failures_of(road)
    assert not found, f"{len(found)} answers: " + "\n".join(found[:40])


def test_every_face_is_answered() -> None:
    assert {name for _new, _write, _frames, names in ROADS.values() for name in names} == set(faces_for(Config()))
    assert set(ASKED) == set(faces_for(Config()))
    assert Dialect.OPENAI in ASKED
