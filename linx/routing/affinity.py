"""Which of several equal providers gets a conversation that this Linx does not remember: rendezvous hashing.

Rule: the choice depends on the conversation and the names of the providers alone, and on the load only where that is
clearly uneven. So a second Linx, or this one after a restart, finds the provider whose cache is warm without being
told; and when a provider goes, only its own conversations move.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.providers.provider import Provider

STEP = 2  # running and waiting requests: a load counts in such steps, so that a single request moves no conversation
LAST = b"\xff" * 8
"""The score of a provider that is nobody's replica."""


def replicas_of(providers: Sequence[Provider], ranks: Mapping[str, int]) -> dict[str, bytes]:
    """The providers that the config means as replicas of one another, by name; each with what is hashed of it.

    They have one rank and one price, and all are local or none is. Remote providers without a rank are no replicas: for
    those the order of the config file is meant.
    """
    groups = defaultdict[object, list[str]](list)
    for provider in providers:
        rank = ranks.get(provider.name)
        if rank is not None or provider.local:
            groups[rank, provider.local, repr(provider.config.price)].append(provider.name)
    found = [name for group in groups.values() if len(group) > 1 for name in group]
    return {name: name.encode("utf-8", "surrogatepass") for name in found}


def score(conversation: bytes, replica: bytes | None) -> bytes:
    """Of the replicas of a conversation, the one with the lowest score gets it."""
    return LAST if replica is None else blake2b(conversation + replica, digest_size=8).digest()
