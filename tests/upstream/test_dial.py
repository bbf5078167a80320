"""Connecting, and each way that it fails, with real sockets."""

from __future__ import annotations

import errno
import os
import resource
import socket
from contextlib import suppress

import pytest
import trio

from linx.core.addresses import Origin
from linx.core.attempt_errors import ConnectFailed, ConnectTimeout, NameNotFound, NotLocal
from linx.http1.transport import SocketTransport
from linx.upstream import dial
from linx.upstream.dial import Dialer, _keep_alive, _translated
from linx.upstream.permit import Permit, Reach
from tests.fakes.exchange import set_reset
from tests.fakes.internet import Internet
from tests.upstream.cancelling import cancelled_at_each_step, open_files, until
from tests.upstream.permits import connected
from tests.upstream.scripted import OK, serving
from tests.waiting import within

DIALER = Dialer({})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_a_raw_socket_comes_out(host: str) -> None:
    bound = "127.0.0.1" if host == "localhost" else host
    try:
        socket.create_server((bound, 0), family=socket.AF_INET6 if ":" in bound else socket.AF_INET).close()
    except OSError:
        pytest.skip("no IPv6 here")
    async with serving(["read", OK], host=bound) as server:
        transport = await connected(DIALER, Origin("http", host, server.origin.port))
        assert isinstance(transport, SocketTransport)
        assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not transport.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await transport.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await transport.recv() == OK
        transport.close()
        await server.closed.wait()


async def test_refused() -> None:
    async with serving(["close"]) as server:
        origin = server.origin
    before = open_files()
    with within(0.5), pytest.raises(ConnectFailed, match="refused the connection: is it running") as caught:
        await connected(DIALER, origin)
    assert origin.address in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert open_files() == before


@pytest.mark.parametrize("host", ["no-such-host.invalid", "bad host", "a\r\nb", "", ".x", "x" * 70 + ".com", "é" * 70])
async def test_no_such_name(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(*_args: object, **_kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("trio._highlevel_open_tcp_stream.getaddrinfo", lookup)
    with pytest.raises(NameNotFound) as caught:
        await connected(DIALER, Origin("https", host, 443))
    assert "\r" not in str(caught.value)


async def test_a_silent_port_is_given_up_after_its_limit(autojump_clock: trio.testing.MockClock) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        fillers = []
        for _ in range(3):  # the backlog is full once a connect stays unanswered
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        before = open_files()
        started = trio.current_time()
        with pytest.raises(ConnectTimeout, match="within 3 seconds"):
            await connected(DIALER, Origin("http", "127.0.0.1", port))
        assert trio.current_time() - started == pytest.approx(3)
        assert open_files() == before
        for filler in fillers:
            filler.close()


async def test_a_far_name_that_leads_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(["read", OK]) as server:

        async def lookup(*_args: object, **_kwargs: object) -> object:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.origin.port))]

        monkeypatch.setattr("trio._highlevel_open_tcp_stream.getaddrinfo", lookup)
        before = open_files()
        with pytest.raises(ConnectFailed, match=r"resolves to 127\.0\.0\.1"):
            await connected(DIALER, Origin("http", "rebind.example.com", server.origin.port))
        await server.closed.wait()
        assert not server.requests
        assert open_files() <= before + 1  # the listener's side may still be closing
        (await connected(DIALER, Origin("http", "ollama.lan", server.origin.port))).close()


async def test_out_of_files_is_no_fault_of_the_provider() -> None:
    async with serving(["read", OK]) as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as newest:
            highest = newest.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        held = []
        try:
            with suppress(OSError):
                while True:
                    held.append(os.dup(0))
            with pytest.raises(ConnectFailed, match="no file descriptor left") as caught:
                await connected(DIALER, server.origin)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in held:
                os.close(each)
        assert caught.value.status == 503
        assert not caught.value.blames_provider


def test_a_peer_elsewhere_is_kept_alive() -> None:
    with socket.socket() as sock:
        _keep_alive(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            assert [sock.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [30, 10, 3]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), ConnectFailed, "no route"),
        (OSError(errno.ETIMEDOUT, "x"), ConnectTimeout, "in time"),
        (OSError(errno.EPROTO, "x"), ConnectFailed, "protocol error"),
        (OSError("all attempts failed"), ConnectFailed, "unknown error"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), NameNotFound, "name server does not answer"),
        (socket.gaierror(socket.EAI_NONAME, "x"), NameNotFound, "no such name"),
        (UnicodeError("label too long"), NameNotFound, "no such name"),
    ],
)
def test_every_error_is_translated(error: OSError, kind: type[ConnectFailed], says: str) -> None:
    assert isinstance(_translated("h:1", "h", error), kind)
    assert says in str(_translated("h:1", "h", error))


def test_many_addresses_give_one_reason() -> None:
    both = OSError("all attempts to connect failed")
    both.__cause__ = ExceptionGroup("", [OSError(errno.ENETUNREACH, "x"), OSError(errno.ECONNREFUSED, "x")])
    assert "is it running" in str(_translated("localhost:1", "localhost", both))


@pytest.mark.parametrize(("host", "least_steps"), [("127.0.0.1", 2), ("localhost", 3)])
async def test_a_dial_may_be_cancelled_at_every_step(host: str, least_steps: int) -> None:
    async with serving(["read", OK]) as server:

        async def dial() -> None:
            (await connected(DIALER, Origin("http", host, server.origin.port))).close()

        await dial()
        await until(lambda: not server.open)
        before = open_files()
        steps = [step async for step in cancelled_at_each_step(dial)]
        assert len(steps) >= least_steps
        await until(lambda: not server.open)
        assert open_files() == before


