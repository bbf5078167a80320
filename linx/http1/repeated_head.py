"""A head that came before, but for one value in it.

A client sends the same head with each of its requests, apart from the length of the body;
a provider answers with the same one, apart from the date. Whether such a head is in order
depends on the form of that value and not on which it is. So what was judged once need not
be judged again: it is enough that all other bytes are the same, and the value has the form.
"""

from __future__ import annotations

import re

LONGEST = 4096  # bytes of a head that is kept; each connection keeps one

CONTENT_LENGTH = re.compile(rb"(?<=\r\n)(content-length): ([1-9][0-9]{0,15})(?=\r\n)", re.IGNORECASE)
DATE = re.compile(
    rb"(?<=\r\n)(date): ([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT)(?=\r\n)",
    re.IGNORECASE,
)

Fields = list[tuple[bytes, bytes]]


class Repeat:
    """Knows ``head`` (with its blank line; ``fields`` are what it says) when it comes again.

    The field that ``line`` matches (name, value) may have another value then, if it stands
    there once.
    """

    __slots__ = ("_after", "_at", "_before", "_fields", "_line", "_start", "value")

    def __init__(self, head: bytes, fields: Fields, line: re.Pattern[bytes]) -> None:
        self.value = b""
        self._line = line
        self._fields = fields
        self._before, self._after = head, b""
        self._start, self._at = 0, -1
        found = line.search(head)
        if found is None:
            return
        places = [place for place, (name, _value) in enumerate(fields) if name == found[1].lower()]
        if len(places) == 1:
            self._at = places[0]
            self._start = found.start()
            self._before, self._after = head[: found.start(2)], head[found.end() :]

    def end_in(self, data: bytes | bytearray) -> int:
        """How many bytes of ``data`` are this head again; 0 if it begins with another. Sets ``value``."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return 0
        if not after:
            return len(before)
        found = self._line.match(data, self._start)
        if found is None or not data.startswith(after, found.end()):
            return 0
        self.value = found[2]
        return found.end() + len(after)

    def fields(self) -> Fields:
        """What the head says that ``end_in`` found."""
        if self._at < 0:
            return self._fields
        fields = self._fields.copy()
        fields[self._at] = (fields[self._at][0], self.value)
        return fields
