"""Recognises a head that comes again on its connection with at most one value changed.

A client sends the same head with each request except for the length of the body; a provider
answers with the same head except for the date. Whether such a head is valid depends on the
form of that value only. So a head that has passed all checks once need not be checked again
if all its other bytes are the same and the value has the right form.
"""

from __future__ import annotations

import re

LONGEST = 4096  # bytes; longer heads are not kept. Each connection keeps one head

CONTENT_LENGTH = re.compile(rb"(?<=\r\n)(content-length): ([1-9][0-9]{0,15})(?=\r\n)", re.IGNORECASE)
DATE = re.compile(
    rb"(?<=\r\n)(date): ([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT)(?=\r\n)",
    re.IGNORECASE,
)

Fields = list[tuple[bytes, bytes]]


class KnownHead:
    """A head that has passed all checks, to be recognised when it comes again.

    ``head`` includes its blank line; ``fields`` are its fields. ``line`` matches the line of
    the field whose value may change, with the name and the value as groups. The value may
    change only if the head has that field exactly once.
    """

    __slots__ = ("_after", "_before", "_fields", "_line", "_place", "_start", "value")

    def __init__(self, head: bytes, fields: Fields, line: re.Pattern[bytes]) -> None:
        self.value = b""
        """The value in the head that ``end_in`` found last; b"" if no value may change."""
        self._line = line
        self._fields = fields
        self._before, self._after = head, b""  # the bytes before and after the value
        self._start, self._place = 0, -1  # where the line begins in the head, and the field's index in ``fields``
        found = line.search(head)
        if found is None:
            return
        places = [place for place, (name, _value) in enumerate(fields) if name == found[1].lower()]
        if len(places) == 1:
            self._place = places[0]
            self._start = found.start()
            self._before, self._after = head[: found.start(2)], head[found.end() :]

    def end_in(self, data: bytes | bytearray) -> int:
        """The length of this head at the start of ``data``; 0 if another head is there. Sets ``value``."""
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
