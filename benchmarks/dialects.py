"""Measures the microseconds for a frame for every pair of dialects, without sockets: decoding, encoding, both.

    python -m benchmarks.dialects [--frames N] [--rounds N]

A frame is a few words of text, as most frames are. Nothing here waits, so the fastest of
several rounds is the least disturbed, and its figure is printed.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from linx.core.chat import ChatRequest, Stamp
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses.face import ResponsesFace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.dialects.base import Decoder, Face

USER = [{"role": "user", "content": "hi"}]
OPENAI_FRAME = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",'
    b'"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" a few words"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)
OLLAMA_FRAME = (
    b'{"model":"m","created_at":"2025-01-01T00:00:00.000000Z","message":{"role":"assistant","content":" a few words"},'
    b'"done":false}\n'
)
GENERATE_FRAME = b'{"model":"m","created_at":"2025-01-01T00:00:00.000000Z","response":" a few words","done":false}\n'

DECODERS: dict[str, tuple[bytes, Callable[[], Decoder]]] = {
    "openai": (OPENAI_FRAME, lambda: OpenAIDecoder(lambda: "0")),
    "ollama": (OLLAMA_FRAME, lambda: OllamaDecoder(lambda: "0")),
    "ollama generate": (GENERATE_FRAME, lambda: OllamaDecoder(lambda: "0", generate=True)),
}
FACES: dict[str, tuple[Face, dict[str, object]]] = {
    "openai": (OpenAIFace(), {"messages": USER}),
    "ollama": (OllamaFace("chat"), {"messages": USER}),
    "ollama generate": (OllamaFace("generate"), {"prompt": "hi"}),
    "anthropic": (AnthropicFace(), {"messages": USER, "max_tokens": 9}),
    "responses": (ResponsesFace(), {"input": "hi"}),
}


def microseconds(provider: str, client: str, frames: int, *, per_read: int = 1) -> tuple[float, float, float]:
    """For each of ``frames`` frames, with ``per_read`` in each read: µs to decode, µs to encode, bytes written."""
    frame, make_decoder = DECODERS[provider]
    face, body = FACES[client]
    chat: ChatRequest = face.parse({"model": "m", "stream": True, **body})
    decoder, encoder = make_decoder(), face.encoder(chat, Stamp("0", time.time(), time.time))
    encoder.frames(decoder.feed(frame))
    data = frame * per_read
    decoding = encoding = size = 0
    for _read in range(frames // per_read):
        start = time.perf_counter_ns()
        chunks = decoder.feed(data)
        middle = time.perf_counter_ns()
        out = encoder.frames(chunks)
        encoding += time.perf_counter_ns() - middle
        decoding += middle - start
        size += len(out)
    if decoder.problem is not None or not size:
        raise RuntimeError(f"{provider} to {client}: {decoder.problem}")
    return decoding / 1000 / frames, encoding / 1000 / frames, size / frames


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialects")
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    print(f"{'provider':16} {'client':16} {'decode':>8} {'encode':>8} {'both':>8} {'16 a read':>10}   (µs a frame)")
    for provider in DECODERS:
        for client in FACES:
            single = [microseconds(provider, client, options.frames) for _round in range(options.rounds)]
            many = [microseconds(provider, client, options.frames, per_read=16) for _round in range(options.rounds)]
            decoding, encoding, _size = min(single, key=lambda one: one[0] + one[1])
            batched = min(one[0] + one[1] for one in many)
            print(
                f"{provider:16} {client:16} {decoding:8.2f} {encoding:8.2f} {decoding + encoding:8.2f} {batched:10.2f}"
            )


if __name__ == "__main__":
    main()
