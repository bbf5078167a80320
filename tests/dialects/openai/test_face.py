from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from linx.core import jsontext
from linx.core.chat import Answer, Chunk, Dialect, Stamp, ToolDelta, Usage
from linx.core.errors import BadRequest, Unauthorized
from linx.dialects.openai.face import OpenAIFace
from tests.dialects.openai.help import (
    TRANSCRIPTS,
    call,
    decode,
    feed,
    frame,
    payloads,
    request,
    sse,
    stamp,
    text,
    tools,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.chat import JsonObject

Calls = list[tuple[str, str, str]]
# name → text, reasoning, calls, finish, (prompt, completion) tokens
ANSWERS: dict[str, tuple[str, str, Calls, str, tuple[int, int]]] = {
    "openai-text.sse": ("Hello wörld \u2028😀", "", [], "stop", (9, 4)),
    "openai-tools.sse": (
        "",
        "",
        [("call_a", "weather", '{"city": "Köln"}'), ("call_b", "time", "{}")],
        "tool_calls",
        (0, 0),
    ),
    "llamacpp-thinking.sse": ("It is 4.", "Let me see.", [], "stop", (30, 3)),
    "llamacpp-tools.sse": ("", "", [("vNb2xq", "read_file", '{"path":"a.py"}')], "tool_calls", (30, 3)),
    "openrouter-reasoning.sse": ("42", "Think hard", [], "stop", (11, 5)),
    "gemini-tools.sse": (
        "",
        "",
        [("call_made0", "a", '{"x":1}'), ("call_made1", "a", '{"x":2}')],
        "tool_calls",
        (3, 4),
    ),
    "lenient.sse": ("abc", "", [("t1", "f", '{"k":[1]}')], "tool_calls", (1, 2)),
    "emoji-halves.sse": ("x😀y", "", [], "stop", (0, 0)),
    "whole.json": ("whole", "why", [], "stop", (1, 1)),
}
ERRORS = ["llamacpp-error.sse", "openrouter-error.sse"]
MESSAGES: list[Any] = [{"role": "user", "content": "x"}]


def written(name: str, field: str = "reasoning_content", **settings: Any) -> bytes:
    """The stream that a client gets of a transcript, each read relayed at once, heartbeats between."""
    wire = (TRANSCRIPTS / name).read_bytes()
    encoder = OpenAIFace(field).encoder(request(**settings), stamp())
    out = [encoder.heartbeat()]
    result = feed([wire])
    for chunk in result.chunks:
        out += [encoder.frames([chunk]), encoder.heartbeat()]
    out.append(encoder.end() if result.problem is None else encoder.error(result.problem))
    return b"".join(out)


def replay(answer: bytes, content_type: str = "text/event-stream") -> httpx2.MockTransport:
    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        """A few bytes a read, so that frames are torn."""

        def __iter__(self) -> Iterator[bytes]:
            yield from (answer[n : n + 7] for n in range(0, len(answer), 7))

        async def __aiter__(self) -> Any:
            for part in self:
                yield part

    return httpx2.MockTransport(
        lambda _request: httpx2.Response(200, headers={"content-type": content_type}, stream=Body())
    )


def sdk(answer: bytes, content_type: str = "text/event-stream") -> openai.OpenAI:
    http = httpx2.Client(transport=replay(answer, content_type))
    return openai.OpenAI(api_key="x", base_url="http://linx/v1", http_client=http, max_retries=0)


# --- what the official SDK makes of what Linx writes ---


def test_every_transcript_is_listed() -> None:
    listed = {*ANSWERS, *ERRORS, "openai-two-choices.sse"}
    assert {path.name for path in TRANSCRIPTS.iterdir()} == listed


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("include_usage", [False, True])
def test_the_sdk_accumulates_a_stream_without_loss(name: str, include_usage: bool) -> None:
    content, reasoning, calls, finish, tokens = ANSWERS[name]
    with (
        sdk(written(name, include_usage=include_usage)) as client,
        client.chat.completions.stream(model="asked", messages=MESSAGES) as stream,
    ):
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        whole = stream.get_final_completion()
    choice = whole.choices[0]
    message = choice.message
    assert "".join(pieces) == content == (message.content or "")
    assert (whole.model, message.role, choice.finish_reason) == ("asked", "assistant", finish)
    assert (message.model_extra or {}).get("reasoning_content", "") == reasoning
    told = [(item.id, item.function.name, item.function.arguments) for item in message.tool_calls or ()]
    assert told == calls
    assert all(item.type == "function" for item in message.tool_calls or ())
    if include_usage:
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == tokens
    else:
        assert whole.usage is None


@pytest.mark.parametrize("name", ANSWERS)
def test_the_asynchronous_sdk_reads_the_same_chunks(name: str) -> None:
    async def read() -> str:
        http = httpx2.AsyncClient(transport=replay(written(name)))
        async with openai.AsyncOpenAI(api_key="x", base_url="http://linx/v1", http_client=http) as client:
            stream = await client.chat.completions.create(model="asked", messages=MESSAGES, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(read()) == ANSWERS[name][0]


@pytest.mark.parametrize("field", ["reasoning", "both"])
def test_the_sdk_finds_reasoning_under_the_configured_name(field: str) -> None:
    with (
        sdk(written("llamacpp-thinking.sse", field)) as client,
        client.chat.completions.stream(model="asked", messages=MESSAGES) as stream,
    ):
        extra = stream.get_final_completion().choices[0].message.model_extra or {}
    names = ["reasoning_content", "reasoning"] if field == "both" else [field]
    assert {key: extra[key] for key in extra if key != "parsed"} == dict.fromkeys(names, "Let me see.")


def test_the_sdk_tells_interleaved_choices_apart() -> None:
    with (
        sdk(written("openai-two-choices.sse")) as client,
        client.chat.completions.stream(model="asked", messages=MESSAGES, n=2) as stream,
    ):
        choices = stream.get_final_completion().choices
    told = [(choice.index, choice.message.content, choice.finish_reason) for choice in choices]
    assert told == [(0, "One!", "stop"), (1, "Two?", "stop")]


@pytest.mark.parametrize("name", ERRORS)
def test_the_sdk_raises_for_a_stream_that_failed(name: str) -> None:
    wire = written(name)
    assert b"[DONE]" not in wire
    assert b'"finish_reason":"' not in wire
    with sdk(wire) as client, pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="asked", messages=MESSAGES, stream=True))
    assert caught.value.code == "upstream_error"
    assert caught.value.type == "server_error"


