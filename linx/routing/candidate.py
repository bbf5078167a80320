"""One provider, and the model there, that may answer a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from linx.providers.provider import Provider


class Candidate(msgspec.Struct, frozen=True):
    """One provider, and the model there, that may answer a request."""

    provider: Provider
    model: str

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"
