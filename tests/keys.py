"""Keys for tests, in the form in which a listener has them."""

from __future__ import annotations

from linx.core.client_key import ClientKey, digest_of, key_by_place


def plain(*keys: bytes | str) -> dict[bytes, ClientKey]:
    """Keys without names and limits, by digest."""
    texts = [key.encode() if isinstance(key, str) else key for key in keys]
    return {digest_of(key): key_by_place(place) for place, key in enumerate(texts, 1)}
