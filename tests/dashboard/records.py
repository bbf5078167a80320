"""Records of requests, made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.telemetry import RequestRecord

if TYPE_CHECKING:
    from linx.core.kept_bodies import Kept

PAGE: Any = None
"""The request of a page, where nobody looks at it."""


class Sending:
    """An answer on its way: see ``telemetry.Progress``."""

    def __init__(self, sends: int = 0, sent: int = 0) -> None:
        self.sends = sends
        self.sent = sent
        self.kept: Kept | None = None


def saves_nothing(_record: RequestRecord) -> None:
    """See ``rows.Rows``."""


def record(name: str = "r", at: float = 1_700_000_000.0, **fields: Any) -> RequestRecord:
    made = RequestRecord(name, at, 100.0, "POST", "/v1/chat/completions", model="m", face="openai")
    for field, value in fields.items():
        setattr(made, field, value)
    return made
