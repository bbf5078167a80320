"""Fields of a body that a provider does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.adaptation.row import BodyFormat, Row

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.core.errors import Refused


def without(body: JsonObject, name: str) -> JsonObject:
    """``body`` without one field; ``body`` itself where it has no such field."""
    return {key: value for key, value in body.items() if key != name} if name in body else body


def _names_stream_options(refusal: Refused, _body: JsonObject) -> str | None:
    return "" if "stream_options" in refusal.words else None


STREAM_OPTIONS = Row(
    name="stream_options",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.COMPLETION)),
    recognise=_names_stream_options,
    change=lambda body, _detail: without(body, "stream_options"),
)
