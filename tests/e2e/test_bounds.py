"""Bad input, large input, hostile providers: each bound has its own clear error, and no secret gets out."""

from __future__ import annotations

import base64
import gzip
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Close, Raw, Send, Whole
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.catalogue import Kind
    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

MIB = 1024 * 1024
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"


def chat_of(size: int) -> bytes:
    """A chat body of exactly so many bytes."""
    body = jsontext.dumps({**CHAT, "messages": [{"role": "user", "content": ""}]})
    return body.replace(b'"content":""', b'"content":"' + b"x" * (size - len(body)) + b'"')


async def raw(port: int, *pieces: bytes) -> bytes:
    """Send pieces as they are; all that comes back until the connection closes, or one second of silence."""
    got = b""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        for piece in pieces:
            await stream.send_all(piece)
        with trio.move_on_after(1):
            while data := await stream.receive_some(65536):
                got += data
                if got.endswith(b"}"):
                    break
    return got


# --- the client's body ---


async def test_a_declared_body_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"max_body_mb": 1}), tmp_path) as app:
            port = app.bound[0][1]
            head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (PATH.encode(), MIB + 1)
            for expect in (b"", b"Expect: 100-continue\r\n"):
                got = await raw(port, head + expect + b"\r\n")
                assert got.startswith(b"HTTP/1.1 413 ")
                assert b"100 Continue" not in got
                assert b"connection: close" in got
                assert jsontext.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_too_large"
            assert (await ask(port, PATH, chat_of(MIB))).status == 200
        assert len(fake.calls) == 1


async def test_an_undeclared_body_is_cut_off_at_the_bound(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"max_body_mb": 1}), tmp_path) as app:
            port = app.bound[0][1]
            head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" % PATH.encode()

            def chunked(body: bytes) -> list[bytes]:
                pieces = [body[at : at + 60000] for at in range(0, len(body), 60000)]
                return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]

            assert (await raw(port, head, *chunked(chat_of(MIB + 1)))).startswith(b"HTTP/1.1 413 ")
            assert (await raw(port, head, *chunked(chat_of(MIB)), b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert len(fake.calls) == 1


async def test_a_large_body_arrives_whole_and_each_provider_gets_the_same(tmp_path: Path) -> None:
    body = chat_of(8 * MIB)
    endless = Model("m", context_length=None)  # or it would not be asked at all
    async with FakeProvider("ollama", [endless]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.reset(), scripted.reset())
        async with linx_here(config_for(bad, good), tmp_path) as app:
            answer = await ask(app.bound[0][1], PATH, body)
        assert answer.status == 200
        sent = jsontext.loads(body)["messages"]
        assert bad.calls[0].json["messages"] == good.calls[0].json["messages"] == sent


async def test_compressed_bodies(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"max_body_mb": 1}), tmp_path) as app:
            port = app.bound[0][1]
            packed = gzip.compress(jsontext.dumps(CHAT))
            answer = await ask(port, PATH, packed, headers={"content-encoding": "gzip"})
            assert answer.status == 200
            for data, status in (
                (gzip.compress(chat_of(40 * MIB)), 413),  # 40 KiB that would be 40 MiB
                (packed[:-4], 400),
                (b"not gzip", 400),
                (packed + b"trailing", 400),
            ):
                answer = await ask(port, PATH, data, headers={"content-encoding": "gzip"})
                assert answer.status == status, (data[:10], answer.body)
            answer = await ask(port, PATH, packed, headers={"content-encoding": "zstd"})
            assert answer.status == 400
            answer = await ask(port, PATH, packed, headers={"content-encoding": "br"})
            assert answer.status == 415
            assert "gzip" in answer.json["error"]["message"]
        assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no body"),
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"m"', "must be a JSON object"),
        (b"[" * 300 + b"]" * 300, "nested"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested"),
        (b"\xff\xfe{\x00}\x00", "not valid JSON"),
        (b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', "not valid JSON"),
        (b'{"model":"m","messages":[{"role":"user","content":NaN}]}', "not valid JSON"),
        (b'{"messages":[{"role":"user","content":"hi"}]}', "model"),
        (b'{"model":"","messages":[{"role":"user","content":"hi"}]}', "model"),
        (b'{"model":["m"],"messages":[{"role":"user","content":"hi"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m","messages":["hi"]}', "messages"),
        (b'{"model":"m","messages":[{"content":"hi"}]}', "role"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "content"),
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":"hot"}', "temperature"),
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1.5}', "max_tokens"),
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":{}}', "tools"),
        (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":true}', "seed"),
    ],
)
async def test_a_bad_body_is_named(body: bytes, words: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        async with Client(app.bound[0][1]) as client:
            await client.send("POST", PATH, body)
            answer = await client.answer()
            assert answer.status == 400
            assert words in answer.json["error"]["message"]
            assert answer.json["error"]["type"] == "invalid_request_error"
            await client.send("POST", PATH, CHAT)  # and the connection goes on
            assert (await client.answer()).status == 200
        assert len(fake.calls) == 1


# --- what a provider sends ---


def streamed(kind: Kind, *frames: bytes) -> Raw:
    """Frames without an end, sent piece by piece so that nobody needs to hold them at once."""
    media = b"application/x-ndjson" if kind == "ollama" else b"text/event-stream"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + media + b"\r\nConnection: close\r\n\r\n"
    return Raw([Send(head), *(Send(frame) for frame in frames), Close()])


ENDLESS: dict[Kind, bytes] = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"',
    "ollama": b'{"model":"m","message":{"role":"assistant","content":"',
}
FIRST: dict[Kind, bytes] = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n',
    "ollama": b'{"model":"m","message":{"role":"assistant","content":"Hel"},"done":false}\n',
}


