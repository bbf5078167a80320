"""Providers behind TLS, and behind the proxy of the environment, with Linx as a process of its own."""

from __future__ import annotations

import base64
import datetime
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme

from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, Send

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trio.testing import MockClock

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
FAR = "api.provider.example"
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
OLD = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody but itself vouches for."""
    alone = trustme.CA()
    alone.cert_pem.write_to_path(folder / "self.pem")
    alone.private_key_pem.write_to_path(folder / "self.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "self.pem", folder / "self.key")
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def env_with(authority: trustme.CA, folder: Path, **more: str) -> Mapping[str, str]:
    """The environment of somebody whose company has a certificate authority of its own."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**clean, "SSL_CERT_FILE": str(folder / "ca.pem"), **more}


async def test_good_certificates_work_and_every_other_is_refused_by_name(authority: trustme.CA, tmp_path: Path) -> None:
    until = OLD + datetime.timedelta(days=1)
    contexts = {
        "good": server_side(authority.issue_cert("localhost")),
        "alone": self_signed(tmp_path),
        "foreign": server_side(trustme.CA().issue_cert("localhost")),
        "expired": server_side(authority.issue_cert("localhost", not_before=OLD, not_after=until)),
        "other": server_side(authority.issue_cert("other.example")),
    }
    fakes = {name: FakeProvider("openai", ["m"], tls=context) for name, context in contexts.items()}
    async with fakes["good"], fakes["alone"], fakes["foreign"], fakes["expired"], fakes["other"]:
        config = config_for(*fakes.values(), names=tuple(fakes))
        for name in fakes:
            config["providers"][name] |= {"models": [f"first-{name}"], "model_mappings": {f"first-{name}": "m"}}
        config["providers"]["good"]["model_mappings"] |= {f"first-{name}": "m" for name in fakes}
        config["routing"]["provider_priority"] = [*(name for name in fakes if name != "good"), "good"]
        async with LinxProcess(config, tmp_path, env=env_with(authority, tmp_path)) as linx:
            reasons = {
                "alone": "self-signed certificate",
                "foreign": "unable to get local issuer certificate",
                "expired": "certificate has expired",
                "other": "mismatch",
            }
            for stream in (True, False):
                answer = await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "good/m", "stream": stream})
                assert answer.status == 200
                for name, reason in reasons.items():
                    last = await ask(
                        linx.port, "/v1/chat/completions", {**CHAT, "model": f"{name}/m", "stream": stream}
                    )
                    assert last.status == 502, name
                    assert reason in last.json["error"]["message"].lower(), last.body
                    assert name in last.json["error"]["message"]
                    assert last.json["error"]["code"] == "upstream_tls"
                    asked = {**CHAT, "model": f"first-{name}", "stream": stream}
                    answer = await ask(linx.port, "/v1/chat/completions", asked)
                    assert answer.status == 200, (name, answer.body)
                    assert answer.headers["x-linx-provider"] == "good"
            for name in reasons:
                assert fakes[name].requests == []
            states = {one["name"]: one for one in (await ask(linx.port, "/v1/providers/status")).json["data"]}
            assert states["good"]["state"] == "up"
            for name, reason in reasons.items():
                assert states[name]["state"] in ("down", "cooling")
                assert reason in states[name]["last_error"].lower()


# --- handshakes that fail in another way ---


