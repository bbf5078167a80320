"""TLS against real certificates: good ones work, every other one is refused by name."""

from __future__ import annotations

import datetime
import re
import ssl
from typing import TYPE_CHECKING

import pytest
import trio
import trustme

from linx.core.addresses import Origin
from linx.core.attempt_errors import ConnectFailed, ConnectTimeout, TLSFailed
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool, Sending
from linx.upstream.tls import TLSTransport, trusting_context
from tests.upstream.cancelling import cancelled_at_each_step, open_files, until
from tests.upstream.permits import anywhere, connected
from tests.upstream.scripted import LAST_CHUNK, OK, STREAM_HEAD, chunk, serving

if TYPE_CHECKING:
    from pathlib import Path

GET = Sending(b"GET", b"/")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def dialer(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dialer:
    """Trusts the test's authority the way a user would have it: through SSL_CERT_FILE."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return Dialer({})


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def good(authority: trustme.CA) -> ssl.SSLContext:
    return server_side(authority.issue_cert("127.0.0.1"))


def test_the_context_verifies() -> None:
    context = trusting_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50  # certifi's


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_good_one(authority: trustme.CA, dialer: Dialer, version: ssl.TLSVersion) -> None:
    tls = good(authority)
    tls.maximum_version = version
    async with serving(["read", OK, "read", STREAM_HEAD + chunk(b"x" * 40000) + LAST_CHUNK], tls=tls) as server:
        pool = Pool(dialer)
        for body in (b"{}", b"x" * 40000):
            exchange = await pool.open(anywhere(server.origin), GET)
            assert await exchange.read_all(50000) == body
            exchange.finish()
            assert repr(pool) == "Pool: 0 active, 1 idle"
        assert server.connections == 1
        pool.close_idle()
        await until(lambda: not server.open)


async def test_a_long_request_and_answer(authority: trustme.CA, dialer: Dialer) -> None:
    body = bytes(range(256)) * 8000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with serving(["read", answer], tls=good(authority)) as server:
        with await Pool(dialer).open(anywhere(server.origin), Sending(b"POST", b"/", body=body)) as exchange:
            assert await exchange.read_all(len(body)) == body
        assert server.requests[0].endswith(body)


async def test_the_end_without_a_goodbye(authority: trustme.CA, dialer: Dialer) -> None:
    """EOF without close_notify ends a body framed by EOF, as every browser has it."""
    async with serving(["read", b"HTTP/1.1 200 OK\r\n\r\nab", "close"], tls=good(authority)) as server:
        with await Pool(dialer).open(anywhere(server.origin), GET) as exchange:
            assert await exchange.read_all(9) == b"ab"
            assert not exchange.may_reuse


async def refused(dialer: Dialer, tls: ssl.SSLContext) -> str:
    async with serving(["read", OK], tls=tls) as server:
        before = open_files()
        with pytest.raises(TLSFailed) as caught:
            await connected(dialer, server.origin)
        assert server.origin.address in str(caught.value)
        assert caught.value.outcome == "tls"
        await until(lambda: not server.open)
        assert open_files() <= before
        assert not server.requests
    return str(caught.value)


async def test_unknown_authority(dialer: Dialer) -> None:
    says = await refused(dialer, good(trustme.CA()))
    assert "is not trusted: unable to get local issuer certificate" in says
    assert "SSL_CERT_FILE" in says


async def test_self_signed(dialer: Dialer, tmp_path: Path) -> None:
    alone = trustme.CA()
    alone.cert_pem.write_to_path(tmp_path / "self.pem")
    alone.private_key_pem.write_to_path(tmp_path / "self.key")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "self.pem", tmp_path / "self.key")
    assert "self-signed certificate" in await refused(dialer, tls)


async def test_expired(authority: trustme.CA, dialer: Dialer) -> None:
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    tls = server_side(authority.issue_cert("127.0.0.1", not_before=old, not_after=old + datetime.timedelta(days=1)))
    assert "certificate has expired" in await refused(dialer, tls)


async def test_wrong_host(authority: trustme.CA, dialer: Dialer) -> None:
    assert "mismatch" in await refused(dialer, server_side(authority.issue_cert("other.example")))


async def handshake_with(dialer: Dialer, *script: object) -> str:
    async with serving(script) as server:  # type: ignore[arg-type]
        with pytest.raises(TLSFailed) as caught:
            await connected(dialer, Origin("https", "127.0.0.1", server.origin.port))
    return str(caught.value)


async def test_a_plain_http_port(dialer: Dialer) -> None:
    assert "does not speak TLS" in await handshake_with(dialer, b"HTTP/1.1 400 Bad Request\r\n\r\n", "close")


async def test_too_old(dialer: Dialer) -> None:
    protocol_version_alert = b"\x15\x03\x01\x00\x02\x02\x46"
    assert "older than 1.2" in await handshake_with(dialer, protocol_version_alert, "stall")


async def test_any_other_alert_is_named(dialer: Dialer) -> None:
    handshake_failure = b"\x15\x03\x03\x00\x02\x02\x28"
    assert "handshake failure" in await handshake_with(dialer, handshake_failure, "stall")


async def test_an_end_in_the_handshake(dialer: Dialer) -> None:
    assert "during the TLS handshake" in await handshake_with(dialer, "close")
    async with serving(["reset"]) as server:
        with pytest.raises((TLSFailed, ConnectFailed)) as caught:
            await connected(dialer, Origin("https", "127.0.0.1", server.origin.port))
    # The reset may come in the instant in which the connection is opened.
    assert re.search("during the TLS handshake|while it was being opened", str(caught.value))


async def test_a_handshake_that_never_ends_counts_as_connecting(
    dialer: Dialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linx.upstream.dial.NEAR_LIMIT_S", 0.05)
    async with serving(["stall"]) as server:
        with pytest.raises(ConnectTimeout):
            await connected(dialer, Origin("https", "127.0.0.1", server.origin.port))
        await until(lambda: not server.open)


async def test_a_tunnel_through_a_proxy_is_verified_all_the_same(authority: trustme.CA, dialer: Dialer) -> None:
    """The certificate must be the origin's, whoever stands between."""
    connected = b"HTTP/1.1 200 OK\r\n\r\n"

    async def through(certified: str) -> bytes:
        tls = server_side(authority.issue_cert(certified))
        async with serving(["read", OK], tls=tls) as server, trio.open_nursery() as nursery:

            async def proxy(stream: trio.SocketStream) -> None:
                assert (await stream.receive_some()).startswith(b"CONNECT api.example.com:443 HTTP/1.1\r\n")
                await stream.send_all(connected)
                onward = await trio.open_tcp_stream("127.0.0.1", server.origin.port)

                async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
                    try:
                        async for data in source:
                            await sink.send_all(data)
                    except trio.BrokenResourceError:
                        pass
                    inner.cancel_scope.cancel()

                async with onward, stream, trio.open_nursery() as inner:
                    inner.start_soon(pump, stream, onward)
                    inner.start_soon(pump, onward, stream)

            listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
            nursery.start_soon(trio.serve_listeners, proxy, [listener])
            through = Dialer(
                {"HTTPS_PROXY": f"127.0.0.1:{listener.socket.getsockname()[1]}"}, context=trusting_context()
            )
            try:
                with await Pool(through).open(anywhere(Origin("https", "api.example.com", 443)), GET) as exchange:
                    return await exchange.read_all(9)
            finally:
                nursery.cancel_scope.cancel()
        raise AssertionError

    assert await through("api.example.com") == b"{}"
    with pytest.raises(ExceptionGroup) as caught:
        await through("127.0.0.1")
    assert caught.group_contains(TLSFailed, match="mismatch")


async def test_a_dial_may_be_cancelled_at_every_step(authority: trustme.CA, dialer: Dialer) -> None:
    async with serving(["read", OK], tls=good(authority)) as server:

        async def dial() -> None:
            (await connected(dialer, server.origin)).close()

        await dial()
        await until(lambda: not server.open)
        before = open_files()
        steps = [step async for step in cancelled_at_each_step(dial)]
        assert len(steps) > 3
        await until(lambda: not server.open)
        assert open_files() == before


async def test_one_read_hands_out_all_records_that_came(authority: trustme.CA, dialer: Dialer) -> None:
    pieces = [b"a" * 10, b"b" * 10, b"c" * 10]
    async with serving(["head", *pieces, "stall"], tls=good(authority)) as server:
        transport = await connected(dialer, server.origin)
        assert isinstance(transport, TLSTransport)
        await transport.send(b"GET / HTTP/1.1\r\n\r\n")
        got = await transport.recv(7)
        assert got == b"a" * 7
        while len(got) < 30:
            assert transport.is_readable() or server.open
            got += await transport.recv()
        assert got == b"".join(pieces)
        assert not transport.is_readable()
        transport.close()
        transport.close()
