"""JSON's edges, odd names and every spelling of a path, from a client's bytes to a provider's and back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Close, Raw, Send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.catalogue import Kind

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"
KEY = "linx-test-key/with+odd=characters"
KINDS: tuple[Kind, ...] = ("ollama", "openai", "openrouter", "llamacpp")
OPENAI_KINDS = KINDS[1:]
DONE = b"data: [DONE]\n\n"
ODD = "a\u2028b\u2029c\u0085d\x0be\x1cf\x7f\ufeff\N{GRINNING FACE}\u202e\x00"

every_kind = pytest.mark.parametrize("kind", KINDS)
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def sse(*frames: bytes) -> Raw:
    body = b"".join(b"data: " + frame + b"\n\n" for frame in frames) + DONE
    return Raw(
        [Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + body), Close()]
    )


def delta(text: bytes, finish: bytes = b"null", extra: bytes = b"") -> bytes:
    """A chunk whose delta is this JSON text."""
    return b'{"id":"c","choices":[{"index":0,"delta":%b,"finish_reason":%b%b}]}' % (text, finish, extra)


@both_ways
@every_kind
async def test_odd_characters_both_ways(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(tokens=[ODD, *ODD])
        body = {**CHAT, "messages": [{"role": "user", "content": ODD}], "stream": stream}
        answer = await ask(app.bound[0][1], PATH, body)
        for raw in ("\u2028", "\u2029", "\u0085"):
            assert raw.encode() not in answer.body
        text = answer.text if stream else answer.json["choices"][0]["message"]["content"]
        assert text == ODD + ODD
        assert fake.calls[0].json["messages"][0]["content"] == ODD


@every_kind
async def test_half_an_emoji_from_a_client(kind: Kind, tmp_path: Path) -> None:
    """JavaScript cuts strings in the middle of a character, and sends the half."""
    body = jsontext.dumps(CHAT).replace(b'"hi"', rb'"hi \ud83d there \ud83d\ude00"')
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        assert (await ask(app.bound[0][1], PATH, body)).status == 200
        assert fake.calls[0].json["messages"][0]["content"] == "hi \ufffd there \N{GRINNING FACE}"


@both_ways
async def test_halves_that_stay_alone_do_no_harm(stream: bool, tmp_path: Path) -> None:
    frames = (
        delta(rb'{"content":"a\ud83d"}'),
        delta(rb'{"reasoning_content":"\ude00 b\ud83d"}'),
        delta(rb'{"content":"\ude00c"}'),
        delta(rb'{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{\"x\":\"\ud83d"}}]}'),
        delta(rb'{"tool_calls":[{"index":0,"function":{"arguments":"\ude00\"}"}}]}'),
        delta(b"{}", b'"tool_calls"'),
    )
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(sse(*frames))
        answer = await ask(app.bound[0][1], PATH, {**CHAT, "stream": stream})
    if stream:
        deltas = [event["choices"][0]["delta"] for event in answer.events[:-1]]
        text = "".join(one.get("content") or "" for one in deltas)
        thought = "".join(one.get("reasoning_content") or "" for one in deltas)
        arguments = "".join(call["function"]["arguments"] for one in deltas for call in one.get("tool_calls") or ())
    else:
        message = answer.json["choices"][0]["message"]
        text, thought = message["content"], message["reasoning_content"]
        arguments = message["tool_calls"][0]["function"]["arguments"]
    assert text == "a\N{GRINNING FACE}c"
    assert thought == "\ufffd b\ufffd"
    assert jsontext.loads(arguments.encode()) == {"x": "\N{GRINNING FACE}"}


@both_ways
async def test_numbers_that_json_does_not_have(stream: bool, tmp_path: Path) -> None:
    top = b'[{"token":"b","logprob":-Infinity}]'
    logprobs = b',"logprobs":{"content":[{"token":"a","logprob":NaN,"bytes":null,"top_logprobs":%b}]}' % top
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(sse(delta(b'{"content":"a"}', extra=logprobs), delta(b"{}", b'"stop"')))
        answer = await ask(app.bound[0][1], PATH, {**CHAT, "stream": stream, "logprobs": True})
    assert b"NaN" not in answer.body
    assert b"Infinity" not in answer.body
    choice = (answer.events[0] if stream else answer.json)["choices"][0]
    assert choice["logprobs"]["content"][0]["logprob"] is None
    assert choice["logprobs"]["content"][0]["top_logprobs"][0]["logprob"] is None


BIG = 2**70 + 1


@every_kind
async def test_big_integers_from_a_client(kind: Kind, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer", "description": "big", "maximum": BIG}}}
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": f'{{"x":{BIG},  "y":1.50}}'}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": "ok"},
    ]
    body = {
        **CHAT,
        "messages": messages,
        "seed": 2**63 - 1,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], PATH, jsontext.dumps(body))
        assert answer.status == 200, answer.body
        sent = fake.calls[0].json
        arguments = sent["messages"][1]["tool_calls"][0]["function"]["arguments"]
        if kind == "ollama":
            assert str(BIG).encode() in fake.calls[0].body
            assert sent["options"]["seed"] == 2**63 - 1
        else:
            assert arguments == call["function"]["arguments"]  # type: ignore[index]
            assert str(BIG).encode() in fake.calls[0].body.replace(b"\\", b"")
            assert sent["seed"] == 2**63 - 1


@both_ways
@every_kind
async def test_big_integers_from_a_provider(kind: Kind, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(tokens=[], calls=[Call("f", {"x": BIG, "y": [2**64, -(2**65)]})]))
        answer = await ask(app.bound[0][1], PATH, {**CHAT, "stream": stream})
    assert answer.status == 200
    if stream:
        fragments = [
            call["function"]["arguments"]
            for event in answer.events[:-1]
            for call in event["choices"][0]["delta"].get("tool_calls") or ()
        ]
        arguments = "".join(fragments)
    else:
        arguments = answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert jsontext.loads_exact(arguments.encode()) == {"x": BIG, "y": [2**64, -(2**65)]}


@pytest.mark.parametrize("seed", [BIG, 2**64, -(2**64)])
@pytest.mark.parametrize("kind", OPENAI_KINDS)
async def test_a_big_seed_is_passed_as_it_is(kind: Kind, seed: int, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        assert (await ask(app.bound[0][1], PATH, {**CHAT, "seed": seed})).status == 200
        assert b'"seed":%d' % seed in fake.calls[0].body


# --- names ---

NAMES = ["openai/gpt-4o:free", "hf.co/u/m:Q4_K_M", "Ünï ☕", "100%25", "a?b#c", "a+b&c=d", "../x", "x/y/", '"\\quoted"']


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_raw_and_encoded(name: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", [name, "other"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        spellings = {quote(name, safe=""), quote(name, safe="/:"), quote(name)}
        if name.isascii() and not set(name) & set('%?#"\\ '):
            spellings.add(name)
        for spelling, base in itertools.product(spellings, ("/v1/models/", "/models/", "/api/v1/models/")):
            answer = await ask(port, base + spelling)
            assert (answer.status, answer.status == 200 and answer.json["id"]) == (200, name), base + spelling
            assert (await ask(port, base + spelling + "?x=1")).status == 200
        answer = await ask(port, PATH, {**CHAT, "model": name})
        assert answer.status == 200
        assert answer.json["model"] == name
        assert answer.headers["x-linx-model"].isascii()
        assert fake.calls[-1].json["model"] == name
        answer = await ask(port, PATH, {**CHAT, "model": f"openai1/{name}"})
        assert answer.json["model"] == f"openai1/{name}"
        assert fake.calls[-1].json["model"] == name


async def test_an_unknown_name_is_shown_cut_and_clean(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for name in (
            "\x1b[31mred",
            "x" * 500,
            "x" * 5000,
            "<script>alert(1)</script>",
            "\u202eevil",
            "\N{GRINNING FACE}",
        ):
            answer = await ask(app.bound[0][1], PATH, {**CHAT, "model": name})
            assert answer.status == (400 if len(name) > 512 else 404)
            assert len(answer.body) < 1000
            assert answer.body.isascii()
            assert "\x1b" not in answer.json["error"]["message"]
            assert "\u202e" not in answer.json["error"]["message"]
    assert fake.calls == []


async def test_a_name_of_an_ollama_needs_no_tag_and_no_case(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["Qwen3:4b", "llama"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        for asked, sent in (("qwen3:4B", "Qwen3:4b"), ("llama", "llama:latest"), ("LLAMA:latest", "llama:latest")):
            answer = await ask(port, PATH, {**CHAT, "model": asked})
            assert answer.json["model"] == asked
            assert fake.calls[-1].json["model"] == sent


# --- paths ---

PREFIXES = ["", "/v1", "/v1/v1", "/api/v1", "/cursor/v1"]


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_spelling_of_a_path(prefix: str, tmp_path: Path) -> None:
    server = {"api_key": KEY}
    in_path = f"/k/{quote(KEY, safe='')}"
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, server=server), tmp_path) as app:
        port = app.bound[0][1]
        headers = {"authorization": f"Bearer {KEY}"}
        for end in ("", "/", "?beta=true", "/?a=b&c"):
            for front, fields in (
                ("", headers),
                (in_path, None),
                ("", {"x-api-key": KEY}),
                ("", {"authorization": f"bearer {KEY}"}),
            ):
                chat = await ask(port, front + prefix + "/chat/completions" + end, CHAT, headers=fields)
                assert (chat.status, chat.json["object"]) == (200, "chat.completion")
                models = await ask(port, front + prefix + "/models" + end, headers=fields)
                assert [one["id"] for one in models.json["data"]] == ["m"]
            assert (await ask(port, prefix + "/chat/completions" + end, CHAT)).status == 401
            wrong = f"/k/{quote(KEY[:-1], safe='')}"
            assert (await ask(port, wrong + prefix + "/chat/completions" + end, CHAT, headers=headers)).status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("DELETE", "/v1/models/m", 405),
        ("OPTIONS", PATH, 204),
        ("HEAD", "/v1/models", 200),
        ("HEAD", "/v1/models/m", 200),
        ("HEAD", PATH, 405),
        ("OPTIONS", "*", 204),
        ("GET", "/v1/chat/completion", 404),
        ("GET", "/v1//models", 404),
        ("GET", "//v1/models", 200),
        ("GET", "/V1/models", 404),
        ("GET", "/v1/../v1/models", 404),
        ("GET", "/v1/%6dodels", 404),
        ("GET", "/v1/models/none", 404),
        ("GET", "/v1/models;x", 404),
        ("GET", "/v1/v1/v1/models", 404),
        ("GET", "/v1/providers/status/", 404),
        ("GET", "/api/v1/providers/status", 404),
        ("GET", "/providers/status", 404),
        ("GET", "/k/", 404),
        ("GET", "/k//v1/models", 404),
        ("GET", "/healthz", 200),
        ("GET", "/healthz/", 404),
        ("GET", "/v1/models?" + "x" * 9000, 414),
    ],
)
async def test_methods_and_paths(method: str, path: str, status: int, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], path, method=method)
        assert answer.status == status
        if method == "HEAD":
            assert answer.body == b""
        elif status >= 400:
            assert set(answer.json["error"]) == {"message", "type", "param", "code"}
        if status == 405:
            assert "OPTIONS" in answer.headers["allow"]
    assert fake.calls == []
