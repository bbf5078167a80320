from __future__ import annotations

import errno
import os
import socket

import pytest

from linx.console import cannot_listen


@pytest.mark.parametrize(
    ("host", "port", "error", "text"),
    [
        (
            "127.0.0.1",
            8080,
            OSError(errno.EADDRINUSE, "x"),
            "cannot listen on 127.0.0.1:8080: another program listens there (another Linx?); "
            "stop it, or try --port 8081",
        ),
        ("::1", 65535, OSError(errno.EADDRINUSE, "x"), "--port 0"),
        ("::1", 80, OSError(errno.EACCES, "x"), "cannot listen on [::1]:80: that needs more rights; try a port above"),
        ("10.9.9.9", 1, OSError(errno.EADDRNOTAVAIL, "x"), "this machine has no such address; try --host 127.0.0.1"),
        ("nohost", 1, socket.gaierror(socket.EAI_NONAME, "x"), "no such host name; try --host 127.0.0.1"),
        ("h", 1, OSError(errno.EIO, os.strerror(errno.EIO)), f"{os.strerror(errno.EIO)}; try another --host or --port"),
        ("h", 1, OSError(), "OSError; try another"),
    ],
)
def test_the_line_says_which_address_why_and_what_to_try(host: str, port: int, error: OSError, text: str) -> None:
    assert text in cannot_listen(host, port, error)
