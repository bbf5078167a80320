"""Anthropic's model list, page by page: what it tells of each model.

The names carry the date of their release (``claude-haiku-4-5-20251001``) and answer to the name without it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from linx.core.attempt_errors import Garbled

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

PAGE = 1000
"""Models on a page, the most that the API gives."""
MAX_PAGES = 16
_DATE = re.compile(r"-\d{8}\Z")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as the list tells of it; None means unknown. ``entry`` is the list's own word for it."""

    name: str
    context_length: int | None
    capabilities: frozenset[str] | None
    """In Ollama's words."""
    created: int | None
    """Seconds since 1970."""
    entry: JsonObject


def page_path(after: str | None) -> str:
    """The path of the page that follows the model ``after``, of the first one for None."""
    more = f"&after_id={quote(after, safe='')}" if after is not None else ""
    return f"/models?limit={PAGE}{more}"


def read_page(page: Any) -> tuple[list[ListedModel], str | None]:
    """The models of a page, and what the next one comes after; None if there is no next one. Raises Garbled."""
    entries = page.get("data") if isinstance(page, dict) else None
    if not isinstance(entries, list):
        raise Garbled("answered a model list that is none")
    found = [_listed(entry) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    last = page.get("last_id")
    return found, last if page.get("has_more") is True and isinstance(last, str) and found else None


def canonical_name(name: str) -> str:
    """A name without the tag that some of Ollama's clients add, and without the API's own word for the newest."""
    return name.removesuffix(":latest").removesuffix("-latest")


def without_date(name: str) -> str:
    """The shorter name that a listed one answers to as well."""
    return _DATE.sub("", name)


def _listed(entry: JsonObject) -> ListedModel:
    length = entry.get("max_input_tokens")
    return ListedModel(
        entry["id"],
        length if type(length) is int and length > 0 else None,
        _capabilities(entry.get("capabilities")),
        _seconds(entry.get("created_at")),
        entry,
    )


def _capabilities(given: Any) -> frozenset[str] | None:
    if not isinstance(given, dict):
        return None
    found = {"completion", "tools"}
    for own, word in (("image_input", "vision"), ("thinking", "thinking")):
        capability = given.get(own)
        if isinstance(capability, dict) and capability.get("supported") is True:
            found.add(word)
    return frozenset(found)


def _seconds(given: Any) -> int | None:
    if not isinstance(given, str):
        return None
    try:
        when = datetime.fromisoformat(given)
    except ValueError:
        return None
    return max(0, int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()))
