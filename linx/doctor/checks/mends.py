"""The words and the changes by which findings about a provider are mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.doctor.edit import line_of
from linx.doctor.finding import Change

if TYPE_CHECKING:
    from linx.doctor.facts import Facts, ProviderFacts
    from linx.doctor.finding import Edit


def where_of(facts: Facts, provider: ProviderFacts, key: str) -> str:
    """A key of the provider's section, with the file that it is in."""
    return f"{provider.config.key_path}.{key} in {facts.config.path or facts.config.place_to_write}"


def change_of(provider: ProviderFacts, key: str, value: object) -> Change:
    return Change((*provider.config.key_path.split(".", 1), key), value)


def mend_by(facts: Facts, *changes: Change) -> tuple[str, tuple[Edit, ...]]:
    """The line of the changes, and the changes."""
    pieces = ", ".join(line_of(change) for change in changes)
    return f"{pieces} in {facts.config.path or facts.config.place_to_write}", changes
