"""The tools of an agent: the same text in each of its requests, read once and not for each request.

A request of a coding agent has 50 tools in 60 KB, half of all its values. The text of such a list is kept with its
value, and where a later request has the same bytes in the same place, the list is not read again, and neither is what
was made of it (``derived``, ``written``).

Rules: what is known is only that these bytes have this value, whoever sent them; a request that differs in one byte is
read as if nothing were known. A known list, and what was made of it, is shared by requests and must not be changed. A
text is kept when it comes for the second time, and the number and size of those that are kept are bounded.

Why the short way reads what the long way would read: a list ends itself, so a parser that begins where the known text
begins takes exactly this text. It is replaced by a string that no client can know, and the rest is read as any request
is. If that string is then the value of ``tools``, the list was that value, and the whole is JSON if the rest is.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, TypeVar

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Made = TypeVar("Made")

LEAST = 4 * 1024  # bytes of a list; a shorter one is read as fast as it is found
MOST = 128 * 1024
MOST_KEPT = 16  # lists
MOST_BYTES = 2**20  # of all lists that are kept; their values take some five times as much
MOST_SEEN = 64  # lists that have come once, by how they begin
_BEGINNING = 512  # bytes by which a list is told from others until it is known
_LOOKS = 8  # places with the word tools that are looked at
_NEVER = -(2**62)  # times that a list was seen which is no body's tools
_KEY = b'"tools":'
_SPACES = b" \t\r\n"
_MOST_SPACES = 64


class _Known:
    """A list whose value is known, or what was made of one. ``forms`` are what was made of it, by how."""

    __slots__ = ("forms", "text", "value")

    def __init__(self, value: Any, text: bytes = b"") -> None:
        self.value = value
        self.text = text
        self.forms: dict[object, _Known] = {}

    def lists(self) -> Iterator[_Known]:
        """It, and what was made of it, as far as these are lists."""
        if type(self.value) is list:
            yield self
        for form in list(self.forms.values()):
            if form is not self:
                yield from form.lists()


class KnownTools:
    """The lists that are known, those that were used last at the end."""

    __slots__ = ("_by_id", "_lists", "_mark", "_quoted", "_seen")

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)
        self._quoted = b'"%b"' % self._mark.encode()
        self._lists: list[_Known] = []
        self._by_id: dict[int, _Known] = {}
        self._seen: dict[int, int] = {}
        """How often a list that is not known has come, by the hash of its beginning."""

    def loads(self, data: bytes) -> Any:
        """``jsontext.loads_strict``. Raises what it raises."""
        if LEAST < len(data) <= jsontext.LARGE:
            for start in _places(data):
                known = self._known_at(data, start) or self._learnt_at(data, start)
                if known is not None:
                    if (value := self._with(known, data, start)) is not None:
                        return value
                    break
        return jsontext.loads_strict(data)

    def derived(self, tools: Any, make: Callable[[Any], Made]) -> Made:
        """``make(tools)``, made once for a list that is known. ``make`` is pure, and the same object for each call."""
        known = self._by_id.get(id(tools))
        if known is None or known.value is not tools:
            return make(tools)
        form = known.forms.get(make)
        if form is None:
            value = make(tools)
            form = known if value is tools else _Known(value)
            known.forms[make] = form
            if type(value) is list:
                self._by_id[id(value)] = form
        made: Made = form.value
        return made

    def written(self, tools: Any) -> Any:
        """A list that is known as text that ``jsontext.dumps`` takes over; any other value as it is."""
        known = self._by_id.get(id(tools))
        return self.derived(tools, _raw) if known is not None and known.value is tools else tools

    def _known_at(self, data: bytes, start: int) -> _Known | None:
        for known in reversed(self._lists):
            if data.startswith(known.text, start):
                if known is not self._lists[-1]:
                    self._lists.remove(known)
                    self._lists.append(known)
                return known
        return None

    def _with(self, known: _Known, data: bytes, start: int) -> Any:
        """The value of ``data``, in which ``known`` begins at ``start``; None where that is not its ``tools``."""
        rest = b"".join((data[:start], self._quoted, data[start + len(known.text) :]))
        try:
            value = jsontext.loads_strict(rest)
        except jsontext.InvalidJSON:
            return None  # the places in its message would be wrong
        if type(value) is not dict or value.get("tools") != self._mark:
            # It is a list inside another, or is replaced by another, and will be so in the next request.
            self._lists.remove(known)
            self._seen[hash(known.text[:_BEGINNING])] = _NEVER
            return None
        value["tools"] = known.value
        return value

    def _learnt_at(self, data: bytes, start: int) -> _Known | None:
        """A list that becomes known, since one that begins so has come 2, 4, 8, … times and was never found.

        Each time it is less likely to help.
        """
        seen, beginning = self._seen, hash(data[start : start + _BEGINNING])
        times = seen.pop(beginning, 0) + 1
        while len(seen) >= MOST_SEEN:
            del seen[next(iter(seen))]
        seen[beginning] = times
        if times < 2 or times & (times - 1):
            return None
        text = jsontext.first_value(data[start : start + MOST])
        if text is None or len(text) < LEAST or not data.startswith(text, start):
            return None
        try:
            (value,) = jsontext.loads_strict(b"[%b]" % text)  # as deep as it is in a body
        except jsontext.InvalidJSON:
            return None
        known = _Known(value, text)
        self._lists.append(known)
        while len(self._lists) > MOST_KEPT or sum(len(one.text) for one in self._lists) > MOST_BYTES:
            del self._lists[0]  # requests that use it now go on with it
        self._by_id = {id(one.value): one for kept in self._lists for one in kept.lists()}
        return known


def _raw(tools: Any) -> jsontext.Raw:
    return jsontext.Raw(jsontext.dumps(tools))


def _places(data: bytes) -> Iterator[int]:
    """Where lists under the name ``tools`` begin, from the end of the body, where most clients have theirs."""
    end = len(data)
    for _look in range(_LOOKS):
        end = data.rfind(_KEY, 0, end)
        if end < 0:
            return
        start = end + len(_KEY)
        after = data[start : start + _MOST_SPACES]
        if after.lstrip(_SPACES)[:1] == b"[":
            yield start + after.index(b"[")


_TOOLS = KnownTools()
loads, derived, written = _TOOLS.loads, _TOOLS.derived, _TOOLS.written
"""For all requests of the process."""
