"""Below which paths a provider's API may be, and below which one it was found.

The rule: an endpoint is a base or lies near one. ``possible_places`` says which bases it may mean, the likeliest first;
which one answers is found out by asking for the list of models, and where there is none by the first request that is
told there is no such path. All of them are on the provider's own host, so a prompt goes nowhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.providers.known_hosts import MODEL

if TYPE_CHECKING:
    from linx.providers.known_hosts import KnownHost

_VERSION = re.compile(r"v[0-9][0-9a-z.]*", re.IGNORECASE)
_EXACT = re.compile(r"/deployments/[^/]+$|/invocations$")
"""A path that is one model's own: of Azure's deployments and of Databricks' endpoints."""
_BELOW_A_HOST = ("/v1", "", "/api", "/api/v1", "/openai/v1")
"""Open WebUI has /api, OpenRouter /api/v1, Groq /openai/v1; a few have no part before their paths at all."""


def possible_places(path: str, known: KnownHost, *, has_query: bool) -> tuple[str, ...]:
    """The paths below which the API may be, for an endpoint with ``path``; no slash at the end."""
    path = path.rstrip("/")
    if _EXACT.search(path):
        return (path,)
    if not path:
        return (known.places_with_query if has_query else known.places) or _BELOW_A_HOST
    if known.ending and not path.endswith(known.ending):
        return (path + known.ending, path)
    head, _, last = path.rpartition("/")
    if _VERSION.fullmatch(last):
        return (path, head)
    if known.places or any(_VERSION.fullmatch(part) for part in path.split("/")):
        return (path, f"{path}/v1")
    return (f"{path}/v1", path)


def list_base(place: str) -> str | None:
    """Below which path the models are listed, if the API is below ``place``; None where there can be no list."""
    if place.endswith("/invocations"):
        return None
    return place.partition("/deployments/")[0]


def only_model(place: str) -> str | None:
    """The model whose own path ``place`` is; None for any other place."""
    if not _EXACT.search(place) or place.endswith(f"/{MODEL}"):
        return None
    return place.removesuffix("/invocations").rpartition("/")[2]


class Places:
    """Where one provider's API is. ``current`` is the place in force.

    It is sure once a list of models or an answer came from there; until then a request that finds no such path may
    try the other places. Where none of them answers, nothing more is tried until the next look for the list.
    """

    __slots__ = ("current", "is_sure", "possible")

    def __init__(self, possible: tuple[str, ...]) -> None:
        self.possible = possible
        self.current = possible[0]
        self.is_sure = len(possible) == 1

    def in_order(self) -> tuple[str, ...]:
        """All of them, the one in force first."""
        return (self.current, *(place for place in self.possible if place != self.current))

    def found(self, place: str) -> None:
        """``place`` answers."""
        self.current = place
        self.is_sure = True

    def reopen(self) -> None:
        """The list of models was nowhere: the next request may look once more, if no place is sure."""
        self.is_sure = len(self.possible) == 1
