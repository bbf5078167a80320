"""How a provider's own events reach a client of the same dialect."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import StreamBroken
from linx.core.chat import ChatRequest, Chunk, Dialect, JsonObject, Opaque
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.untranslated.decoder import ANTHROPIC, RESPONSES
from linx.dialects.untranslated.encoder import MessagesEvents, UntranslatedEncoder
from linx.dialects.untranslated.face import UntranslatedFace
from tests.dialects.untranslated.test_decoder import MESSAGE, RESPONSE, STAMP, START, read, wire


def messages_chat(**more: Any) -> ChatRequest:
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
    return AnthropicFace().parse(body)


def parse_events(data: bytes) -> list[Any]:
    frames = [frame.split(b"\n") for frame in data.split(b"\n\n") if frame.startswith(b"event: ")]
    found = [jsontext.loads(frame[1].removeprefix(b"data: ")) for frame in frames]
    assert [frame[0].decode() for frame in frames] == [f"event: {event['type']}" for event in found]
    return found


def own_chunks(dialect: Dialect, events: list[JsonObject]) -> list[Chunk]:
    return read(dialect, wire(events))[0]


def test_events_pass_with_the_client_s_name_of_the_model() -> None:
    encoder = UntranslatedFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    chunks = own_chunks(ANTHROPIC, MESSAGE)
    found = parse_events(encoder.frames(chunks[:4]) + encoder.frames(chunks[4:]) + encoder.end())
    assert found[0]["message"]["model"] == "claude"
    assert found[1:] == MESSAGE[1:]


def test_a_chunk_of_another_provider_is_translated() -> None:
    face = AnthropicFace()
    encoder = UntranslatedFace(face).encoder(messages_chat(), STAMP)
    plain = face.encoder(messages_chat(), STAMP)
    chunks = [Chunk(text="Hi"), Chunk(finish="stop")]
    assert encoder.heartbeat() == plain.heartbeat()
    assert encoder.frames(chunks) + encoder.end() == plain.frames(chunks) + plain.end()


def test_after_a_heartbeat_the_message_does_not_start_again() -> None:
    encoder = UntranslatedFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    data = encoder.heartbeat() + encoder.frames(own_chunks(ANTHROPIC, MESSAGE))
    kinds = [event["type"] for event in parse_events(data)]
    assert kinds.count("message_start") == 1
    assert kinds[0] == "message_start"
    assert parse_events(encoder.heartbeat()) == [{"type": "ping"}]


def test_a_heartbeat_of_a_response_leaves_its_beginning_to_the_provider() -> None:
    chat = ResponsesFace().parse({"model": "m", "input": "hi"})
    encoder = UntranslatedFace(ResponsesFace()).encoder(chat, STAMP)
    assert encoder.heartbeat() == b": linx\n\n"
    found = parse_events(encoder.frames(own_chunks(RESPONSES, RESPONSE)))
    assert [event["sequence_number"] for event in found] == [0, 1, 2, 3, 4]
    assert found[0]["response"]["model"] == found[-1]["response"]["model"] == "m"


def test_an_error_in_the_middle_ends_it() -> None:
    encoder = UntranslatedFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    encoder.frames(own_chunks(ANTHROPIC, MESSAGE[:8]))
    (event,) = parse_events(encoder.error(StreamBroken("broke")))
    assert event["error"] == {"type": "api_error", "message": "broke"}
    assert encoder.end() == encoder.heartbeat() == encoder.error(StreamBroken("broke")) == b""

    chat = ResponsesFace().parse({"model": "m", "input": "hi"})
    responses = UntranslatedFace(ResponsesFace()).encoder(chat, STAMP)
    responses.frames(own_chunks(RESPONSES, RESPONSE[:4]))
    told, event = parse_events(responses.error(StreamBroken("broke")))
    assert (told["type"], told["sequence_number"]) == ("error", 4)
    assert told["error"]["message"] == "broke"
    assert (event["type"], event["sequence_number"]) == ("response.failed", 5)
    assert (event["response"]["id"], event["response"]["status"]) == ("resp_1", "failed")


def test_before_the_provider_spoke_the_face_tells_of_an_error() -> None:
    face = AnthropicFace()
    encoder = UntranslatedFace(face).encoder(messages_chat(), STAMP)
    assert encoder.error(StreamBroken("x")) == face.encoder(messages_chat(), STAMP).error(StreamBroken("x"))


def test_a_body_that_nobody_here_can_read_is_never_given_to_the_translator() -> None:
    def never() -> Any:
        raise AssertionError

    chat = ChatRequest("m", Opaque(), dialect=ANTHROPIC, client_body={"reasoning": 5})
    encoder = UntranslatedEncoder(chat, never, MessagesEvents("m", lambda problem: {"message": problem.message}))
    assert encoder.heartbeat() == b": linx\n\n"
    (event,) = parse_events(encoder.error(StreamBroken("x")))
    assert event == {"type": "error", "error": {"message": "x"}}


@pytest.mark.parametrize("given", [{}, {"type": None}, {"type": 5}])
def test_an_event_without_a_type_has_its_name_for_one(given: JsonObject) -> None:
    said = {"index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    data = b"event: content_block_delta\ndata: %b\n\n" % jsontext.dumps({**given, **said})
    chunks, _decoder = read(ANTHROPIC, wire([START]) + data + wire(MESSAGE[-2:]))
    assert chunks[1].text == "Hi"
    encoder = UntranslatedFace(AnthropicFace()).encoder(messages_chat(), STAMP)
    assert parse_events(encoder.frames(chunks))[1] == {**said, "type": "content_block_delta"}