@pytest.mark.parametrize("name", ANSWERS)
def test_the_sdk_reads_a_whole_answer(name: str) -> None:
    content, reasoning, calls, finish, tokens = ANSWERS[name]
    body = OpenAIFace().whole(request(False), feed([(TRANSCRIPTS / name).read_bytes()]).answer, stamp())
    with sdk(jsontext.dumps(body), "application/json") as client:
        whole = client.chat.completions.create(model="asked", messages=MESSAGES)
    choice = whole.choices[0]
    assert (choice.message.content or "", choice.finish_reason) == (content, finish)
    assert (choice.message.model_extra or {}).get("reasoning_content", "") == reasoning
    told = [
        (item.id, item.function.name, item.function.arguments)
        for item in choice.message.tool_calls or ()
        if item.type == "function"
    ]
    assert told == calls
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == tokens
    assert whole.object == "chat.completion"


def test_the_decoder_does_not_care_where_reads_end() -> None:
    for path in sorted(TRANSCRIPTS.iterdir()):
        decode(path.read_bytes())


# --- whole answers ---


def whole(*frames: JsonObject, field: str = "reasoning_content", **settings: Any) -> JsonObject:
    answer = feed([sse(*frames) + b"data: [DONE]\n\n"]).answer
    return OpenAIFace(field).whole(request(False, **settings), answer, stamp())


def test_a_whole_answer_has_all_its_keys() -> None:
    assert whole(*text("a", "b"), frame(finish="stop")) == {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "system_fingerprint": "fp_linx",
    }


