"""Which names are near to a name that nobody has, so that the error may ask whether one of them was meant.

Rule: better no name than an unlike one. Compared is what a name says of the model, without the vendor before it and the
tag behind it: nearly the same, or the beginning of the other.
"""

from __future__ import annotations

import heapq
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NEAREST = 3
LONGEST_NAME = 256  # characters; to compare a name of megabytes would take seconds
_LIKE = 0.75  # the share of two names that is the same, from 0 to 1
_SHORTEST_BEGINNING = 3  # characters


def near_names(model: str, names: Iterable[str]) -> list[str]:
    """The nearest of ``names``, the nearest first; at most three."""
    if len(model) > LONGEST_NAME:
        return []
    stem = _stem(model)
    wanted, whole = SequenceMatcher(b=stem), SequenceMatcher(b=model.lower())
    found: list[tuple[float, int, str]] = []
    for number, name in enumerate(names):
        if len(name) <= LONGEST_NAME and _is_like(wanted, stem, _stem(name)):
            whole.set_seq1(name.lower())
            found.append((whole.ratio(), -number, name))
    return [name for _ratio, _number, name in heapq.nlargest(NEAREST, found)]


def _stem(name: str) -> str:
    return name.lower().rpartition("/")[2].partition(":")[0]


def _is_like(wanted: SequenceMatcher[str], asked: str, stem: str) -> bool:
    """``wanted`` has ``asked`` as its second text already, since that one is what it prepares."""
    shorter = min(asked, stem, key=len)
    if len(shorter) >= _SHORTEST_BEGINNING and asked.startswith(shorter) and stem.startswith(shorter):
        return True
    wanted.set_seq1(stem)
    return wanted.real_quick_ratio() >= _LIKE and wanted.quick_ratio() >= _LIKE and wanted.ratio() >= _LIKE
