"""Where the request lines go: to standard error, and to those who follow them from another shell.

Writing never waits. A follower that does not keep up loses lines, and is told how many. With neither a log that shows
the lines nor a follower, the end of a request costs one look here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from linx.core import jsontext
from linx.core.redaction import Redactor, escape_controls
from linx.core.request_line import fields_of, text_of

if TYPE_CHECKING:
    from linx.core.log import LineLog
    from linx.core.telemetry import RequestRecord

MAX_NAMES = 1024
"""Names from outside whose cleaned form is remembered, since most requests repeat them."""
MAX_SHOWN = 120  # characters of a name in a line
MAX_WAITING = 1000
"""Lines that wait for a follower."""
MAX_FOLLOWERS = 32


class Follower:
    """One reader of the lines, as JSON texts with their line ends."""

    __slots__ = ("_came", "_lines", "_lost")

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._came = trio.Event()

    def put(self, line: bytes) -> None:
        if len(self._lines) < MAX_WAITING:
            self._lines.append(line)
        else:
            self._lost += 1
        self._came.set()

    async def wait(self, patience_s: float) -> bytes:
        """All lines that have come; b"" if none has come within ``patience_s``."""
        if not self._lines:
            self._came = trio.Event()
            with trio.move_on_after(patience_s):
                await self._came.wait()
        lines, lost = b"".join(self._lines), self._lost
        self._lines.clear()
        self._lost = 0
        return lines + jsontext.dumps({"event": "lost", "lines": lost}) + b"\n" if lost else lines


class RequestFeed:
    """``tell`` is a watcher of the telemetry. ``log`` is None if the log does not show the lines."""

    __slots__ = ("_cleaned", "_followers", "_known", "_log", "_redactor")

    def __init__(self, redactor: Redactor, log: LineLog | None = None) -> None:
        self._redactor = redactor
        self._log = log
        self._followers: set[Follower] = set()
        self._cleaned: dict[str, str] = {}
        self._known = redactor.known  # the number of secrets when ``_cleaned`` was begun

    @property
    def is_logged(self) -> bool:
        """Does the log show a line for every request?"""
        return self._log is not None

    def follow(self) -> Follower | None:
        """A new follower; None if there are too many."""
        if len(self._followers) >= MAX_FOLLOWERS:
            return None
        follower = Follower()
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def tell(self, record: RequestRecord) -> None:
        """Write the line of a request that has ended."""
        log, followers = self._log, self._followers
        if log is None and not followers:
            return
        if self._known != self._redactor.known or len(self._cleaned) >= MAX_NAMES:
            self._cleaned.clear()
            self._known = self._redactor.known
        fields = fields_of(record, self._clean)
        line = jsontext.dumps(fields) + b"\n" if followers or (log is not None and log.is_json) else b""
        for follower in followers:
            follower.put(line)
        if log is None:
            return
        if log.is_json:
            log.write(line.decode())
        else:
            at = record.started_at + ((record.ended or record.started) - record.started)
            log.write(text_of(fields, at, is_coloured=log.is_coloured) + "\n")

    def _clean(self, text: str) -> str:
        """A text from outside without secrets and without what a terminal would obey."""
        cleaned = self._cleaned.get(text)
        if cleaned is None:
            shown = escape_controls(self._redactor.clean(text))
            cleaned = shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"
            self._cleaned[text] = cleaned
        return cleaned
