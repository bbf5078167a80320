"""The key that a client sends, as the rest of Linx sees it: its name and its limits, never the key itself.

Linx looks up the SHA-256 of the key that a client sent among the SHA-256 of the keys that it accepts. The time of the
look-up depends on that digest alone, and nobody can choose a key by its digest, so the time tells nothing about the
keys. It is the same for a single key and for tens of thousands.
"""

from __future__ import annotations

import hashlib

import msgspec

from linx.core.telemetry import NOBODY


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent in a day or a month. None: no limit."""

    daily_usd: float | None = None
    monthly_usd: float | None = None
    daily_tokens: int | None = None


class ClientKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that Linx accepts: its name, and what a client with this key may do. The defaults limit nothing."""

    name: str
    models: tuple[str, ...] = ()
    """Patterns of the names that may be asked for; without any, all names may."""
    local_only: bool = False
    max_concurrent: int | None = None
    requests_per_minute: int | None = None
    budget: Budget | None = None

    @property
    def is_limited(self) -> bool:
        """Is this the key of a person who may do less than the owner of Linx?"""
        return msgspec.structs.replace(self, name=NOBODY) != NO_KEY


NO_KEY = ClientKey(name=NOBODY)
"""In place of a key where a client sent none, and needed none."""


def key_by_place(place: int) -> ClientKey:
    """The name of a key that the config does not name; ``place`` counts from 1."""
    return ClientKey(name=f"key-{place}")


def digest_of(key: bytes) -> bytes:
    """The digest by which a key is looked up."""
    return hashlib.sha256(key).digest()
