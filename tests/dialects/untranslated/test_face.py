"""A face that lets a provider of the same dialect answer, and asks the usual face for the rest."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import Refused, StreamBroken
from linx.core.chat import Answer, Chunk
from linx.core.errors import BadRequest
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.untranslated.decoder import ANTHROPIC
from linx.dialects.untranslated.face import UntranslatedFace
from tests.dialects.untranslated.test_decoder import MESSAGE, STAMP
from tests.dialects.untranslated.test_encoder import messages_chat, own_chunks


def test_a_body_is_read_as_the_face_reads_it() -> None:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert UntranslatedFace(AnthropicFace()).parse(body) == AnthropicFace().parse(body)
    with pytest.raises(BadRequest, match="max_tokens"):
        UntranslatedFace(AnthropicFace()).parse({**body, "max_tokens": "many"})


def test_whole_answers() -> None:
    face = UntranslatedFace(AnthropicFace())
    answer = Answer()
    for chunk in own_chunks(ANTHROPIC, MESSAGE):
        answer.add(chunk)
    whole = face.whole(messages_chat(), answer, STAMP)
    assert (whole["model"], whole["id"], whole["stop_reason"]) == ("claude", "msg_1", "tool_use")
    translated = Answer()
    translated.add(Chunk(text="Hi", finish="stop"))
    assert face.whole(messages_chat(), translated, STAMP) == AnthropicFace().whole(messages_chat(), translated, STAMP)
    assert face.error_body(StreamBroken("x"), "id") == AnthropicFace().error_body(StreamBroken("x"), "id")
    overload = Refused("x", status=503, code="overloaded")
    assert (face.status_of(overload), UntranslatedFace(ResponsesFace()).status_of(overload)) == (529, 503)
