"""Where the log is written to, so that a reader that has stopped reading never stops Linx.

``linx 2>&1 | less`` that is left alone, or a terminal held by Ctrl-S, takes nothing more, and a plain write would wait:
with it every client. The rule here: a piece is written only where the system says that there is room for it.
Lines wait up to MAX_WAITING; further lines are counted, and the count is written once there is room again.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections import deque
from typing import TextIO

MAX_WAITING = 1 << 20  # bytes
PIECE = 512  # bytes; POSIX says that a pipe which is ready takes so many without a wait (_POSIX_PIPE_BUF)


class LogStream:
    """Standard error, or any other descriptor; ``write`` and ``flush`` never wait and raise nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        if self._size + len(data) > MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(data)
        self._size += len(data)

    def flush(self) -> None:
        """Write what waits, as far as there is room."""
        while self._waiting and self._poll.poll(0):
            try:
                written = os.write(self._descriptor, self._waiting[0][:PIECE])
            except BlockingIOError:
                return
            except OSError:  # Nobody will ever read it: the reader or the disk behind it is gone.
                written = len(self._waiting[0])
            self._take(written)
        if not self._waiting and self._lost:
            lost, self._lost = self._lost, 0
            self.write(f"({lost} lines of the log are missing here: nothing read them for too long)\n")

    def _take(self, written: int) -> None:
        first = self._waiting.popleft()
        self._size -= written
        if written < len(first):
            self._waiting.appendleft(first[written:])


def standard_error() -> LogStream | TextIO:
    """Standard error without waits where the system can tell whether there is room, else as it is."""
    try:
        return LogStream(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):  # none at all, or no descriptor
        return sys.stderr
