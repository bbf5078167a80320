"""Listening sockets and the limit of open files."""

from __future__ import annotations

import errno
import resource
import socket

import pytest

from linx.server.sockets import file_limit, max_connections_for, open_sockets, peer_text, raise_file_limit


async def test_localhost_is_every_address_of_it() -> None:
    sockets = await open_sockets("localhost", 0)
    try:
        bound = [sock.getsockname() for sock in sockets]
        assert "127.0.0.1" in [name[0] for name in bound]
        assert len({name[1] for name in bound}) == 1
        assert all(name[1] for name in bound)
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    ("address", "text"), [(("1.2.3.4", 5), "1.2.3.4:5"), (("::1", 5, 0, 0), "[::1]:5"), ("", "local socket")]
)
def test_peer_text(address: object, text: str) -> None:
    assert peer_text(address) == text


def test_file_limit() -> None:
    assert raise_file_limit() == file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert max_connections_for(1024) == 320
    assert max_connections_for(10) == 1
    assert max_connections_for(None) > 10**6


async def test_a_port_that_is_taken_is_told_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError) as caught:
            await open_sockets("127.0.0.1", taken.getsockname()[1])
        assert caught.value.errno == errno.EADDRINUSE
