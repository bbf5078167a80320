"""One provider, and the model there, that may answer a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.providers.provider import Provider


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider, and the model there, that may answer a request."""

    provider: Provider
    model: str

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"
