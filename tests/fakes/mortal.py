"""A provider in a process of its own, for tests that kill or stop it: the least that answers a chat.

It imports nothing but the standard library, so that it is up in a moment. The model's name says what it does::

    quick    a short answer, and the connection is kept
    silent   the head of an answer, and nothing after it
    hangs    three words, and nothing after them
    counts   forty words, one every 20 ms
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = ("quick", "silent", "hangs", "counts")
COUNTED = 40
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
_WORD = b'data: {"choices":[{"index":0,"delta":{"content":"%d "},"finish_reason":null}]}\n\n'
_END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@contextmanager
def mortal(port: int = 0) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and its port; killed at the end, if it still lives."""
    command = [sys.executable, "-S", "-E", __file__, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def _serve(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock, sock.makefile("rb") as file:
        while line := file.readline():
            length = 0
            while field := file.readline().strip():
                name, _, value = field.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            body = file.read(length)
            if line.startswith(b"POST"):
                model = next(name for name in MODELS if b'"model":"%b"' % name.encode() in body)
                _answer(sock, model)
            else:
                _send(sock, b"application/json", b'{"object":"list","data":[%b]}' % b",".join(_listed(MODELS)))


def _listed(names: tuple[str, ...]) -> list[bytes]:
    return [b'{"id":"%b","object":"model"}' % name.encode() for name in names]


def _send(sock: socket.socket, media: bytes, *pieces: bytes, pause_s: float = 0.0, is_whole: bool = True) -> None:
    sock.sendall(_HEAD % media)
    for piece in pieces:
        sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        time.sleep(pause_s)
    if is_whole:
        sock.sendall(b"0\r\n\r\n")


def _answer(sock: socket.socket, model: str) -> None:
    words = {"quick": 1, "silent": 0, "hangs": 3, "counts": COUNTED}[model]
    is_whole = model in ("quick", "counts")
    pieces = [_WORD % number for number in range(words)] + ([_END] if is_whole else [])
    _send(sock, b"text/event-stream", *pieces, pause_s=0.02 if model == "counts" else 0.0, is_whole=is_whole)
    if not is_whole:
        time.sleep(3600)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _address = listener.accept()
        threading.Thread(target=_serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
