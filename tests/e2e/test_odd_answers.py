"""Answers that OpenAI-shaped providers end, or shape, in ways of their own: what the clients of every face get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.dialects.openai.help import DONE, call, frame, sse, text, tools
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.http_client import Answer

USER = [{"role": "user", "content": "hi"}]
GOOD = "Hello from the fake."


@dataclass(frozen=True)
class Face:
    """How clients of one dialect ask, and what a stream ends with: normally, and in an error."""

    path: str
    body: dict[str, Any]
    normal_ends: tuple[bytes, ...]
    error: bytes


OPENAI_ENDS = (b"[DONE]", b'"finish_reason":"')
FACES = {
    "chat": Face("/v1/chat/completions", {"messages": USER}, OPENAI_ENDS, b'data: {"error":'),
    "completions": Face("/v1/completions", {"prompt": "hi"}, OPENAI_ENDS, b'data: {"error":'),
    "responses": Face(
        "/v1/responses",
        {"input": "hi"},
        (b"event: response.completed", b"event: response.incomplete"),
        b"event: response.failed",
    ),
    "messages": Face(
        "/v1/messages", {"messages": USER, "max_tokens": 99}, (b"message_stop", b'"stop_reason":"'), b"event: error"
    ),
    "ollama chat": Face("/api/chat", {"messages": USER}, (b'"done":true',), b'{"error":'),
    "ollama generate": Face("/api/generate", {"prompt": "hi"}, (b'"done":true',), b'{"error":'),
}
ENDS = [
    "insufficient_system_resource", "network_error", "abort", "aborted", "cancelled", "timeout", "failed", "error",
]  # fmt: skip


def stream_of(*frames: Any) -> Whole:
    return Whole(200, sse(*frames) + DONE, "text/event-stream")


async def ask_face(port: int, face: Face, *, stream: bool) -> Answer:
    return await ask(port, face.path, {"model": "m", **face.body, "stream": stream})


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("word", ENDS)
async def test_an_answer_that_fails_at_once_is_given_by_the_next_provider(
    word: str, stream: bool, tmp_path: Path
) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            for name, face in FACES.items():
                bad.next(stream_of(frame({"role": "assistant", "content": ""}), frame(finish=word)))
                answer = await ask_face(app.bound[0][1], face, stream=stream)
                assert answer.status == 200, name
                assert b"fake" in answer.body, name
                assert answer.headers["x-linx-attempts"] == "bad=error_event, good=ok", name
                app.context.providers[0].health.succeeded()  # each face finds it first in the order


@pytest.mark.parametrize("word", ENDS)
async def test_an_answer_that_fails_after_its_first_text_is_an_error_and_no_normal_end(
    word: str, tmp_path: Path
) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            for name, face in FACES.items():
                bad.next(stream_of(*text("begun", " well"), frame(finish=word)))
                answer = await ask_face(app.bound[0][1], face, stream=True)
                assert b"begun" in answer.body, name
                assert face.error in answer.body, name
                assert word.encode() in answer.body, name
                assert not [end for end in face.normal_ends if end in answer.body], name
                app.context.providers[0].health.succeeded()
                bad.next(stream_of(*text("begun", " well"), frame(finish=word)))
                whole = await ask_face(app.bound[0][1], face, stream=False)
                assert (whole.status, b"begun" in whole.body, b"fake" in whole.body) == (200, False, True), name
                app.context.providers[0].health.succeeded()


MESSAGE = {"role": "assistant", "content": "first second"}
SHAPES = {
    "a message": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "a message with an empty delta": [{"index": 0, "delta": {}, "message": MESSAGE, "finish_reason": "stop"}],
    "texts": [{"index": 0, "text": "first "}, {"index": 0, "text": "second", "finish_reason": "stop"}],
    "deltas, and a message that repeats them": [
        {"index": 0, "delta": {"content": "first "}, "message": {"role": "assistant", "content": "first "}},
        {"index": 0, "delta": {"content": "second"}, "message": MESSAGE},
        {"index": 0, "delta": {"content": ""}, "message": MESSAGE, "finish_reason": "stop"},
    ],
    "deltas, and texts that repeat them": [
        {"index": 0, "delta": {"content": "first "}, "text": "first "},
        {"index": 0, "delta": {"content": "second"}, "text": "second", "finish_reason": "stop"},
    ],
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_message_or_a_text_in_place_of_a_delta(shape: str, stream: bool, tmp_path: Path) -> None:
    reply = stream_of(*({"id": "c", "object": "chat.completion.chunk", "choices": [one]} for one in SHAPES[shape]))
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name, face in FACES.items():
            fake.next(reply)
            answer = await ask_face(app.bound[0][1], face, stream=stream)
            assert (answer.status, face.error in answer.body) == (200, False), name
            if stream:
                told = answer.text if name == "chat" else "first second"
                assert told == "first second", name
                assert b'"message":' not in answer.body or name not in ("chat", "completions"), name
                assert answer.body.count(b"second") == 1 or name == "responses", name
            else:
                assert b"first second" in answer.body, name
                if name == "chat":
                    assert answer.json["choices"][0].keys() == {"index", "message", "logprobs", "finish_reason"}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("status", [200, 201, 202, 203])
async def test_a_good_status_with_a_body_is_an_answer(status: int, stream: bool, tmp_path: Path) -> None:
    reply = Whole(status, sse(*text("first"), frame(finish="stop")) + DONE, "text/event-stream")
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name, face in FACES.items():
            fake.next(reply)
            answer = await ask_face(app.bound[0][1], face, stream=stream)
            assert (answer.status, b"first" in answer.body) == (200, True), name
        assert app.context.providers[0].health.last_error is None


@pytest.mark.parametrize("status", [201, 202, 204, 205])
async def test_a_good_status_without_a_body_is_no_answer(status: int, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Whole(status, b""))
        answer = await ask_face(app.bound[0][1], FACES["chat"], stream=True)
        assert answer.status == 502


MINIMAX = b'{"id":"","choices":null,"base_resp":{"status_code":2013,"status_msg":"chat setting is wrong"}}'
REASONS: dict[str, tuple[Whole, int, str]] = {
    "MiniMax": (Whole(200, MINIMAX), 400, "chat setting is wrong"),
    "MiniMax, no money": (
        Whole(200, b'{"base_resp":{"status_code":1008,"status_msg":"empty purse"}}'),
        502,
        "has no credit left: empty purse",
    ),
    "MiniMax, a stream": (Whole(200, b"data: " + MINIMAX + b"\n\n", "text/event-stream"), 400, "chat setting is wrong"),
    "Cloudflare": (
        Whole(200, b'{"success":false,"result":null,"errors":[{"code":7009,"message":"no such account"}]}'),
        502,
        "no such account",
    ),
    "Cloudflare, 400": (
        Whole(400, b'{"success":false,"result":null,"errors":[{"code":5006,"message":"no such field"}]}'),
        400,
        "no such field",
    ),
    "FastAPI, a text": (Whole(422, b'{"detail":"no such knob"}'), 400, "no such knob"),
    "FastAPI, a list": (
        Whole(422, b'{"detail":[{"loc":["body","n"],"msg":"is too small","type":"x"}]}'),
        400,
        "body.n: is too small",
    ),
    "FastAPI, an object": (Whole(400, b'{"detail":{"message":"no such knob"}}'), 400, "no such knob"),
    "errors": (Whole(400, b'{"errors":["no such knob"]}'), 400, "no such knob"),
    # llama.cpp (browseros#255): the schema behind the words was taken for an error with the code "objekt".
    "words that end in JSON": (
        Whole(
            400,
            b'{"error":{"code":400,"message":"JSON schema conversion failed:\\nUnrecognized schema: '
            b'{\\"type\\":\\"objekt\\"}","type":"invalid_request_error"}}',
        ),
        400,
        "JSON schema conversion failed: Unrecognized schema: ",
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("case", REASONS)
async def test_the_reason_reaches_the_client(case: str, stream: bool, tmp_path: Path) -> None:
    reply, status, words = REASONS[case]
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name, face in FACES.items():
            fake.next(reply)
            answer = await ask_face(app.bound[0][1], face, stream=stream)
            assert (answer.status, words in answer.body.decode()) == (status, True), name
            assert b'"objekt"' not in answer.body, name
            app.context.providers[0].health.succeeded()


USAGE = {"prompt_tokens": 9, "completion_tokens": 4242, "total_tokens": 4251}
LATE: dict[str, tuple[Whole, tuple[bytes, ...]]] = {
    "a finish with each text": (
        stream_of(*(frame({"content": piece}, "stop") for piece in ("first", "second", "third"))),
        (b"first", b"second", b"third"),
    ),
    "a finish with the reasoning": (
        stream_of(frame({"reasoning_content": "hm"}, "stop"), *text("first"), frame(finish="stop")),
        (b"first",),
    ),
    "the text null as finish": (
        stream_of(frame({"content": "first"}, "null"), frame({"content": "second"}, "null"), frame(finish="stop")),
        (b"first", b"second"),
    ),
    "usage behind the finish": (stream_of(*text("first"), frame(finish="stop"), frame(usage=USAGE)), (b"first",)),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("case", LATE)
async def test_what_comes_behind_a_finish_is_not_lost(case: str, stream: bool, tmp_path: Path) -> None:
    reply, pieces = LATE[case]
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name, face in FACES.items():
            fake.next(reply)
            answer = await ask_face(app.bound[0][1], face, stream=stream)
            assert answer.status == 200, name
            assert face.error not in answer.body, name
            assert [piece for piece in pieces if piece not in answer.body] == [], name
            if stream:
                assert all(end in answer.body for end in face.normal_ends[:1]), name
            if "usage" in case and (name not in ("chat", "completions") or not stream):
                assert b"4242" in answer.body, name


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_tool_call_behind_a_stop_is_not_lost(stream: bool, tmp_path: Path) -> None:
    wire = stream_of(*text("look"), frame(finish="stop"), tools(call(0, "c1", "get_time", "{}")), frame(finish="stop"))
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name in ("chat", "responses", "messages", "ollama chat"):
            fake.next(wire)
            answer = await ask_face(app.bound[0][1], FACES[name], stream=stream)
            assert b"get_time" in answer.body, name
            if name == "chat":
                assert b'"finish_reason":"tool_calls"' in answer.body
            if name == "messages":
                assert b'"stop_reason":"tool_use"' in answer.body


CACHED: dict[str, Any] = {
    "DeepSeek": frame(finish="stop", usage={**USAGE, "prompt_cache_hit_tokens": 7}),
    "Kimi": frame(finish="stop", usage={**USAGE, "cached_tokens": 7}),
    "Kimi, within the choice": {
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {**USAGE, "cached_tokens": 7}}]
    },
    "other names": frame(
        finish="stop", usage={"input_tokens": 9, "output_tokens": 4242, "input_tokens_details": {"cached_tokens": 7}}
    ),
}
TOLD = {
    "chat": (b'"prompt_tokens":9', b'"cached_tokens":7'),
    "responses": (b'"input_tokens":9', b'"cached_tokens":7'),
    "messages": (b'"input_tokens":2', b'"cache_read_input_tokens":7'),
    "ollama chat": (b'"prompt_eval_count":9', b'"eval_count":4242'),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("case", CACHED)
async def test_cached_tokens_under_every_name(case: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name, told in TOLD.items():
            fake.next(stream_of(*text("first"), CACHED[case]))
            face = FACES[name]
            options = {"stream_options": {"include_usage": True}} if name == "chat" and stream else {}
            body = {"model": "m", **face.body, "stream": stream, **options}
            answer = await ask(app.bound[0][1], face.path, body)
            assert [words for words in told if words not in answer.body] == [], name
            assert b"4242" in answer.body, name


STRANGE_LOGPROBS = {"content": [{"top_logprobs": "x"}]}
ODD_CHOICES = {
    "only a choice 1": stream_of({"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]}),
    "log probabilities without tokens": stream_of(
        {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None, "logprobs": STRANGE_LOGPROBS}]}
    ),
    "a whole answer with only a choice 1": Whole(
        200, b'{"choices":[{"index":1,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}'
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
async def test_a_choice_that_no_client_can_read_is_a_failure(face: Face, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            for name, odd in ODD_CHOICES.items():
                app.context.providers[0].health.succeeded()
                bad.next(odd)
                answer = await ask_face(app.bound[0][1], face, stream=stream)
                assert answer.status == 200, name
                assert answer.headers["x-linx-attempts"] == "bad=bad_response, good=ok", name
                assert b"fake" in answer.body, name
            bad.next(odd)
            good.next(odd)
            answer = await ask_face(app.bound[0][1], face, stream=stream)
            assert answer.status == 502
