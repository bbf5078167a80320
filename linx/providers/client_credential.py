"""A client's own key on its way to the one provider that is to get it (``api_key: "client"``).

Rule: it lives as long as its request, is sent by a permit for that provider's origin alone, and can be shown nowhere:
its repr says nothing. What is remembered of a key is that it has reached its limit at a provider, by a digest that
means nothing outside this process.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from linx.core.attempt_errors import Refused
from linx.providers.health import LONGEST_PAUSE_S
from linx.providers.kind import api_key, bearer, x_api_key
from linx.providers.pauses import Pause, Pauses

if TYPE_CHECKING:
    from linx.core.attempt_errors import AttemptError
    from linx.providers.kind import Headers, Kind
    from linx.providers.known_hosts import KnownHost

KEPT = 256  # keys with a pause at one provider
OF_THE_KEY = frozenset((401, 402, 403, 429))
"""Statuses by which a provider speaks of the key, and of nobody else's."""
NO_CREDIT = "upstream_credit"
_ANTHROPIC_KEY = b"sk-ant-api"
"""How an API key of Anthropic's begins; any other bearer token of its clients is that of a subscription."""
_JSON_TOKEN = b"eyJ"
_SALT = secrets.token_bytes(16)


class ClientCredential:
    """``is_bearer``: it came as ``Authorization: Bearer``. ``identity``: headers that name the client's program."""

    __slots__ = ("_token", "digest", "identity", "is_bearer")

    def __init__(self, token: bytes, *, is_bearer: bool, identity: Headers = ()) -> None:
        self._token = token
        self.is_bearer = is_bearer
        self.identity = identity
        self.digest = hashlib.blake2b(token, key=_SALT, digest_size=16).digest()

    def __repr__(self) -> str:
        return "<a client's own key>"

    def headers(self, kind: Kind, known: KnownHost) -> Headers:
        """As a provider of ``kind`` takes it.

        Anthropic takes an API key as ``x-api-key``, and the token of a subscription as a bearer token, from the
        program that it was made for (claude-code#41612, hermes-agent#1967).
        """
        token = self._token
        if kind.auth is x_api_key and self.is_bearer and not token.startswith(_ANTHROPIC_KEY):
            return (*bearer(token), *self.identity)
        auth = api_key if known.takes_api_key and not token.startswith(_JSON_TOKEN) else kind.auth
        return auth(token)

    def refused(self, error: AttemptError) -> None:
        """The client is told what its own key was told, since it can mend that itself."""
        if isinstance(error, Refused) and error.upstream_status in (401, 403):
            error.status = error.upstream_status
            error.kind, error.advice = "authentication_error", "it was asked with the key that you sent"


class KeyPauses:
    """Which clients' keys have reached their limit at one provider, and until when."""

    __slots__ = ("_by_digest",)

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Pauses] = {}

    def is_of_key(self, error: AttemptError) -> bool:
        """Is the failure the key's own, so that it says nothing of the provider?"""
        return isinstance(error, Refused) and (error.upstream_status in OF_THE_KEY or error.code == NO_CREDIT)

    def failed(self, credential: ClientCredential, error: AttemptError, now: float, model: str) -> None:
        """The provider has refused the key; a limit pauses it there."""
        if not error.is_pause or error.retry_after_s is None:
            return
        pauses = self._by_digest.pop(credential.digest, None) or Pauses()
        if len(self._by_digest) >= KEPT:
            del self._by_digest[next(iter(self._by_digest))]
        self._by_digest[credential.digest] = pauses
        pauses.add(Pause(now + min(error.retry_after_s, LONGEST_PAUSE_S), error.status), error.pause_scope, model, now)

    def of(self, credential: ClientCredential, model: str, now: float) -> Pause | None:
        """The pause that lies upon the key now, for ``model``."""
        pauses = self._by_digest.get(credential.digest)
        pause = None if pauses is None else pauses.of(model)
        return pause if pause is not None and now < pause.until else None
