"""Names of tools that a model has bent, and the offered tool that is meant.

Rule: a name is resolved only where exactly one offered tool fits. Models put the namespace of their training before a
name (``functions.x``), leave their template's marks behind it (``x<|channel|>commentary``, ollama#12132), use a
namespaced tool's bare name (``read_file`` for ``mcp__fs__read_file``), or spell it in another way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from linx.dialects.adaptation.call_names import rename_calls
from linx.dialects.adaptation.tools import tool_name, tools_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from linx.core.chat import ChatBody, Chunk

Index = dict[str, list[str]]
MAX_NAME = 256  # characters of a name that is looked at
_SEPARATOR = re.compile(r"\.|::?|/|__")
_TAIL = re.compile(r"<\||\s|\(")  # a template's mark, a channel behind a blank, or the beginning of arguments
_NOT_ALNUM = re.compile(r"[\W_]+")


def resolved(name: str, offered: Collection[str]) -> str | None:
    """The only offered tool that ``name`` can mean; None where none fits, or several do."""
    if name in offered:
        return name
    bare = _TAIL.split(name[:MAX_NAME].strip().strip("\"'`"), maxsplit=1)[0]
    ends = _ends(bare)
    for end in ends:
        if end in offered:
            return end
    by_end, by_plain = _indexed(frozenset(offered))
    for fits in chain(map(by_end.get, ends), map(by_plain.get, map(_plain, ends))):
        if fits:
            return fits[0] if len(fits) == 1 else None
    return None


@lru_cache(maxsize=8)
def _indexed(offered: frozenset[str]) -> tuple[Index, Index]:
    """The offered tools by their ends and by their plain spellings: an answer may call many tools that are none."""
    by_end: Index = {}
    by_plain: Index = {}
    for name in offered:
        for end in dict.fromkeys(_ends(name)):
            by_end.setdefault(end, []).append(name)
        if plain := _plain(name):
            by_plain.setdefault(plain, []).append(name)
    return by_end, by_plain


def _ends(name: str) -> list[str]:
    """``name``, and what is left of it without its first namespace, its first two, …"""
    if len(name) > MAX_NAME:
        return [name]
    rests = (name[separator.end() :] for separator in _SEPARATOR.finditer(name))
    return [name, *(rest for rest in rests if rest)]


def _plain(name: str) -> str:
    return _NOT_ALNUM.sub("", name).casefold()


class OfferedTools:
    """The tools of one request. Nothing is looked up before the answer calls one."""

    __slots__ = ("_body", "_names")

    def __init__(self, body: ChatBody) -> None:
        self._body = body
        self._names: frozenset[str] | None = None

    def resolve(self, chunk: Chunk) -> None:
        """Give each call in ``chunk`` the name of the tool that it means, in place."""
        rename_calls(chunk, self._resolved)

    def _resolved(self, name: str) -> str:
        names = self._names
        if names is None:
            tools = tools_of(self._body) or self._body.get("functions") or ()
            names = self._names = frozenset(one for tool in tools if (one := tool_name(tool)))
        return name if name in names else resolved(name, names) or name
