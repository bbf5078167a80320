"""Cuts NDJSON (one JSON text per line) into lines; reads may end anywhere.

The rule: only LF ends a line (a CR before it is dropped). U+2028 and U+0085 are ordinary characters in a JSON string,
so ``splitlines`` must not be used. The beginning of a line whose end has not been read is kept in a bytearray, so that
a long line in small reads takes linear time.
"""

from __future__ import annotations

from linx.core.attempt_errors import Garbled
from linx.dialects.base import MAX_FRAME

_LF = 0x0A


class NDJSONDecoder:
    """Cuts data into lines without their ends. Blank lines are skipped.

    ``problem`` is set, and stays set, when a line is longer than MAX_FRAME. The lines that the same call returns came
    before that line.
    """

    __slots__ = ("_tail", "problem")

    def __init__(self) -> None:
        self.problem: Garbled | None = None
        self._tail = bytearray()

    @property
    def is_between(self) -> bool:
        """Does a line begin with the next byte?"""
        return not self._tail

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes."""
        if self.problem is not None:
            return []
        tail = self._tail
        if not tail and data[-1:] == b"\n" and len(data) <= MAX_FRAME:
            line = data[:-1]
            if _LF not in line:
                # Fast path for a read that is exactly one line, as most reads are.
                line = line.strip()
                return [line] if line else []
        lines = data.split(b"\n")
        if tail:
            tail += lines[0]
            if len(lines) > 1:
                lines[0] = bytes(tail)
                tail.clear()
                tail += lines[-1]
        else:
            tail += lines[-1]
        del lines[-1]
        if len(data) + len(tail) > MAX_FRAME or (lines and len(lines[0]) > MAX_FRAME):
            lines = self._bounded(lines)
        return [line for raw in lines if (line := raw.strip())]

    def end(self) -> list[bytes]:
        """At EOF: the last line, if it came without a newline."""
        line = bytes(self._tail).strip()
        self._tail.clear()
        return [line] if line else []

    def _bounded(self, lines: list[bytes]) -> list[bytes]:
        """The lines before the first line that is too long; all lines if none is too long."""
        good = next((number for number, line in enumerate(lines) if len(line) > MAX_FRAME), len(lines))
        if good == len(lines) and len(self._tail) <= MAX_FRAME:
            return lines
        self.problem = Garbled(f"sent a line of more than {MAX_FRAME >> 20} MiB")
        self._tail.clear()
        return lines[:good]