async def never_ends(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def is_reset(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def speaks_http(stream: trio.SocketStream) -> None:
    """What nginx answers on a plain port that is spoken to in TLS."""
    await stream.receive_some()
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


async def speaks_tls_1_1(stream: trio.SocketStream) -> None:
    """OpenSSL's answer to a ClientHello without its version: the alert protocol_version (RFC 5246, 7.2.2)."""
    await stream.receive_some()
    await stream.send_all(b"\x15\x03\x02\x00\x02\x02\x46")


HANDSHAKES: dict[str, tuple[Any, str, int, str]] = {
    "never ends": (never_ends, "timeout", 504, "did not take a connection within 3 seconds"),
    "reset": (is_reset, "tls", 502, "reset the connection during the TLS handshake"),
    "plain http": (speaks_http, "tls", 502, "does not speak TLS: is its URL http:// instead of https://?"),
    "TLS 1.1": (speaks_tls_1_1, "tls", 502, "only speaks a version of TLS older than 1.2"),
}


@both_ways
@pytest.mark.parametrize("fault", HANDSHAKES)
async def test_a_handshake_that_fails(fault: str, stream: bool, autojump_clock: MockClock, tmp_path: Path) -> None:
    handler, outcome, status, reason = HANDSHAKES[fault]
    if outcome != "timeout":  # a thread that looks up a name or loads certificates is no silence
        autojump_clock.autojump_threshold = 0.2

    async def serve(raw: trio.SocketStream) -> None:
        await handler(raw)
        raw.socket.close()

    async with FakeProvider("openai", ["m"]) as good, trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        url = f"https://localhost:{listener.socket.getsockname()[1]}/v1"
        bad = {"kind": "openai", "endpoint": url, "models": ["m"]}
        config = config_for(good, names=("good",), providers={"bad": bad}, routing={"hedge": {"after": None}})
        config["routing"] |= {"provider_priority": ["bad", "good"], "cost_optimization": False}
        async with linx_here(config, tmp_path) as app:
            for provider in app.context.providers:
                provider.health.reachable = None  # Linx has not noticed yet
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": stream})
            assert answer.headers["x-linx-attempts"] == f"bad={outcome}, good=ok"
            last = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "model": "bad/m", "stream": stream})
            assert (last.status, last.headers["x-linx-attempts"]) == (status, f"bad={outcome}")
            assert reason in last.json["error"]["message"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("framing", ["by EOF", "in chunks"])
@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_an_end_without_a_goodbye(
    kind: Any, framing: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EOF without close_notify: after the dialect's own end the answer is whole, before it the answer is torn."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    first, last = FRAMES[kind]
    is_chunked = framing == "in chunks"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n\r\n" % (
        b"application/x-ndjson" if kind == "ollama" else b"text/event-stream",
        b"Transfer-Encoding: chunked" if is_chunked else b"Connection: close",
    )

    def ragged(*frames: bytes) -> Raw:
        return Raw([Send(head), *(Send(b"%x\r\n%b\r\n" % (len(x), x) if is_chunked else x) for x in frames), Close()])

    tls = server_side(authority.issue_cert("localhost"))
    async with FakeProvider(kind, ["m"], tls=tls) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            port = app.bound[0][1]
            for stream in (True, False):
                bad.forget()
                bad.next(ragged(first, last))
                answer = await ask(port, "/v1/chat/completions", {**CHAT, "stream": stream})
                assert (answer.headers["x-linx-attempts"], answer.is_whole) == ("bad=ok", True)
                assert said(answer) == "Hello"
                bad.next(ragged(first), ragged(first))
                answer = await ask(port, "/v1/chat/completions", {**CHAT, "stream": stream})
                if stream:
                    assert (answer.text, answer.is_whole) == ("Hello", True)
                    assert "error" in answer.events[-1]
                    assert b"[DONE]" not in answer.body
                else:
                    assert answer.headers["x-linx-attempts"] == "bad=reset, good=ok"


FRAMES = {
    "openai": (
        b'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ),
    "ollama": (
        b'{"model":"m","message":{"role":"assistant","content":"Hello"},"done":false}\n',
        b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n',
    ),
}


def said(answer: Got) -> str:
    return str(answer.json["choices"][0]["message"]["content"]) if answer.body[:1] == b"{" else answer.text


# --- the proxy of the environment ---


async def proxy_to(port: int, asked: list[bytes], stream: trio.SocketStream) -> None:
    """A tiny forward proxy: CONNECT to wherever leads to ``port``."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some()
        if not data:
            return
        head += data
    asked.append(head)
    await stream.send_all(b"HTTP/1.1 200 Connection established\r\nVia: tiny\r\n\r\n")
    onward = await trio.open_tcp_stream("127.0.0.1", port)

    async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            async for data in source:
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        nursery.cancel_scope.cancel()

    async with onward, stream, trio.open_nursery() as nursery:
        nursery.start_soon(pump, stream, onward)
        nursery.start_soon(pump, onward, stream)


async def test_what_is_far_goes_through_the_proxy_of_the_environment(authority: trustme.CA, tmp_path: Path) -> None:
    asked: list[bytes] = []
    tls = server_side(authority.issue_cert(FAR))
    async with FakeProvider("openai", ["m"], tls=tls) as far, FakeProvider("openai", ["near"]) as near:
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")

            async def serve(stream: trio.SocketStream) -> None:
                await proxy_to(far.port, asked, stream)

            nursery.start_soon(trio.serve_listeners, serve, [listener])
            proxy = f"http://user:hunter2-secret@127.0.0.1:{listener.socket.getsockname()[1]}"
            env = env_with(authority, tmp_path, HTTPS_PROXY=proxy, NO_PROXY="spared.example")
            config = config_for(far, near, names=("far", "near"))
            config["providers"]["far"]["endpoint"] = f"https://{FAR}/v1"
            config["providers"]["spared"] = {"kind": "openai", "endpoint": "https://spared.example/v1"}
            async with LinxProcess(config, tmp_path, env=env) as linx:
                for stream in (True, False):
                    answer = await ask(linx.port, "/v1/chat/completions", {**CHAT, "stream": stream})
                    assert answer.status == 200, answer.body
                    assert answer.headers["x-linx-provider"] == "far"
                before = len(asked)
                assert (await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "near"})).status == 200
                spared = await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "spared/m"})
                assert spared.status == 502
                assert len(asked) == before
                shown = linx.log.read_bytes() + (await ask(linx.port, "/v1/providers/status")).body + spared.body
            nursery.cancel_scope.cancel()
        assert far.calls[0].headers["host"] == FAR
        assert "proxy-authorization" not in far.calls[0].headers
    for head in asked:
        assert head.startswith(f"CONNECT {FAR}:443 HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:hunter2-secret") in head
    assert b"hunter2" not in shown


async def test_a_proxy_that_refuses_is_named_without_its_password(authority: trustme.CA, tmp_path: Path) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        await stream.aclose()

    async with FakeProvider("openai", ["m"]) as near, trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        port = listener.socket.getsockname()[1]
        env = env_with(authority, tmp_path, HTTPS_PROXY=f"http://user:hunter2-secret@127.0.0.1:{port}")
        config = config_for(near, names=("near",))
        config["providers"]["far"] = {"kind": "openai", "endpoint": f"https://{FAR}/v1", "models": ["m"]}
        config["routing"]["provider_priority"] = ["far", "near"]
        config["routing"]["cost_optimization"] = False
        async with LinxProcess(config, tmp_path, env=env) as linx:
            last = await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "far/m"})
            assert last.status == 502
            assert f"the proxy 127.0.0.1:{port} refused" in last.json["error"]["message"]
            assert (await ask(linx.port, "/v1/chat/completions", CHAT)).headers["x-linx-provider"] == "near"
            assert b"hunter2" not in linx.log.read_bytes() + last.body
        nursery.cancel_scope.cancel()
