"""A head that comes again on its connection, the same but for one value.

A client sends the same head with each of its requests, apart from the length of the body;
a provider answers with the same head, apart from the date. Whether such a head is in order
depends on the form of that value and not on which value it is. So a head that was judged
once need not be judged again: it is enough that all other bytes are the same and that the
value has the form.
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


class KnownHead:
    """A head that was judged, to be found when it comes again.

    ``head`` has its blank line, and ``fields`` are its fields. ``line`` matches the field
    (name, value) that may have another value the next time. It may only where the field
    stands in the head exactly once.
    """

    __slots__ = ("_after", "_before", "_fields", "_line", "_place", "_start", "value")

    def __init__(self, head: bytes, fields: Fields, line: re.Pattern[bytes]) -> None:
        self.value = b""
        """The value that ``end_in`` found; b"" where no value may change."""
        self._line = line
        self._fields = fields
        self._before, self._after = head, b""  # the bytes around the value
        self._start, self._place = 0, -1  # of the line in the head, and of the field in ``fields``
        found = line.search(head)
        if found is None:
            return
        places = [place for place, (name, _value) in enumerate(fields) if name == found[1].lower()]
        if len(places) == 1:
            self._place = places[0]
            self._start = found.start()
            self._before, self._after = head[: found.start(2)], head[found.end() :]

    def end_in(self, data: bytes | bytearray) -> int:
        """How many bytes of ``data`` are this head again; 0 if ``data`` begins with another. Sets ``value``."""
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
        """The fields of the head that ``end_in`` found."""
        if self._place < 0:
            return self._fields
        fields = self._fields.copy()
        fields[self._place] = (fields[self._place][0], self.value)
        return fields
