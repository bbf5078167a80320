"""A large answer of vectors is taken apart while it arrives, and says the same as a small one."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import Answer, ChatRequest, Dialect
from linx.dialects import embeddings
from linx.dialects.embeddings import EMBED, EMBEDDINGS, OPENAI, EmbeddingsDecoder
from linx.dialects.ollama.embeddings import parse_embed, parse_embeddings
from linx.dialects.shared import vector_texts
from linx.dialects.shared.vector_texts import TooMuch, VectorTexts

if TYPE_CHECKING:
    from collections.abc import Sequence

FILLER = b" " * (vector_texts.LARGE + 1)  # in front of an answer: it makes it a large one
VECTOR = [0.125 * number for number in range(40)]
STALL_S = 0.25

numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-9, 9), max_size=30)
texts = st.text(max_size=8) | st.sampled_from(["[1,2]", "]", "[", '"[1]"', ""])
answers = st.recursive(
    numbers | texts | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(answers, st.lists(st.integers(0, 300), max_size=4))
def test_a_large_answer_is_read_as_a_small_one(value: Any, cuts: list[int]) -> None:
    """However it is torn."""
    body, text = jsontext.dumps(value), VectorTexts()
    text.add(FILLER)
    for start, end in itertools.pairwise([0, *sorted(cuts), len(body) + 300]):
        text.add(body[start:end])
    assert jsontext.loads(jsontext.dumps(text.value())) == jsontext.loads(body)


def answer_of(dialect: Dialect, body: bytes) -> tuple[EmbeddingsDecoder, Answer]:
    decoder, answer = EmbeddingsDecoder(dialect), Answer()
    for piece in (FILLER, body):
        assert decoder.feed(piece) == []
    for chunk in decoder.end():
        answer.add(chunk)
    return decoder, answer


def openai(count: int = 1, **more: Any) -> ChatRequest:
    return embeddings.parse_openai({"model": "asked", "input": ["x"] * count, **more})


def told(chat: ChatRequest, dialect: Dialect, body: Any) -> Any:
    decoder, answer = answer_of(dialect, body if isinstance(body, bytes) else jsontext.dumps(body))
    assert decoder.problem is None
    return jsontext.loads(jsontext.dumps(embeddings.whole(chat, answer, 0.5)))


ITEMS: dict[str, Any] = {"data": [{"index": 1, "embedding": VECTOR[::-1]}, {"index": 0, "embedding": VECTOR}]}


def test_the_vectors_reach_every_client() -> None:
    data = told(openai(2), OPENAI, ITEMS)["data"]
    assert [one["embedding"] for one in data] == [VECTOR, VECTOR[::-1]]
    assert told(parse_embed({"model": "m", "input": ["a", "b"]}), OPENAI, ITEMS)["embeddings"] == [VECTOR, VECTOR[::-1]]
    small = embeddings.whole(openai(2, encoding_format="base64"), _small(ITEMS), 0.5)
    assert told(openai(2, encoding_format="base64"), OPENAI, ITEMS) == small
    own = {"model": "m", "embeddings": [VECTOR], "x": 1}
    assert told(parse_embed({"model": "m", "input": "a"}), EMBED, own) == own
    old = {"embedding": VECTOR}
    assert told(parse_embeddings({"model": "m", "prompt": "a"}), EMBEDDINGS, old) == old
    assert told(openai(), OPENAI, {"data": [{"embedding": [VECTOR]}]})["data"][0]["embedding"] == VECTOR


def _small(value: Any) -> Answer:
    decoder, answer = EmbeddingsDecoder(OPENAI), Answer()
    decoder.feed(jsontext.dumps(value))
    for chunk in decoder.end():
        answer.add(chunk)
    return answer


def test_numbers_go_on_in_the_words_of_the_provider() -> None:
    vector = b"[" + b"0.10, 1E2, -0.0,\n" * 8 + b"3]"
    _decoder, answer = answer_of(OPENAI, b'{"data":[{"embedding":' + vector + b"}]}")
    assert vector in jsontext.dumps(embeddings.whole(openai(), answer, 0.5))


@pytest.mark.parametrize("dialect", [OPENAI, EMBED, EMBEDDINGS])
def test_what_only_looks_like_numbers_is_sent_to_nobody(dialect: Dialect) -> None:
    odd = b"[" + b"1..2,,-," * 20 + b"]"
    bodies = {
        OPENAI: b'{"data":[{"embedding":%b}]}' % odd,
        EMBED: b'{"embeddings":[%b]}' % odd,
        EMBEDDINGS: b'{"embedding":%b}' % odd,
    }
    chats = {
        OPENAI: openai(),
        EMBED: parse_embed({"model": "m", "input": "a"}),
        EMBEDDINGS: parse_embeddings({"model": "m", "prompt": "a"}),
    }
    _decoder, answer = answer_of(dialect, bodies[dialect])
    with pytest.raises(Garbled):
        embeddings.whole(chats[dialect], answer, 0.5)


@pytest.mark.parametrize("shape", [b'{"data":%b}', b'{"data":[%b]}', b'{"data":[{"embedding":{"":9}},%b]}'])
def test_vectors_in_the_wrong_place(shape: bytes) -> None:
    decoder, answer = answer_of(OPENAI, shape % jsontext.dumps(VECTOR))
    if decoder.problem is None:
        with pytest.raises(Garbled):
            embeddings.whole(openai(), answer, 0.5)


def test_bounds() -> None:
    for pieces in (
        [b"[" + b"1," * vector_texts.LONGEST + b"1]"],
        [b"[" + b"1," * 40 + b"1],"] * (vector_texts.MOST + 1),
    ):
        text = VectorTexts()
        text.add(FILLER)
        with pytest.raises(TooMuch):
            text.add(b"".join(pieces))
    for body in (b"1," * (vector_texts.MOST_VALUES + 1), b"{" * (vector_texts.MOST + 1)):
        text = VectorTexts()
        text.add(FILLER + body)
        with pytest.raises(TooMuch):
            text.value()


def longest_step_s(pieces: Sequence[bytes], *, read: int = 16 * 1024) -> float:
    """The longest that the event loop stands still while such an answer arrives, and at its end."""
    decoder, longest = EmbeddingsDecoder(OPENAI), 0.0
    body = b"".join(pieces)
    for start in range(0, len(body), read):
        began = time.perf_counter()
        decoder.feed(body[start : start + read])
        longest = max(longest, time.perf_counter() - began)
    began = time.perf_counter()
    decoder.end()
    return max(longest, time.perf_counter() - began)


ITEM = b'{"index":0,"embedding":[' + b"0.0123456789," * 3071 + b"1]},"


@pytest.mark.parametrize(
    "pieces",
    [
        [b'{"data":[', *[ITEM] * 1400, b"0]}"],
        [b'{"data":[', b"0.0123456789," * 4_000_000, b"0]}"],
        [b'{"data":[', b"]" * 30_000_000],
        [b"[" * 30_000_000, b"]"],
    ],
    ids=["57 MiB of vectors", "one vector", "closing brackets", "opening brackets"],
)
def test_a_large_answer_does_not_hold_the_loop(pieces: Sequence[bytes]) -> None:
    assert longest_step_s(pieces) < STALL_S
