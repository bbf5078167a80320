"""A page of the dashboard that is open while a measurement runs: it reads what Linx tells it, and does nothing else."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

READ = 1 << 20
CONNECT_S = 5.0


class Viewer:
    """An open WebSocket of ``/linx/events``."""

    def __init__(self, port: int) -> None:
        self.received = 0
        """Bytes."""
        self._sock = socket.create_connection(("127.0.0.1", port), CONNECT_S)
        key = base64.b64encode(bytes(16)).decode()
        fields = f"upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
        self._sock.sendall(f"GET /linx/events HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n{fields}".encode())
        answer = self._sock.recv(READ)
        if not answer.startswith(b"HTTP/1.1 101"):
            self._sock.close()
            raise OSError(f"no dashboard: {answer[:100]!r}")
        self._sock.settimeout(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._sock.recv(READ):
                self.received += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        self._sock.close()