def test_an_answer_of_another_dialect() -> None:
    answer = Answer()
    for chunk in (
        Chunk(reasoning="hm", source={"message": {"thinking": "hm"}}, dialect=Dialect.OLLAMA),
        Chunk("a", logprobs=[{"token": "a"}], dialect=Dialect.OLLAMA),
        Chunk(tools=[ToolDelta(0, "x", "f", "{}")]),
        Chunk(finish="tool_calls", usage=Usage(1, 2)),
    ):
        answer.add(chunk)
    body = OpenAIFace("both").whole(request(False), answer, stamp())
    assert (body["id"], body["created"]) == ("chatcmpl-0123abcd", 1755800000)
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert body["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "a",
                "refusal": None,
                "reasoning_content": "hm",
                "reasoning": "hm",
                "tool_calls": [{"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": {"content": [{"token": "a"}], "refusal": None},
            "finish_reason": "tool_calls",
        }
    ]


def test_content_is_null_where_something_else_was_said() -> None:
    message = whole(tools(call(0, "x", "f", "{}")), frame(finish="stop"))["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0] == {
        "id": "x",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }
    refused = whole(frame({"refusal": "no"}), frame(finish="stop"))["choices"][0]["message"]
    assert (refused["content"], refused["refusal"]) == (None, "no")
    assert whole(frame(finish="stop"))["choices"][0]["message"]["content"] == ""


def test_an_answer_never_finished_is_finished() -> None:
    answer = Answer()
    answer.add(Chunk("a"))
    assert OpenAIFace().whole(request(False), answer, stamp())["choices"][0]["finish_reason"] == "stop"


def test_what_nobody_knows_survives() -> None:
    def details(*items: Any) -> JsonObject:
        return frame({"content": "", "reasoning": "x", "reasoning_details": list(items)})

    first = frame({"content": "a", "x_text": "1"}, provider="X", x_top=1, system_fingerprint="fp_1", obfuscation="zz")
    second = frame({"content": "b", "x_text": "2", "x_null": None}, x_top=2, x_null=None)
    signed = {"type": "reasoning.text", "text": "de", "signature": "s", "format": "f", "index": 0}
    third = tools({**call(0, "x", "f", "{}"), "extra_content": {"sig": "s"}})
    audio = [frame({"audio": {"id": "i", "data": piece, "expires_at": 5}}) for piece in ("AA", "BB")]
    last = frame(finish="stop", timings={"prompt_n": 1})
    last["choices"][0]["native_finish_reason"] = "STOP"
    note = frame({"annotations": ["n", {"a": 1}], "x_number": 1})
    changing = [frame({"x_kind": kind}) for kind in ({"a": 1}, [1], "s", {"b": None})]
    body = whole(
        first, second,
        details({"type": "reasoning.text", "text": "ab", "format": "f", "index": 0}),
        details({"type": "reasoning.text", "text": "c", "format": "f", "index": 0}, signed),
        details({"type": "reasoning.encrypted", "data": "e", "index": 0}, "odd"),
        details({"type": "reasoning.encrypted", "data": "e", "index": 1}),
        third, *audio, note, note, *changing, last, {"choices": [], "x_late": True},
    )  # fmt: skip
    assert (body["provider"], body["x_top"], body["system_fingerprint"], body["x_late"]) == ("X", 2, "fp_1", True)
    assert body["timings"] == {"prompt_n": 1}
    assert "obfuscation" not in body
    assert "x_null" not in body
    choice = body["choices"][0]
    assert choice["native_finish_reason"] == "STOP"
    message = choice["message"]
    assert message["content"] == "ab"
    assert message["x_text"] == "12"
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "abcde", "format": "f", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "e", "index": 0},
        "odd",
        {"type": "reasoning.encrypted", "data": "e", "index": 1},
    ]
    assert message["audio"] == {"id": "i", "data": "AABB", "expires_at": 5}
    assert message["annotations"] == ["n", {"a": 1}, "n", {"a": 1}]
    assert message["x_number"] == 1
    assert message["x_kind"] == {}
    assert message["tool_calls"] == [
        {
            "id": "x",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"sig": "s"},
        }
    ]


