"""Tells a provider's own words from those of the request that it repeats.

Some providers quote the prompt, or the description of a tool, in an error about something else. Six words in a row that
the request has too count as quoted, and so does a shorter text of the request that is repeated as a whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.core.attempt_errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.chat import JsonObject

_ROW = 6  # words that no provider and client write by chance
_FEWEST = 3  # words of a whole text; fewer are found in every sentence
_WORD = re.compile(r"\w+")
_OF_CLIENTS = ("messages", "tools", "input", "prompt", "system", "instructions", "response_format", "metadata", "user")
"""The fields of a body in which a client's own words stand."""


def in_own_words(refusal: Refused, body: JsonObject) -> Refused:
    """The refusal without what it quotes of ``body``; the refusal itself where it quotes nothing."""
    found = list(_WORD.finditer(refusal.words))
    at_word: dict[tuple[str, ...], list[int]] = {}
    words = [one[0] for one in found]
    for at in range(len(words)):
        for length in range(_FEWEST, _ROW + 1):
            at_word.setdefault(tuple(words[at : at + length]), []).append(at)
    quoted: set[int] = set()
    for text in _texts([body.get(name) for name in _OF_CLIENTS]):
        its_words = _WORD.findall(text.lower())
        if len(its_words) < _FEWEST:
            continue
        length = min(len(its_words), _ROW)
        for row in zip(*(its_words[start:] for start in range(length)), strict=False):
            for at in at_word.pop(row, ()):  # a row that is found once need not be found again
                quoted.update(range(at, at + length))
    if not quoted:
        return refusal
    own = Refused(refusal.problem, status=refusal.status, upstream_status=refusal.upstream_status)
    own.param, own.labels, own.code = refusal.param, refusal.labels, refusal.code
    own.words = _without(refusal.words, [found[at].span() for at in sorted(quoted)])
    return own


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _without(words: str, spans: list[tuple[int, int]]) -> str:
    kept, end = [], 0
    for start, stop in spans:
        kept.append(words[end:start])
        end = stop
    return "".join((*kept, words[end:]))