@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_a_frame_without_an_end(kind: Kind, tmp_path: Path) -> None:
    flood = [b"x" * MIB] * 17
    async with FakeProvider(kind, ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            port = app.bound[0][1]
            bad.next(streamed(kind, ENDLESS[kind], *flood))
            answer = await ask(port, PATH, {**CHAT, "model": "bad/m"})
            assert answer.status == 502
            assert "16 MiB" in answer.json["error"]["message"]
            bad.next(streamed(kind, ENDLESS[kind], *flood))
            answer = await ask(port, PATH, {**CHAT, "stream": True})
            assert (answer.text, answer.headers["x-linx-provider"]) == ("Hello from the fake.", "good")
            bad.next(streamed(kind, FIRST[kind], ENDLESS[kind], *flood))
            app.context.providers[0].health.succeeded()
            answer = await ask(port, PATH, {**CHAT, "stream": True})
            assert answer.text == "Hel"
            assert "16 MiB" in answer.events[-1]["error"]["message"]
            with within(1):
                await bad.all_closed()


@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_a_frame_just_below_the_bound_arrives_whole(kind: Kind, tmp_path: Path) -> None:
    ends: dict[Kind, bytes] = {
        "openai": b'"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
        "ollama": b'"},"done":true,"done_reason":"stop"}\n',
    }
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(streamed(kind, ENDLESS[kind], *[b"x" * MIB] * 15, ends[kind]))
        answer = await ask(app.bound[0][1], PATH, CHAT)
    assert answer.json["choices"][0]["message"]["content"] == "x" * 15 * MIB


async def test_an_error_page_of_any_size_is_cut(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for body in (b"x" * 20 * MIB, b'{"error":{"message":"' + b"y" * 5 * MIB + b'"}}', b"\x00\x1b[31m" * 50000):
            fake.next(Whole(500, body, "text/plain"))
            answer = await ask(app.bound[0][1], PATH, CHAT)
            assert answer.status == 502
            assert len(answer.body) < 2048
            assert b"\x1b" not in answer.body
            assert b"\\u001b" not in answer.body


# --- secrets ---

CANARIES = {
    "client": "canary-client-Aq1Zx9/+5=&key",
    "openai": "sk-canary-openai-0123456789abcdefgh",
    "openrouter": "sk-or-v1-canary-9876543210fedcba",
    "ollama": "canary-ollama-x7!$%'()*~secret",
    "header": "canary-header-5f4dcc3b5aa765d6",
    "proxy": "canary-proxy-hunter2hunter2",
    "ngrok": "canary-ngrok-2aBcDeFgHiJkLmNoP",
}


def forms(secret: str) -> set[bytes]:
    """A secret as programs repeat it."""
    found = {secret, quote(secret), quote(secret, safe=""), jsontext.dumps(secret).decode()[1:-1]}
    plain = base64.b64encode(secret.encode()).decode()
    return {form.encode() for form in found | {plain[: len(plain) // 4 * 4 - 4]}}


def echo(exchange: Exchange) -> Reply:
    """A provider that fails each time in another way, and repeats the key each time."""
    key = exchange.headers.get("authorization", "") + " " + exchange.headers.get("x-secret", "")
    bare = exchange.headers.get("authorization", "").removeprefix("Bearer ")
    number = exchange.connection.number + len(exchange.body)
    ways: list[Reply] = [
        scripted.status(401, f"Incorrect API key provided: {key}"),
        scripted.status(500, f"failed for {quote(bare)} and {base64.b64encode(bare.encode()).decode()}"),
        scripted.status(400, f"bad request by {key}"),
        scripted.error_in_200(f"key {key} is not yours"),
        scripted.error_first(f"key {bare} is not yours"),
        scripted.error_after(2, message=f"key {key} has no credit left, {quote(bare, safe='')}"),
        Whole(502, f"<html><body>Bearer {bare}</body></html>".encode(), "text/html"),
        Whole(302, b"", headers=[("Location", f"http://elsewhere.example/?key={quote(bare)}")]),
        Raw([Send(f"HTTP/1.1 200 OK {bare}\r\nbad header {bare}\r\n\r\n{key}".encode()), Close()]),
        Whole(200, f"the key is {bare}".encode(), "text/plain"),
        Whole(429, jsontext.dumps({"error": {"message": f"slow down, {bare}", "code": bare, "type": bare}})),
        Whole(422, jsontext.dumps({"detail": [{"loc": ["header", bare], "msg": bare}]})),
    ]
    return ways[number % len(ways)]


async def test_no_secret_gets_out(tmp_path: Path) -> None:
    seen: list[bytes] = []
    kinds: tuple[Kind, ...] = ("openai", "openrouter", "ollama")
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openrouter", ["m"]) as two:
        async with FakeProvider("ollama", ["m"]) as three:
            for fake in (one, two, three):
                fake.rule = echo
            config = config_for(one, two, three, names=kinds, server={"api_key": CANARIES["client"]})
            for kind in kinds:
                config["providers"][f"x-{kind}"] = {
                    **config["providers"].pop(kind),
                    "api_key": CANARIES[kind],
                    "headers": {"x-secret": CANARIES["header"]},
                    "models": ["m"],
                }
            config["providers"]["far"] = {"kind": "openai", "endpoint": "https://far.example/v1", "models": ["far"]}
            config["routing"]["provider_priority"] = []
            env = {
                **os.environ,
                "HTTPS_PROXY": f"http://user:{CANARIES['proxy']}@127.0.0.1:1",
                "NGROK_AUTHTOKEN": CANARIES["ngrok"],
            }
            key = {"authorization": f"Bearer {CANARIES['client']}"}
            async with LinxProcess(config, tmp_path, "--log-level", "debug", env=env) as linx:

                async def tell(path: str, body: Any = None, headers: dict[str, str] | None = None) -> Got:
                    answer = await ask(linx.port, path, body, headers=key if headers is None else headers)
                    seen.append(repr(answer.headers).encode() + answer.body)
                    return answer

                for number in range(24):
                    for name in ("m", *(f"x-{kind}/m" for kind in kinds)):
                        body = {**CHAT, "model": name, "stream": bool(number % 2), "user": "u" * number}
                        assert (await tell(PATH, body)).status in (200, 400, 429, 502, 503)
                await tell(PATH, {**CHAT, "model": "far"})
                for path in ("/v1/models", "/v1/providers/status", "/linx/requests", "/nothing", "/api/tunnel/status"):
                    await tell(path)
                for wrong in ({"authorization": f"Bearer {CANARIES['client'][:-1]}"}, {"x-api-key": "no"}, {}):
                    assert (await tell("/v1/models", headers=wrong)).status == 401
                assert (await tell(f"/k/{quote(CANARIES['client'], safe='')}/v1/models", headers={})).status == 200
                await tell(f"/k/{quote(CANARIES['client'], safe='')}/v1/none", headers={})
                linx.process.terminate()
                assert linx.process.stdout is not None
                with trio.fail_after(10):
                    seen += [bytes(data) async for data in linx.process.stdout]
                    await linx.process.wait()
                seen.append(linx.log.read_bytes())
            assert len(one.calls) > 10
    everything = b"\n".join(seen)
    for name, secret in CANARIES.items():
        for form in forms(secret):
            at = everything.find(form)
            assert at < 0, f"{name}: …{everything[max(0, at - 200) : at + 100]!r}"


async def test_what_a_client_sends_of_its_own_never_reaches_a_provider(tmp_path: Path) -> None:
    own = {
        "authorization": "Bearer client-key",
        "x-api-key": "client-key",
        "cookie": "session=client",
        "origin": "http://localhost:3000",
        "x-forwarded-for": "203.0.113.9",
        "openai-organization": "org-client",
        "te": "trailers",
    }
    async with FakeProvider("openai", ["m"], api_key="provider-key") as fake:
        fake.default = Answer()
        async with linx_here(config_for(fake), tmp_path) as app:
            body = {**CHAT, "api_base": "http://evil", "headers": {"x": "y"}, "api_key": "body-key", "base_url": "x"}
            answer = await ask(app.bound[0][1], PATH, body, headers=own)
        assert answer.status == 200
        sent = fake.calls[0]
        assert sent.headers["authorization"] == "Bearer provider-key"
        assert set(sent.headers) == {
            "host",
            "authorization",
            "content-type",
            "content-length",
            "accept",
            "accept-encoding",
            "user-agent",
            "x-linx-hop",
        }
        assert set(sent.json) == {"model", "messages", "stream", "stream_options"}
        assert set(answer.headers) == {
            "content-type",
            "content-length",
            "x-content-type-options",
            "x-request-id",
            "x-linx-attempts",
            "x-linx-provider",
            "x-linx-model",
            "x-linx-cost-usd",
            "server-timing",
            "access-control-allow-origin",
            "vary",
            "access-control-expose-headers",
        }
