"""One provider, and the model there, that may answer a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from linx.providers.catalog import learn_linx

if TYPE_CHECKING:
    from linx.providers.provider import Provider
    from linx.upstream.permit import Permit
    from linx.upstream.pool import Pool


class Candidate(msgspec.Struct, frozen=True):
    """One provider, and the model there, that may answer a request.

    ``is_private``: what is sent must stay local. So it is unless the gate says otherwise (``gate.Gate.admit``,
    and nothing else makes a candidate that is not private): a candidate that has not passed the gate can be described,
    and asked over a local connection only.
    """

    provider: Provider
    model: str
    is_private: bool = True

    @property
    def is_local(self) -> bool:
        """Does the prompt stay on machines of the user's own?"""
        return self.provider.is_local(self.model)

    async def permit(self, pool: Pool) -> Permit:
        """Leave to ask the provider now. Raises NotLocal where the prompt must stay local and would not."""
        provider = self.provider
        if self.is_private and not provider.permits.was_asked:
            await learn_linx(provider, pool)
        return provider.permit(self.model, is_private=self.is_private)

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"