def test_custom_calls_and_several_choices() -> None:
    custom = {"index": 0, "id": "x", "type": "custom", "custom": {"name": "p", "input": "i"}}
    body = whole(tools(custom), frame({"content": "b"}, index=1), frame(finish="stop"), frame(finish="length", index=1))
    one, two = body["choices"]
    assert one["message"]["tool_calls"] == [{"id": "x", "type": "custom", "custom": {"name": "p", "input": "i"}}]
    assert (two["index"], two["message"]["content"], two["finish_reason"]) == (1, "b", "length")


def test_old_clients_get_a_function_call() -> None:
    frames = [tools(call(0, "x", "f", "{}"), call(1, "y", "g", "{}")), frame(finish="tool_calls")]
    choice = whole(*frames, legacy_functions=True)["choices"][0]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }
    assert choice["finish_reason"] == "function_call"
    cut = whole(frames[0], frame(finish="length"), legacy_functions=True)["choices"][0]
    assert cut["finish_reason"] == "length"
    assert whole(*text("a"), legacy_functions=True)["choices"][0]["finish_reason"] == "stop"


# --- requests and errors ---


def test_parse() -> None:
    body = {
        "model": "m",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": None,
        "x_unknown": 1,
    }
    chat = OpenAIFace().parse(body)
    assert (chat.model, chat.stream, chat.include_usage, chat.dialect, chat.client_body) == (
        "m",
        True,
        True,
        "openai",
        None,
    )
    assert chat.chat_body == {key: value for key, value in body.items() if key != "seed"}
    assert not chat.legacy_functions


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, (False, False)),
        ({"stream": None, "stream_options": None}, (False, False)),
        ({"stream": True}, (True, False)),
        ({"stream": True, "stream_options": {"include_usage": None}}, (True, False)),
        ({"stream": True, "stream_options": {}}, (True, False)),
        ({"stream": False, "stream_options": {"include_usage": True}}, (False, False)),
    ],
)
def test_stream_and_usage(settings: JsonObject, told: tuple[bool, bool]) -> None:
    chat = OpenAIFace().parse({"model": "m", "messages": MESSAGES, **settings})
    assert (chat.stream, chat.include_usage) == told


def test_a_body_of_the_responses_api_needs_its_converter() -> None:
    body = {"model": "m", "input": "hi", "stream": True}
    with pytest.raises(BadRequest) as caught:
        OpenAIFace().parse(body)
    assert caught.value.param == "messages"
    seen: list[JsonObject] = []

    def convert(given: JsonObject) -> JsonObject:
        seen.append(given)
        return {"model": given["model"], "messages": MESSAGES}

    face = OpenAIFace(responses_body=convert)
    chat = face.parse({**body, "stream_options": {"include_usage": True}})
    assert chat.chat_body == {
        "model": "m",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (chat.stream, chat.include_usage) == (True, True)
    assert [given["input"] for given in seen] == ["hi"]
    face.parse({"model": "m", "messages": MESSAGES, "input": "hi"})
    face.parse({"model": "m", "messages": MESSAGES, "input": None})
    assert len(seen) == 1


def test_an_old_body_is_remembered_as_one() -> None:
    chat = OpenAIFace().parse({"model": "m", "messages": MESSAGES, "functions": [{"name": "f"}]})
    assert chat.legacy_functions


def test_errors_have_all_four_keys() -> None:
    assert OpenAIFace().error_body(Unauthorized("wrong key"), "req_1") == {
        "error": {"message": "wrong key", "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    }


def test_the_stream_is_named_as_it_should_be() -> None:
    face = OpenAIFace()
    assert (face.name, face.stream_type) == ("openai", b"text/event-stream")
    encoder = face.encoder(request(), Stamp("a", 1.0, lambda: 1.0))
    assert payloads(encoder.frames([Chunk("a")]))[0]["id"] == "chatcmpl-a"