# --- how near the peer must be ---


def permit(host: str, port: int, reach: Reach, scheme: str = "http") -> Permit:
    return Permit(Origin(scheme, host, port), reach)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answers", [["203.0.113.7"], ["203.0.113.7", "2001:db8::7"], ["100.64.0.1"], ["64:ff9b::a00:1"]]
)
async def test_a_near_name_that_leads_elsewhere_is_not_even_called(answers: list[str], scheme: str) -> None:
    before = open_files()
    with Internet() as internet:
        internet.names["gpu.lan"] = answers
        with pytest.raises(NotLocal, match=r"gpu\.lan:\d+ resolves to .* no local address") as caught:
            await DIALER.connect(permit("gpu.lan", 11434, Reach.LOCAL, scheme))
        assert internet.dialled == []
    assert answers[0] in str(caught.value)
    assert not caught.value.blames_provider
    assert open_files() == before


async def test_of_several_addresses_only_the_local_ones_are_called() -> None:
    async with serving(["read", OK]) as server:
        with Internet() as internet:
            internet.names["gpu.lan"] = ["203.0.113.7", "2001:db8::7", "127.0.0.9", "127.0.0.1"]
            dialled = await DIALER.connect(permit("gpu.lan", server.origin.port, Reach.LOCAL))
            assert internet.dialled == ["127.0.0.9", "127.0.0.1"]
            assert dialled.reach is Reach.LOCAL
            dialled.transport.close()


async def test_a_local_address_that_is_silent_does_not_take_the_time_of_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.9", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        more = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.9", port))
            more.append(filler)
        with Internet() as internet, socket.create_server(("127.0.0.1", port)):
            internet.names["gpu.lan"] = ["127.0.0.9", "127.0.0.1"]
            started = trio.current_time()
            dialled = await DIALER.connect(permit("gpu.lan", port, Reach.LOCAL))
            assert trio.current_time() - started == pytest.approx(1, abs=0.1)
            dialled.transport.close()
        for each in more:
            each.close()


@pytest.mark.parametrize("reach", Reach, ids=lambda reach: reach.name)
async def test_a_connection_that_is_reset_at_once_says_nothing_of_where_its_peer_is(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for one to elsewhere: after such a reset, a provider on this machine was no longer local."""
    real = dial._connect
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        async def reset_at_once(host: str, port: int) -> socket.socket:
            sock = await real(host, port)
            accepted, _address = server.accept()
            set_reset(accepted)
            accepted.close()
            return sock

        monkeypatch.setattr(dial, "_connect", reset_at_once)
        before = open_files()
        with pytest.raises(ConnectFailed, match="reset the connection while it was being opened") as caught:
            await DIALER.connect(Permit(Origin("http", "127.0.0.1", port), reach))
        assert type(caught.value) is ConnectFailed
        assert caught.value.blames_provider
        assert open_files() == before


async def test_the_peer_is_checked_before_a_byte_is_sent() -> None:
    """Whatever the resolver said: the address that the connection has in the end decides."""
    async with serving(["read", OK]) as server:
        before = open_files()
        with Internet() as internet:
            internet.hosts["10.0.0.7"] = "127.0.0.1"
            internet.names["gpu.lan"] = ["10.0.0.7"]
            internet.moved["10.0.0.7"] = "203.0.113.7"
            with pytest.raises(NotLocal, match=r"resolves to 203\.0\.113\.7"):
                await DIALER.connect(permit("gpu.lan", server.origin.port, Reach.LOCAL))
        await server.closed.wait()
        assert not server.requests
        assert open_files() <= before + 1  # the listener's side may still be closing


@pytest.mark.parametrize(
    ("address", "reach"), [("203.0.113.7", Reach.DIRECT), ("100.64.0.1", Reach.SHARED), ("10.1.1.1", Reach.LOCAL)]
)
async def test_a_connection_says_how_near_its_peer_is(address: str, reach: Reach) -> None:
    async with serving(["read", OK]) as server:
        with Internet() as internet:
            internet.hosts[address] = "127.0.0.1"
            internet.names["gpu.lan"] = [address]
            for asked in Reach:
                if asked <= reach:
                    dialled = await DIALER.connect(permit("gpu.lan", server.origin.port, asked))
                    assert dialled.reach is reach
                    dialled.transport.close()
                else:
                    with pytest.raises(NotLocal):
                        await DIALER.connect(permit("gpu.lan", server.origin.port, asked))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
async def test_a_proxy_of_the_environment_is_for_any_reach_alone(variable: str) -> None:
    scheme = "https" if variable == "HTTPS_PROXY" else "http"
    with Internet() as internet, socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        internet.names["far.example"] = ["203.0.113.7"]
        internet.hosts["203.0.113.7"] = "127.0.0.1"
        dialer = Dialer({variable: f"http://127.0.0.1:{port}"})
        for reach in (Reach.DIRECT, Reach.SHARED, Reach.LOCAL):
            internet.dialled.clear()
            with pytest.raises(ConnectFailed):
                await dialer.connect(permit("far.example", 1, reach, scheme))
            assert "127.0.0.1" not in internet.dialled
        proxy.close()
        with pytest.raises(ConnectFailed, match="proxy"):
            await dialer.connect(permit("far.example", 443, Reach.ANY, scheme))
