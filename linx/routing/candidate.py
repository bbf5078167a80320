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

    @property
    def is_local(self) -> bool:
        """Does the prompt stay on machines of the user's own?"""
        return self.provider.is_local(self.model)

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"
