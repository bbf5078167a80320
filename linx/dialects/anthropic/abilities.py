"""What a model of this dialect takes: ways to think, efforts, samplers, JSON schemas, the longest answer.

Rule: what the provider's own model list says counts (``capabilities`` and ``max_tokens`` of ``GET /v1/models``).
What the list leaves out is told by the version in the model's name, since the newer models refuse what the older
ones need: a budget for thinking, samplers. A name that is no Claude's is taken for a server of the older manners,
which is what other makers' Messages endpoints imitate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""Ascending."""
DEFAULT_MAX_OUTPUT = 4096
_OFF_WAYS = ("disabled", "between_tools")
# claude-opus-4-1-20250805, claude-haiku-4.5, claude-3-7-sonnet-20250219: a family before or behind the version,
# and a date that is no minor version.
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_ALWAYS_THINKS = re.compile(r"claude-(?:fable|mythos)")
_NEWEST = (99, 0)


@dataclass(frozen=True, slots=True)
class Abilities:
    """``adaptive`` and ``extended`` are the two ways to think: by effort, and with a budget of tokens."""

    adaptive: bool = False
    extended: bool = False
    off: str | None = "disabled"
    """The ``thinking.type`` that turns thinking off; None where nothing does."""
    efforts: tuple[str, ...] = ()
    takes_samplers: bool = True
    takes_schemas: bool = False
    max_output: int = DEFAULT_MAX_OUTPUT
    """Tokens of the longest answer, or the most that is certain to be taken."""
    is_listed: bool = False
    """Is ``max_output`` what the provider's list says?"""

    @property
    def can_think(self) -> bool:
        return self.adaptive or self.extended


# By the first version that has them, newest first. The longest answers are the least of their generation's models.
_GENERATIONS = (
    ((4, 7), Abilities(adaptive=True, efforts=EFFORTS, takes_samplers=False, takes_schemas=True, max_output=64_000)),
    (
        (4, 6),
        Abilities(
            adaptive=True,
            extended=True,
            efforts=("low", "medium", "high", "max"),
            takes_schemas=True,
            max_output=64_000,
        ),
    ),
    ((4, 5), Abilities(extended=True, takes_schemas=True, max_output=64_000)),
    ((3, 7), Abilities(extended=True, max_output=32_000)),
    ((3, 5), Abilities(max_output=8192)),
    ((0, 0), Abilities()),
)
_OTHER_MAKERS = Abilities(extended=True)
_OFF_LAST_IN = (5, 5)  # the first version without an off switch in every family


def abilities_of(model: str, listed: Mapping[str, Any] | None) -> Abilities:
    """``listed`` is the model's entry in its provider's list; None where there is none."""
    able = _by_name(model.lower())
    if not listed:
        return able
    longest = listed.get("max_tokens")
    if type(longest) is int and longest > 0:
        able = replace(able, max_output=longest, is_listed=True)
    capabilities = listed.get("capabilities")
    return _as_listed(able, capabilities) if isinstance(capabilities, dict) else able


def _by_name(name: str) -> Abilities:
    if "claude" not in name:
        return _OTHER_MAKERS
    found = _VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else _NEWEST
    able = next(able for first, able in _GENERATIONS if version >= first)
    if version >= _OFF_LAST_IN or _ALWAYS_THINKS.search(name):
        return replace(able, off=None)
    return able


def _as_listed(able: Abilities, capabilities: Mapping[str, Any]) -> Abilities:
    thinking = capabilities.get("thinking")
    types = thinking.get("types") if isinstance(thinking, dict) else None
    if isinstance(types, dict):
        adaptive, extended = _has(types, "adaptive"), _has(types, "enabled")
        off = next((way for way in _OFF_WAYS if _has(types, way)), None) if "disabled" in types else able.off
        is_new = adaptive and not extended
        able = replace(
            able, adaptive=adaptive, extended=extended, off=off, takes_samplers=able.takes_samplers and not is_new
        )
    effort = capabilities.get("effort")
    if isinstance(effort, dict):
        able = replace(able, efforts=tuple(level for level in EFFORTS if _has(effort, level)))
    if "structured_outputs" in capabilities:
        able = replace(able, takes_schemas=_has(capabilities, "structured_outputs"))
    return able


def _has(capabilities: Mapping[str, Any], name: str) -> bool:
    capability = capabilities.get(name)
    return isinstance(capability, dict) and capability.get("supported") is True
