"""Every dialect is what ``base`` says a dialect is: mypy compares the shapes, this the behaviour."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import EmptyAnswer, Garbled
from linx.core.chat import ChatRequest, Chunk, JsonObject, Stamp
from linx.core.errors import BadRequest, LinxError, Overloaded
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.base import MAX_FRAME, Decoder, Face
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses.face import ResponsesFace

FACES: list[Face] = [OpenAIFace(), OllamaFace("chat"), OllamaFace("generate"), AnthropicFace(), ResponsesFace()]
DECODERS: list[Decoder] = [OpenAIDecoder(lambda: "id"), OllamaDecoder(lambda: "id")]
BODIES: dict[str, JsonObject] = {
    "openai": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True},
    "ollama": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "prompt": "hi"},
    "anthropic": {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "stream": True},
    "responses": {"model": "m", "input": "hi", "stream": True},
}


def parsed(face: Face) -> ChatRequest:
    return face.parse(dict(BODIES[face.name]))


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_every_face_makes_the_same_hub_of_the_same_question(face: Face) -> None:
    chat = parsed(face)
    assert chat.model == "m"
    assert chat.stream is True
    assert chat.chat_body["messages"][-1] == {"role": "user", "content": "hi"}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_an_error_frame_is_no_end(face: Face) -> None:
    stamp = Stamp("0" * 32, 1_700_000_000.0, lambda: 1_700_000_001.0)
    encoder = face.encoder(parsed(face), stamp)
    sent = encoder.frames([Chunk(text="Hello")]) + encoder.heartbeat() + encoder.error(Garbled("it broke"))
    assert b"Hello" in sent
    assert b"it broke" in sent
    for mark in (b"[DONE]", b'"done":true', b"message_stop", b"response.completed"):
        assert mark not in sent


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.parametrize("problem", [BadRequest("no"), Overloaded("full")], ids=lambda problem: str(problem.status))
def test_every_face_has_a_status_for_an_error(face: Face, problem: LinxError) -> None:
    is_anthropics_own = face.name == "anthropic" and problem.status == 503
    assert face.status_of(problem) == (529 if is_anthropics_own else problem.status)


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: type(decoder).__name__)
def test_nothing_at_all_is_an_empty_answer(decoder: Decoder) -> None:
    assert decoder.feed(b"") == []
    assert decoder.end() == []
    assert isinstance(decoder.problem, EmptyAnswer)
    assert not decoder.done


def test_a_frame_is_bounded() -> None:
    decoder = OllamaDecoder(lambda: "id")
    piece = b"x" * (1024 * 1024)
    for _ in range(MAX_FRAME // len(piece) + 1):
        decoder.feed(piece)
    assert isinstance(decoder.problem, Garbled)
