"""Which names are near to a name that nobody has, so that the error may ask whether one of them was meant.

Rule: better no name than an unlike one. Compared is what a name says of the model, without the vendor before it and the
tag behind it: nearly the same, or the beginning of the other. Of many names only those are compared that have a part
of the asked one in them, since to compare 10,000 names would hold up the event loop.
"""

from __future__ import annotations

import heapq
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NEAREST = 3
MOST_COMPARED = 500  # names, if there are no more; to compare 100 alike takes about 3 ms
MOST_CHOSEN = 100  # names, if there are more
LONGEST_NAME = 256  # characters; to compare a name of megabytes would take seconds
_LIKE = 0.75  # the share of two names that is the same, from 0 to 1
_SHORTEST_BEGINNING = 3  # characters
_SHORTEST_PART = 2


def near_names(model: str, names: Collection[str]) -> list[str]:
    """The nearest of ``names``, the nearest first; at most three."""
    if len(model) > LONGEST_NAME:
        return []
    stem = _stem(model)
    wanted, whole = SequenceMatcher(b=stem), SequenceMatcher(b=model.lower())
    found: list[tuple[float, int, str]] = []
    for number, name in enumerate(names if len(names) <= MOST_COMPARED else _with_parts_of(stem, names)):
        if len(name) <= LONGEST_NAME and _is_like(wanted, stem, _stem(name)):
            whole.set_seq1(name.lower())
            found.append((whole.ratio(), -number, name))
    return [name for _ratio, _number, name in heapq.nlargest(NEAREST, found)]


def _with_parts_of(stem: str, names: Collection[str]) -> list[str]:
    """At most MOST_CHOSEN of the names: those with the rarest parts of ``stem`` in them.

    A name that differs in one place has one half of it unchanged, a name that differs in three has a quarter.
    """
    listed = list(names)
    text = "\n".join(listed).lower()
    if text.count("\n") != len(listed) - 1:
        return listed[:MOST_CHOSEN]  # a name has several lines
    found: dict[int, None] = {}
    for part in sorted(_parts(stem), key=text.count):  # what fewer names have says more
        for number in _lines_with(part, text):
            found[number] = None
            if len(found) == MOST_CHOSEN:
                return [listed[number] for number in sorted(found)]
    return [listed[number] for number in sorted(found)]


def _parts(stem: str) -> Iterator[str]:
    """``stem`` whole, in halves and in quarters, as far as these say something."""
    for count in (1, 2, 4):
        size = -(-len(stem) // count)
        for start in range(0, len(stem), max(size, 1)):
            part = stem[start : start + size]
            if len(part) >= _SHORTEST_PART:
                yield part


def _lines_with(part: str, text: str) -> Iterator[int]:
    """The numbers of the lines of ``text`` that contain ``part``, from 0."""
    number, counted = 0, 0
    place = text.find(part)
    while place >= 0:
        number += text.count("\n", counted, place)
        yield number
        counted = text.find("\n", place)
        if counted < 0:
            return
        place = text.find(part, counted)


def _stem(name: str) -> str:
    return name.lower().rpartition("/")[2].partition(":")[0]


def _is_like(wanted: SequenceMatcher[str], asked: str, stem: str) -> bool:
    """``wanted`` has ``asked`` as its second text already, since that one is what it prepares."""
    shorter = min(asked, stem, key=len)
    if len(shorter) >= _SHORTEST_BEGINNING and asked.startswith(shorter) and stem.startswith(shorter):
        return True
    wanted.set_seq1(stem)
    return wanted.real_quick_ratio() >= _LIKE and wanted.quick_ratio() >= _LIKE and wanted.ratio() >= _LIKE
