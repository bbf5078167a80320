"""Names of tools that a model has bent, and the offered tool that is meant.

Rule: a name is resolved only where exactly one offered tool fits. Models put the namespace of their training before a
name (``functions.x``), leave their template's marks behind it (``x<|channel|>commentary``, ollama#12132), use a
namespaced tool's bare name (``read_file`` for ``mcp__fs__read_file``), or spell it in another way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.dialects.adaptation.call_names import rename_calls
from linx.dialects.adaptation.tools import tool_name, tools_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from linx.core.chat import ChatBody, Chunk

MAX_NAME = 256  # characters of a name that is looked at
_SEPARATOR = re.compile(r"\.|::?|/|__")
_TAIL = re.compile(r"<\||\s|\(")  # a template's mark, a channel behind a blank, or the beginning of arguments
_NOT_ALNUM = re.compile(r"[\W_]+")


def resolved(name: str, offered: Collection[str]) -> str | None:
    """The only offered tool that ``name`` can mean; None where none fits, or several do."""
    if name in offered:
        return name
    bare = _TAIL.split(name[:MAX_NAME].strip().strip("\"'`"), maxsplit=1)[0]
    ends = list(_ends(bare))
    for end in ends:
        if end in offered:
            return end
    for end in ends:
        fits = [one for one in offered if end in _ends(one)]
        if fits:
            return fits[0] if len(fits) == 1 else None
    for end in ends:
        plain = _plain(end)
        fits = [one for one in offered if _plain(one) == plain]
        if fits and plain:
            return fits[0] if len(fits) == 1 else None
    return None


def _ends(name: str) -> Iterator[str]:
    """``name``, and what is left of it without its first namespace, its first two, …"""
    yield name
    for separator in _SEPARATOR.finditer(name):
        if rest := name[separator.end() :]:
            yield rest


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
