"""The ``model_mappings`` of one provider, as far as they hold now.

A key is a name, or a pattern in which each ``*`` stands for any text; ``default`` is neither. Rule: a mapping whose
model the provider is known not to have is ``missing``, as if it were not in the config; what the provider's list says
next may change that. So the object is made anew with each list, and never changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from linx.dialects.openai.model_list import plain_name
from linx.providers.auto import AUTO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT = "default"


class Missing(NamedTuple):
    """A mapping to a model that is not there."""

    name: str
    """What clients may ask for: a name, a pattern, or ``default``."""
    model: str


class Mappings:
    """``has``: may the provider have a model of this name?"""

    __slots__ = ("_exact", "_patterns", "default", "missing", "names", "shows_auto")

    def __init__(self, configured: Mapping[str, str], has: Callable[[str], bool]) -> None:
        there = {name: model for name, model in configured.items() if has(model)}
        self.missing = tuple(Missing(*each) for each in configured.items() if each[0] not in there)
        self.default = there.pop(DEFAULT, None)
        """The model for names that no provider has."""
        self._exact = {name: model for name, model in there.items() if "*" not in name}
        patterns = sorted((name for name in there if "*" in name), key=len, reverse=True)
        self._patterns = tuple((_pattern(name), there[name]) for name in patterns)
        """The longest first: ``gpt-4*`` before ``gpt-*``."""
        self.names = tuple(self._exact)
        """Those that a list of models shows."""
        self.shows_auto = AUTO in self._exact.values()
        """Is one of them a name for whatever model there is?"""

    def __repr__(self) -> str:
        return f"<Mappings of {len(self._exact)} names, {len(self._patterns)} patterns, {len(self.missing)} missing>"

    def __bool__(self) -> bool:
        """Is a name mapped, besides ``default``?"""
        return bool(self._exact or self._patterns)

    def exact(self, name: str) -> str | None:
        """The model of a name, ``:latest`` or not."""
        exact = self._exact
        return exact.get(name) or exact.get(plain_name(name).removesuffix(":latest"))

    def by_pattern(self, name: str) -> str | None:
        """The model of the first pattern that the name fits."""
        if self._patterns:
            plain = plain_name(name).removesuffix(":latest")
            for pattern, model in self._patterns:
                if pattern.fullmatch(plain):
                    return model
        return None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
