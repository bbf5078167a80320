"""A decoder whose chunks are changed back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.adaptation.restoring import RestoringDecoder
from linx.dialects.openai.decoder import OpenAIDecoder

if TYPE_CHECKING:
    from linx.core.chat import Chunk


def shout(chunk: Chunk) -> None:
    chunk.text = chunk.text.upper()


def exclaim(chunk: Chunk) -> None:
    if chunk.text:
        chunk.text += "!"


def test_every_chunk_is_changed_in_order_and_the_end_is_the_decoders() -> None:
    decoder = RestoringDecoder(OpenAIDecoder(lambda: "0"), [exclaim, shout])
    chunks = decoder.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n')
    assert ([chunk.text for chunk in chunks], decoder.done, decoder.problem) == (["A!"], False, None)
    chunks = decoder.feed(
        b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    )
    assert decoder.done
    torn = RestoringDecoder(OpenAIDecoder(lambda: "0"), [shout])
    torn.end()
    assert torn.problem is not None
