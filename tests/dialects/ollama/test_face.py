"""The Ollama face, read by the real ollama-python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.core.attempt_errors import StreamBroken
from linx.core.chat import Answer, ChatBody, ChatRequest, Chunk, JsonObject, ModelTraits, Stamp, ToolDelta, Usage
from linx.core.errors import BadRequest, LinxError, UnknownModel
from linx.dialects.failures.meaning import failure
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.ollama.provider_request import own_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linx.dialects.base import Face

CHAT = OllamaFace("chat")
GENERATE = OllamaFace("generate")
START = 1_787_338_102.25
TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("ollama-*.ndjson"))
TOOL = ToolDelta(0, "c1", "f", '{"a":')
ANSWER = [
    Chunk(reasoning="hm"),
    Chunk("Hi\u2028\u2029\u0085"),
    Chunk(" 😀\n"),
    Chunk(tools=[TOOL]),
    Chunk(tools=[ToolDelta(0, arguments='"é"}')]),
    Chunk(finish="tool_calls"),
    Chunk(usage=Usage(26, 5)),
]
TEXT = "Hi\u2028\u2029\u0085 😀\n"


def stamp() -> Stamp:
    return Stamp("abc", START, lambda: START + 1)


def linx(face: OllamaFace, answer: Sequence[Chunk] | LinxError, seen: list[ChatRequest]) -> httpx.MockTransport:
    """A Linx of one provider, which always gives the same answer; heartbeats come first."""

    def reply(request: httpx.Request) -> httpx.Response:
        chat = face.parse(jsontext.loads_strict(request.content))
        seen.append(chat)
        if isinstance(answer, LinxError):
            return httpx.Response(answer.status, content=jsontext.dumps(face.error_body(answer, "id")))
        if chat.stream:
            return httpx.Response(200, content=b"".join(stream(face, chat, answer)))
        folded = Answer()
        for chunk in answer:
            folded.add(chunk)
        return httpx.Response(200, content=jsontext.dumps(face.whole(chat, folded, stamp())))

    return httpx.MockTransport(reply)


def stream(face: OllamaFace, chat: ChatRequest, chunks: Sequence[Chunk]) -> Iterator[bytes]:
    encoder = face.encoder(chat, stamp())
    yield encoder.heartbeat()
    for chunk in chunks:
        yield encoder.frames([chunk])
    yield encoder.end()


def client(face: OllamaFace, answer: Sequence[Chunk] | LinxError) -> tuple[ollama.Client, list[ChatRequest]]:
    seen: list[ChatRequest] = []
    return ollama.Client(host="http://linx", transport=linx(face, answer, seen)), seen


def test_it_is_a_face() -> None:
    face: Face = CHAT
    assert face.name == "ollama"
    assert face.stream_type == b"application/x-ndjson"


@pytest.mark.parametrize(("stream", "streams"), [(None, True), (True, True), (False, False)])
def test_a_stream_is_the_default(stream: bool | None, streams: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    chat = CHAT.parse(body)
    assert chat.stream is streams
    assert chat.include_usage
    assert (chat.model, chat.dialect, chat.client_body) == ("m", "ollama", body)
    del body["stream"]
    assert CHAT.parse(body).stream


def test_a_client_streams() -> None:
    own, seen = client(CHAT, ANSWER)
    parts = list(own.chat("m", [{"role": "user", "content": "Hi"}], stream=True))
    assert "".join(part.message.content or "" for part in parts) == TEXT
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("f", {"a": "é"})]
    assert [part.done for part in parts].count(True) == 1
    assert parts[-1].done
    assert parts[-1].done_reason == "stop"
    assert (parts[-1].prompt_eval_count, parts[-1].eval_count) == (26, 5)
    assert parts[-1].eval_duration
    assert seen[0].stream


def test_a_client_waits_for_the_whole() -> None:
    own, seen = client(CHAT, ANSWER)
    whole = own.chat("m", [{"role": "user", "content": "Hi"}])
    assert (whole.message.content, whole.message.thinking, whole.done) == (TEXT, "hm", True)
    assert whole.message.tool_calls is not None
    assert whole.message.tool_calls[0].function.arguments == {"a": "é"}
    assert not seen[0].stream


def test_a_client_generates() -> None:
    answer = [chunk for chunk in ANSWER if not chunk.tools]
    own, seen = client(GENERATE, answer)
    parts = list(own.generate("m", "Hi", stream=True, system="s"))
    assert "".join(part.response or "" for part in parts) == TEXT
    assert "".join(part.thinking or "" for part in parts) == "hm"
    assert parts[-1].done
    whole = own.generate("m", "Hi")
    assert (whole.response, whole.thinking, whole.done) == (TEXT, "hm", True)
    assert [chat.dialect for chat in seen] == ["ollama_generate", "ollama_generate"]
    assert seen[0].chat_body["messages"][0] == {"role": "system", "content": "s"}


def test_a_clients_tool_loop_gets_its_ids_back() -> None:
    own, seen = client(CHAT, ANSWER)
    said: list[Any] = [{"role": "user", "content": "Hi"}]
    said.append(own.chat("m", said).message)
    said.append({"role": "tool", "tool_name": "f", "content": "42"})
    own.chat("m", said, tools=[{"type": "function", "function": {"name": "f"}}], options={"num_ctx": 9}, keep_alive=5)
    messages = seen[1].chat_body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    (call,) = messages[1]["tool_calls"]
    assert messages[2] == {"role": "tool", "tool_call_id": call["id"], "content": "42"}
    assert jsontext.loads(call["function"]["arguments"].encode()) == {"a": "é"}
    assert messages[1]["reasoning_content"] == "hm"


def test_a_client_sees_an_error_before_and_in_the_stream() -> None:
    own, _seen = client(CHAT, UnknownModel("model 'm' not found"))
    with pytest.raises(ollama.ResponseError, match="model 'm' not found") as refused:
        own.chat("m", [{"role": "user", "content": "Hi"}])
    assert refused.value.status_code == 404

    def broken(request: httpx.Request) -> httpx.Response:
        encoder = CHAT.encoder(CHAT.parse(jsontext.loads(request.content)), stamp())
        wire = encoder.frames([Chunk("Hel")]) + encoder.error(StreamBroken("broke off")) + encoder.end()
        return httpx.Response(200, content=wire)

    own = ollama.Client(host="http://linx", transport=httpx.MockTransport(broken))
    parts = own.chat("m", [{"role": "user", "content": "Hi"}], stream=True)
    assert next(parts).message.content == "Hel"
    with pytest.raises(ollama.ResponseError, match="broke off"):
        next(parts)


def test_a_client_sees_invalid_arguments_as_an_error() -> None:
    own, _seen = client(CHAT, [Chunk(tools=[TOOL], finish="tool_calls")])
    with pytest.raises(ollama.ResponseError, match="invalid tool call arguments"):
        list(own.chat("m", [{"role": "user", "content": "Hi"}], stream=True))


def decoded(name: str) -> list[Chunk]:
    decoder = OllamaDecoder(lambda: "x", generate="generate" in name)
    return decoder.feed((TRANSCRIPTS / f"{name}.ndjson").read_bytes()) + decoder.end()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("endpoint", ["chat", "generate"])
def test_a_client_reads_every_transcript(name: str, endpoint: Literal["chat", "generate"]) -> None:
    chunks = decoded(name)
    own, _seen = client(OllamaFace(endpoint), chunks)
    text = "".join(chunk.text for chunk in chunks)
    thinking = "".join(chunk.reasoning for chunk in chunks)
    if endpoint == "chat":
        messages = [{"role": "user", "content": "Hi"}]
        parts = list(own.chat("asked", messages, stream=True))
        whole = own.chat("asked", messages)
        assert "".join(part.message.content or "" for part in parts) == (whole.message.content or "") == text
        assert "".join(part.message.thinking or "" for part in parts) == (whole.message.thinking or "") == thinking
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        assert calls == list(whole.message.tool_calls or ())
        assert len(calls) == sum(len(chunk.tools or ()) for chunk in chunks)
        assert {part.model for part in parts} == {whole.model} == {"asked"}
        assert parts[-1].done
    else:
        pieces = list(own.generate("asked", "Hi", stream=True))
        answer = own.generate("asked", "Hi")
        assert "".join(piece.response or "" for piece in pieces) == answer.response == text
        assert pieces[-1].done


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("ollama-error", "ollama-no-done")])
def test_the_same_dialect_keeps_every_field(name: str) -> None:
    face = GENERATE if "generate" in name else CHAT
    wire = (TRANSCRIPTS / f"{name}.ndjson").read_bytes()
    chat = ChatRequest("asked", ChatBody({}))
    encoder = face.encoder(chat, stamp())
    sent = encoder.frames(decoded(name)) + encoder.end()
    if name == "ollama-half-emoji":
        assert [jsontext.loads(line)["message"]["content"] for line in sent.split(b"\n")[:-1]] == [
            "a ",
            "😀 b",
            "😀",
            "",
        ]
        return
    assert [jsontext.loads_exact(line) for line in sent.split(b"\n")[:-1]] == [
        jsontext.loads_exact(line) | {"model": "asked"} for line in wire.split(b"\n")[:-1]
    ]


def test_an_ollama_client_of_an_ollama_loses_nothing_on_the_way_up() -> None:
    body = {"model": "asked", "messages": [], "format": "json", "think": "low", "truncate": False, "x": {"y": 1}}
    assert own_body(CHAT.parse(body), "real", ModelTraits()) == {**body, "model": "real", "stream": True}


def test_error_body() -> None:
    assert CHAT.error_body(BadRequest("model is required"), "id") == {"error": "model is required"}
    url = "https://ollama.com/connect?key=c3NoLWVkMjU1MTk"
    wanted = failure(401, b'{"error":"unauthorized","signin_url":"%s"}' % url.encode())
    told = CHAT.error_body(wanted, "id")
    assert told["signin_url"] == url
    assert told["error"].endswith(f"(HTTP 401): unauthorized; sign in at {url}")


@pytest.mark.parametrize(
    ("face", "body", "loads"),
    [
        (CHAT, {}, True),
        (CHAT, {"messages": None}, True),
        (CHAT, {"messages": []}, True),
        (CHAT, {"messages": [{"role": "user", "content": ""}]}, False),
        (GENERATE, {}, True),
        (GENERATE, {"prompt": ""}, True),
        (GENERATE, {"prompt": "x"}, False),
    ],
)
def test_is_load(face: OllamaFace, body: JsonObject, loads: bool) -> None:
    body = {"model": "m"} | body
    assert face.is_load(body) is loads
    assert face.parse(body).model == "m"


def test_the_answer_to_a_load() -> None:
    head = {"model": "m", "created_at": "2026-08-21T18:48:23.250000Z"}
    done = {"done": True, "done_reason": "load"}
    answer = CHAT.load_answer(CHAT.parse({"model": "m"}), stamp())
    assert answer == {**head, "message": {"role": "assistant", "content": ""}, **done}
    answer = GENERATE.load_answer(GENERATE.parse({"model": "m", "keep_alive": 0}), stamp())
    assert answer == {**head, "response": "", "done": True, "done_reason": "unload"}
    assert CHAT.load_answer(ChatRequest("m", ChatBody({})), stamp())["done_reason"] == "load"


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (lambda wire: wire.replace(b"\n", b"\n\n", 1), Exception),
        (lambda wire: wire.replace(b"\\u2028", "\u2028".encode()), Exception),
        (lambda wire: wire.replace(b'"role":"assistant",', b""), Exception),
        (lambda wire: wire.replace(b'"arguments":{"a":"\xc3\xa9"}', b'"arguments":"{}"'), Exception),
    ],
)
def test_the_judge_does_judge(broken: Callable[[bytes], bytes], complaint: type[Exception]) -> None:
    """The traps that the frames above have to miss do catch what falls into them."""
    wire = b"".join(stream(CHAT, ChatRequest("m", ChatBody({})), ANSWER))
    spoilt = broken(wire)
    assert spoilt != wire
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=spoilt))
    with pytest.raises(complaint):
        list(ollama.Client(host="http://linx", transport=transport).chat("m", [], stream=True))


@given(st.lists(st.text(max_size=8), max_size=6), st.integers(1, 60))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_text_survives_the_way_out_and_in_again(texts: list[str], size: int) -> None:
    encoder = CHAT.encoder(ChatRequest("m", ChatBody({})), stamp())
    wire = encoder.frames([Chunk(text) for text in texts]) + encoder.heartbeat() + encoder.end()
    decoder = OllamaDecoder(lambda: "x")
    chunks = [chunk for at in range(0, len(wire), size) for chunk in decoder.feed(wire[at : at + size])]
    assert "".join(chunk.text for chunk in chunks) == "".join(texts)
    assert decoder.done
    assert len(wire.decode().splitlines()) == wire.count(b"\n")
