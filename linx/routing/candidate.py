"""One provider, and the model there, that may answer a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from linx.dialects.failures.lacks import is_too_large
from linx.providers.catalog import learn_linx

if TYPE_CHECKING:
    from linx.core.attempt_errors import AttemptError
    from linx.providers.client_credential import ClientCredential
    from linx.providers.pauses import Pause
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
    credential: ClientCredential | None = None
    """The client's own key, where the provider is asked with it."""

    @property
    def is_local(self) -> bool:
        """Does the prompt stay on machines of the user's own?"""
        return self.provider.is_local(self.model)

    async def permit(self, pool: Pool) -> Permit:
        """Leave to ask the provider now. Raises NotLocal where the prompt must stay local and would not."""
        provider = self.provider
        if self.is_private and not provider.permits.was_asked:
            await learn_linx(provider, pool)
        permit = provider.permit(self.model, is_private=self.is_private)
        if self.credential is None:
            return permit
        return provider.permits.with_key(permit, self.credential.headers(provider.kind, provider.http.known))

    def pause(self, now: float) -> Pause | None:
        """The pause that keeps the model from being asked, for everybody or with this client's key."""
        provider = self.provider
        pause = provider.health.pause_of(self.model, now)
        if pause is None and self.credential is not None:
            return provider.key_pauses.of(self.credential, self.model, now)
        return pause

    def failed(self, error: AttemptError, now: float) -> None:
        """An attempt has failed: it counts against the provider, or against the client's own key alone."""
        provider = self.provider
        if error.said and is_too_large(error.said):
            provider.learn_too_large(self.model, now)
        if self.credential is None or not provider.key_pauses.is_of_key(error):
            provider.health.failed(error, now, self.model)
        else:
            provider.key_pauses.failed(self.credential, error, now, self.model)
            self.credential.refused(error)

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model}"
