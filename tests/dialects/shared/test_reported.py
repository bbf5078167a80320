"""Numbers that providers report: what is no plausible number is as good as none, in every dialect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from linx.core.chat import Dialect
from linx.dialects.embeddings import EMBED, OPENAI, EmbeddingsDecoder
from linx.dialects.ollama.frames import timings_of
from linx.dialects.ollama.frames import usage_of as ollama_usage_of
from linx.dialects.openai.usage import usage_of
from linx.dialects.shared.messages_usage import read_usage
from linx.dialects.shared.reported import MOST_USD, count_of, usd_of
from linx.dialects.untranslated.decoder import untranslated_decoder
from linx.providers.late_costs import cost_of

if TYPE_CHECKING:
    from linx.dialects.base import Decoder

HUGE = 10**400
"""An integer that JSON can hold and a float cannot."""


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *((0, 0), (7, 7), (2.0, 2), (2**53 - 1, 2**53 - 1), (2.5, None), (2**53, None), (HUGE, None), (-1, None)),
        *((True, None), ("7", None), (None, None), (math.inf, None), (math.nan, None)),
    ],
)
def test_counts(value: Any, count: int | None) -> None:
    assert count_of(value) == count


@pytest.mark.parametrize(
    ("value", "usd"),
    [
        *((0, 0.0), (1, 1.0), (0.25, 0.25), (MOST_USD, MOST_USD), (MOST_USD * 2, None), (HUGE, None), (-0.1, None)),
        *((False, None), ("1", None), (None, None), (math.inf, None), (math.nan, None)),
    ],
)
def test_costs(value: Any, usd: float | None) -> None:
    assert usd_of(value) == usd


ANSWERS: dict[str, tuple[Decoder, bytes]] = {
    "vectors": (EmbeddingsDecoder(OPENAI), b'{"data":[],"usage":{"prompt_tokens":%d,"cost":%d}}'),
    "vectors of an ollama": (EmbeddingsDecoder(EMBED), b'{"embeddings":[],"prompt_eval_count":%d,"x":%d}'),
    "responses": (
        untranslated_decoder(Dialect.RESPONSES),
        b'data: {"type":"response.completed","response":{"usage":{"input_tokens":%d,"cost":%d}}}\n\n',
    ),
}


@pytest.mark.parametrize(("decoder", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_a_number_without_end_ends_no_answer(decoder: Decoder, answer: bytes) -> None:
    chunks = [*decoder.feed(answer % (HUGE, HUGE)), *decoder.end()]
    [usage] = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert (usage.prompt, usage.cost_usd) == (0, None)


def test_nor_does_one_in_a_usage() -> None:
    chat = usage_of({"prompt_tokens": HUGE, "cost": HUGE})
    messages = read_usage({"input_tokens": HUGE, "cost": HUGE}, None)
    for usage in (chat, messages, ollama_usage_of({"prompt_eval_count": HUGE, "eval_count": HUGE})):
        assert usage is not None
        assert (usage.prompt, usage.completion, usage.cost_usd) == (0, 0, None)
    assert cost_of({"data": {"total_cost": HUGE}}) is None
    assert timings_of({"total_duration": HUGE}).total == 0
