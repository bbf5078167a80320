"""How refusals put it: is a field named, is it called unknown, or is its value at fault?

Rule: a field counts as refused only where the refusal names it in the same sentence in which it says that the field
is unknown, unsupported or not permitted. Everything here reads ``Refused.words``, which are in lower case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused

_UNKNOWN = re.compile(
    r"unsupported(?! value)|not supported|isn't supported|does(?: not|n't) support|no longer support"
    r"|unrecogni[sz]ed|not recogni[sz]ed|unknown (?:parameter|field|name|argument|key|property|option|request)"
    r"|extra (?:inputs?|fields?|parameters?|arguments?)|extra_forbidden|not permitted|not allowed|forbidden"
    r"|unexpected (?:keyword|field|parameter|property|argument|key)|additional propert|deprecated"
    r"|not (?:a )?(?:valid|known) (?:parameter|field|property|argument)|invalid (?:parameter|field|argument) ?name"
    r"|cannot both be (?:specified|set|used)|could not find field|no such field|cannot find field"
    r"|cannot be used with|incompatible with|not compatible with"
)
_VALUE = re.compile(
    r"unsupported value|invalid value|does(?: not|n't) support (?:['\"`]?[0-9]|'[^']*' with)|supported values"
    r"|must be (?!satisfied)|should be|input should|out of range|\bexpected|maximum|minimum|at most|at least"
    r"|too (?:large|small|long|high)|less than|greater than|accepted values|allowed values"
    r"|not a valid (?!parameter|field|property|argument)"
)
# The one value that the provider takes is the one that it takes without the field.
_ONLY_ONE = re.compile(
    r"only (?:the )?default|only \S+ (?:value )?is (?:supported|allowed|permitted|accepted)"
    r"|(?:supported|accepted|allowed) values? (?:are|is):? ['\"`]?[\w.-]+['\"`]?\.?\s*$",
    re.MULTILINE,
)
_SENTENCE = re.compile(r"\n|(?<=[.;!?])\s|\}, \{")
_PLACE = re.compile(r"\('body'((?:, (?:'[^'\n]{1,80}'|[0-9]{1,6})){1,8})\)")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
"""What the name of a field looks like: anything else is never remembered."""


def words_of(refusal: Refused) -> str:
    """What the provider said, with the places that Python's own notation has (``('body', 'a', 1)``) as ``body.a.1``."""
    return _dotted(refusal.words)


@lru_cache(maxsize=16)
def _dotted(words: str) -> str:
    return _PLACE.sub(lambda place: "body" + place[1].replace(", ", ".").replace("'", ""), words)


def sentences(words: str) -> list[str]:
    return [part for part in _SENTENCE.split(words) if part]


# A field that is called like a role is named only where it is called a field.
_ROLES = frozenset(("user", "system", "tool"))
_ROLE_AS_FIELD = (
    r"(?:parameter|field|argument|property|supplied|name|invalid|input|key):? ['\"`]?{name}(?![\w-])"
    r"|(?:parameters|fields|arguments|properties|inputs|keys):? \[[^\]\n]{{0,200}}['\"`]{name}['\"`]"
    r"|(?<![\w.])body\.{name}(?![\w.-])|^['\"`]?{name}['\"`]?: |['\"`]{name}['\"`] was unexpected"
)


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    """The field as a word of its own, not as a part of a place inside something else (``messages.1.name``)."""
    name = name.lower()
    if name in _ROLES:
        return re.compile(_ROLE_AS_FIELD.format(name=name), re.MULTILINE)
    spellings = {name, name.replace("_", "")}
    either = "|".join(re.escape(spelling) for spelling in sorted(spellings, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:body\.)?(?:{either})(?![\w-])")


def names(words: str, field: str) -> bool:
    """Is the field named as such?"""
    return _pattern(field).search(words) is not None


def says_unknown(words: str) -> bool:
    """Is something called unknown, unsupported or not permitted?"""
    return _UNKNOWN.search(words) is not None


def says_value(words: str) -> bool:
    """Is a value at fault, and not the field as such?"""
    return _VALUE.search(words) is not None


def names_only_value(words: str) -> bool:
    """Is there but one value that the provider takes?"""
    return _ONLY_ONE.search(words) is not None


def is_refused(refusal: Refused, field: str) -> bool:
    """Does the provider refuse the field as such, or every value of it but its default?"""
    if field == refusal.param and not {"unsupported_parameter", "unknown_parameter"}.isdisjoint(refusal.labels):
        return True
    words = words_of(refusal)
    if field == refusal.param and names_only_value(words):
        return True
    if not names(words, field):
        return False
    parts = sentences(words)
    for at, part in enumerate(parts):
        if not names(part, field):
            continue
        with_next = " ".join(parts[at : at + 2])
        if names_only_value(with_next):
            return True
        if says_unknown(part) and not says_value(part):
            return True
    return False
