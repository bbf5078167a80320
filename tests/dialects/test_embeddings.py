"""Embeddings in three shapes: what is refused, what providers are asked, what clients get."""

from __future__ import annotations

import struct
from base64 import b64decode
from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import Garbled, Refused, StreamBroken
from linx.core.chat import Answer, ChatRequest, Dialect, ModelTraits
from linx.core.errors import BadRequest
from linx.dialects import embeddings
from linx.dialects.embeddings import EMBED, EMBEDDINGS, OPENAI, EmbeddingsDecoder
from linx.dialects.ollama.embeddings import parse_embed, parse_embeddings
from linx.dialects.shared import vector_texts

TRAITS = ModelTraits()
OPENAI_ANSWER: dict[str, Any] = {
    "object": "list",
    "data": [
        {"object": "embedding", "index": 1, "embedding": [0.5, 0.25]},
        {"object": "embedding", "index": 0, "embedding": [1, -2.0]},
    ],
    "model": "served",
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
OLLAMA_ANSWER: dict[str, Any] = {"model": "served", "embeddings": [[1.0, -2.0], [0.5, 0.25]], "prompt_eval_count": 7}


def decoded(dialect: Dialect, *pieces: bytes) -> tuple[EmbeddingsDecoder, Answer]:
    decoder, answer = EmbeddingsDecoder(dialect), Answer()
    for piece in pieces:
        assert decoder.feed(piece) == []
    for chunk in decoder.end():
        assert chunk.is_meaningful
        answer.add(chunk)
    return decoder, answer


def told(chat: ChatRequest, dialect: Dialect, value: Any) -> dict[str, Any]:
    decoder, answer = decoded(dialect, jsontext.dumps(value))
    assert decoder.problem is None
    return embeddings.whole(chat, answer, 0.5)


@pytest.mark.parametrize(
    "given", [None, "", [], [""] * 0, {}, 7, ["a", 1], [1, "a"], [[1], "a"], [[1], []], [True], [1.5], [[1.5]]]
)
def test_openai_input_of_a_wrong_type_or_empty_is_refused(given: Any) -> None:
    with pytest.raises(BadRequest, match="input"):
        embeddings.parse_openai({"model": "m", "input": given})


@pytest.mark.parametrize(
    "more",
    [{"encoding_format": "hex"}, {"dimensions": 0}, {"dimensions": "8"}, {"model": ""}, {"model": None}, {"model": 3}],
)
def test_other_fields_are_checked_too(more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        embeddings.parse_openai({"model": "m", "input": "a", **more})


@pytest.mark.parametrize("given", ["a", ["a"], ["a", ""], [1, 2], [[1, 2], [3]]])
def test_openai_input_goes_on_as_it_is_and_numbers_are_asked_for(given: Any) -> None:
    body = {"model": "asked", "input": given, "encoding_format": "base64", "dimensions": 2, "user": None, "x": 1}
    chat = embeddings.parse_openai({**body, "api_base": "http://evil", "stream": True})
    assert embeddings.openai_body(chat, "served", TRAITS) == {
        "model": "served",
        "input": given,
        "encoding_format": "float",
        "dimensions": 2,
        "x": 1,
    }


@pytest.mark.parametrize("given", [None, "", []])
def test_no_text_is_no_embedding(given: Any) -> None:
    chat = parse_embed({"model": "m", "input": given})
    assert chat.embedding.input == []
    assert embeddings.none(chat) == {"model": "m", "embeddings": []}
    assert embeddings.none(parse_embeddings({"model": "m", "prompt": given or ""})) == {"embedding": []}


def test_openai_gets_its_vectors_in_the_order_of_its_texts() -> None:
    chat = embeddings.parse_openai({"model": "asked", "input": ["a", "b"]})
    whole = told(chat, OPENAI, OPENAI_ANSWER)
    assert [item["embedding"] for item in whole["data"]] == [[1, -2.0], [0.5, 0.25]]
    assert [item["index"] for item in whole["data"]] == [0, 1]
    assert whole["model"] == "asked"
    assert whole["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert told(chat, EMBED, OLLAMA_ANSWER) == {**whole, "data": whole["data"]}


def test_base64_is_little_endian_float32() -> None:
    chat = embeddings.parse_openai({"model": "m", "input": ["a", "b"], "encoding_format": "base64"})
    for dialect, value in ((OPENAI, OPENAI_ANSWER), (EMBED, OLLAMA_ANSWER)):
        packed = [b64decode(item["embedding"]) for item in told(chat, dialect, value)["data"]]
        assert [struct.unpack("<2f", raw) for raw in packed] == [(1.0, -2.0), (0.5, 0.25)]


def test_a_provider_may_send_base64_unasked() -> None:
    raw = "AACAPwAAAMA="
    chat = embeddings.parse_openai({"model": "m", "input": "a"})
    assert told(chat, OPENAI, {"data": [{"index": 0, "embedding": raw}]})["data"][0]["embedding"] == [1.0, -2.0]


def test_ollama_clients_get_their_own_shapes() -> None:
    whole = told(parse_embed({"model": "asked", "input": ["a", "b"]}), OPENAI, OPENAI_ANSWER)
    assert whole == {
        "model": "asked",
        "embeddings": [[1, -2.0], [0.5, 0.25]],
        "total_duration": 500_000_000,
        "prompt_eval_count": 7,
    }
    one = {"data": [{"index": 0, "embedding": [3.0]}]}
    assert told(parse_embeddings({"model": "m", "prompt": "a"}), OPENAI, one) == {"embedding": [3.0]}


def test_an_ollamas_own_answer_passes_but_for_the_name() -> None:
    own = {**OLLAMA_ANSWER, "load_duration": 3, "x": 1}
    assert told(parse_embed({"model": "asked", "input": "a"}), EMBED, own) == {**own, "model": "asked"}
    old = {"embedding": [2.0, 4.0]}
    assert told(parse_embeddings({"model": "m", "prompt": "a"}), EMBEDDINGS, old) == old


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_the_body_may_be_torn_anywhere(cut: int) -> None:
    body = jsontext.dumps(OPENAI_ANSWER)
    decoder, answer = decoded(OPENAI, body[:cut], body[cut:])
    assert decoder.done
    assert answer.usage is not None
    assert answer.usage.prompt == 7


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", Garbled),
        (b"<html>", Garbled),
        (b"[]", Garbled),
        (b'{"data":{}}', Garbled),
        (b'{"embeddings":[[1]]}', Garbled),
        (b'{"error":{"message":"overloaded","type":"overloaded_error"}}', Refused),
    ],
)
def test_what_holds_no_embeddings_is_a_failure(body: bytes, problem: type[Exception]) -> None:
    decoder, answer = decoded(OPENAI, body)
    assert isinstance(decoder.problem, problem)
    assert not decoder.done
    assert not answer.sources


def test_an_endless_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "MAX_ANSWER", 100)
    decoder = EmbeddingsDecoder(OPENAI)
    decoder.feed(b"x" * 101)
    problem = decoder.problem
    assert isinstance(problem, Garbled)
    # Nor is what comes after it taken for the answer.
    decoder.feed(jsontext.dumps(OPENAI_ANSWER))
    assert decoder.end() == []
    assert decoder.problem is problem
    assert not decoder.done


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0]}] * 2,
        [{"index": 0, "embedding": []}],
        [{"index": 0, "embedding": ["a"]}],
        [{"index": 0, "embedding": "not base64!"}],
        [{"index": 0}],
        ["vector"],
    ],
)
def test_missing_and_odd_vectors_are_told(data: list[Any]) -> None:
    with pytest.raises(Garbled):
        told(embeddings.parse_openai({"model": "m", "input": "a"}), OPENAI, {"data": data})


def test_an_answer_without_a_source_is_no_answer() -> None:
    with pytest.raises(StreamBroken):
        embeddings.whole(embeddings.parse_openai({"model": "m", "input": "a"}), Answer(), 0.1)


def test_older_llama_cpp_wraps_a_vector_in_a_list() -> None:
    chat = embeddings.parse_openai({"model": "m", "input": "a"})
    assert told(chat, OPENAI, {"data": [{"embedding": [[1.0]]}]})["data"][0]["embedding"] == [1.0]


def test_a_number_beyond_float32_cannot_be_packed() -> None:
    chat = embeddings.parse_openai({"model": "m", "input": "a", "encoding_format": "base64"})
    with pytest.raises(Garbled):
        told(chat, OPENAI, {"data": [{"index": 0, "embedding": [1e300]}]})


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"",'])
def test_what_holds_more_than_vectors_is_not_read(piece: bytes) -> None:
    decoder = EmbeddingsDecoder(OPENAI)
    decoder.feed(b'{"data":[' + piece * vector_texts.MOST + b"0]}")
    assert decoder.end() == []
    assert isinstance(decoder.problem, Garbled)
