"""Reads server-sent events as the WHATWG defines them and as providers really send them.

``feed`` takes bytes as they are read, and returns a pair (event name, data) for each event. Text is not decoded here,
so a read may end within a character.

Nearly every read of a busy stream consists of a few complete ``data: {...}`` events with LF line ends. For such a read
there is a fast path that does not go through its lines.
"""

from __future__ import annotations

from linx.core.attempt_errors import Garbled
from linx.dialects.base import MAX_FRAME

Event = tuple[bytes, bytes]
MAX_LINES = 8192  # of one event
BOM = b"\xef\xbb\xbf"
_PREFIX = b"data: "
_LF, _CR = 0x0A, 0x0D
_END = b"\n\n"


class SSEDecoder:
    """Cuts data into events. ``problem`` is set, and stays set, when an event has more than ``limit`` bytes, or more
    than MAX_LINES lines."""

    __slots__ = ("_after_cr", "_fresh", "_limit", "_pending", "problem")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.problem: Garbled | None = None
        self._limit = limit
        self._pending = bytearray()  # the beginning of an event whose end has not been read, with LF line ends
        self._after_cr = False  # the last byte was a CR, which may be the first half of a line end
        self._fresh = True  # nothing has been read, so a BOM may come

    @property
    def is_between(self) -> bool:
        """Does an event begin with the next byte?"""
        return not (self._pending or self._fresh or self._after_cr)

    def only_frame(self, data: bytes) -> bytes | None:
        """The data of the event, if ``data`` is exactly one plain event; else None, and ``feed`` must be called.

        ``feed`` would give the same event; this is a fast path for the commonest read, without a list and a pair.
        """
        if (
            data[:6] == _PREFIX
            and data.find(b"\n") == len(data) - 2
            and data[-1] == _LF
            and not (self._pending or self._fresh or self._after_cr)
            and _CR not in data
        ):
            return data[6:-2]
        return None

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes."""
        # ``_CR in data`` with a number is ten times faster than with a bytes object of length one.
        if self._fresh or self._after_cr or _CR in data:
            data = self._with_plain_ends(data)
        events: list[Event] = []
        pending = self._pending
        if not pending:
            if data[:6] == _PREFIX and data.find(b"\n") == len(data) - 2 and data[-1:] == b"\n":
                return [(b"", data[6:-2])]
        else:
            # An event of many megabytes may come in small pieces, so only the new bytes are searched (first for one
            # byte, which is ten times faster than for two), and the event is copied once.
            seen = len(pending)
            pending += data
            if _LF not in data or (end := pending.find(_END, seen - 1)) < 0:
                return self._within_limit([])
            if pending.startswith(_PREFIX) and pending.find(b"\n") == end:
                with memoryview(pending) as view:
                    events.append((b"", bytes(view[len(_PREFIX) : end])))
            else:
                self._read_long(bytes(pending[:end]), events)
            data = bytes(pending[end + len(_END) :])
            pending.clear()
        *parts, tail = data.split(_END)
        pending += tail
        for part in parts:
            if part[:6] == _PREFIX and b"\n" not in part:
                events.append((b"", part[6:]))
            elif part and len(part) < MAX_LINES:
                _read_event(part, events)
            elif part:
                self._read_long(part, events)
        return self._within_limit(events)

    def end(self) -> list[Event]:
        """At EOF: the last event, which some servers send without a blank line after it."""
        events: list[Event] = []
        if self._pending:
            self._read_long(bytes(self._pending), events)
            self._pending.clear()
        return events

    def _read_long(self, part: bytes, events: list[Event]) -> None:
        """Add the event in the lines of ``part``; a few megabytes can hold millions of lines."""
        if part.count(b"\n") < MAX_LINES:
            _read_event(part, events)
        elif self.problem is None:
            self.problem = Garbled(f"sent an event of more than {MAX_LINES} lines")

    def _within_limit(self, events: list[Event]) -> list[Event]:
        if len(self._pending) > self._limit and self.problem is None:
            self.problem = Garbled(f"sent an event of more than {self._limit >> 20} MiB")
        return events

    def _with_plain_ends(self, data: bytes) -> bytes:
        """``data`` without a leading BOM, and with LF for every line end.

        A CR at the end of a read is a line end at once; if the next read begins with its LF, that LF is dropped.
        """
        if self._fresh:
            data = bytes(self._pending) + data
            self._pending.clear()
            if len(data) < len(BOM) and BOM.startswith(data):
                self._pending += data
                return b""
            data = data.removeprefix(BOM)
            self._fresh = False
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data


def _read_event(part: bytes, events: list[Event]) -> None:
    """Add the event in the lines of ``part`` to ``events``, if there is one."""
    name = b""
    lines: list[bytes] = []
    errors: list[bytes] = []
    for line in part.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value
        elif field == b"error" and value.lstrip()[:1] == b"{":
            # This is not a field of SSE, but older versions of llama.cpp report errors in mid-stream in this way.
            errors.append(value)
        # All other lines are comments, or fields that are not used here (id, retry).
    if lines:
        events.append((name, b"\n".join(lines)))
    events.extend((b"error", value) for value in errors)
