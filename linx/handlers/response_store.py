"""The answers of the Responses API that Linx keeps, so that a later request can refer to them.

What is kept are prompts and answers. So they stay in memory alone, are never logged and stand in no status; a restart
forgets them. Each belongs to the key that asked for it, and no other key can read, use or delete it.

Number, bytes and age are bounded, and those that were not used for the longest time leave first. Of a conversation the
newest answer leaves first, since without an earlier one it could not be continued.

An answer is kept as two texts that are there in any case: the body as the client sent it, and the response as the
client got it. They are parsed only when a request refers to them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec
import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_COUNT = 4096  # answers
MAX_BYTES = 64 * 2**20  # of all answers together
MAX_ONE = MAX_BYTES // 4
"""Bytes of one answer; a larger one is not kept, since it would push out too many others."""
KEPT_S = 24 * 3600.0
"""How long an answer is kept after it was last used."""
SWEEP_S = 600.0
"""How often old answers are looked for."""
OVERHEAD = 1024  # bytes that an answer takes beside its two texts, roughly


class StoredResponse(msgspec.Struct):
    """One answer with the request that it answers."""

    id: str
    owner: bytes
    """See ``ResponseStore.owner``."""
    request: bytes
    """The client's body, as JSON."""
    response: bytes
    """The response object, as JSON."""
    previous: str | None
    """The id of the answer whose conversation the request continued."""
    used_at: float
    """In trio's clock."""
    local_only: bool = False
    """The request had to stay on local providers, so what continues it has to stay there too."""

    @property
    def size(self) -> int:
        return len(self.request) + len(self.response) + OVERHEAD


class ResponseStore:
    """The kept answers. ``get`` and ``chain`` change nothing, so a worker thread may call them."""

    def __init__(self, max_count: int = MAX_COUNT, max_bytes: int = MAX_BYTES, max_one: int = MAX_ONE) -> None:
        self.max_count = max_count
        self.max_bytes = max_bytes
        self.max_one = max_one
        self.bytes = 0
        self._stored: OrderedDict[str, StoredResponse] = OrderedDict()  # least recently used first
        self._salt = secrets.token_bytes(16)

    def __len__(self) -> int:
        return len(self._stored)

    def __repr__(self) -> str:
        return f"<ResponseStore of {len(self)}>"

    def owner(self, key: bytes | None) -> bytes:
        """Whose an answer is: a digest of the client's key, which tells nothing about the key."""
        return hashlib.blake2b(key or b"", key=self._salt, digest_size=16).digest()

    def put(self, stored: StoredResponse) -> None:
        """Keep an answer, and let go of those that are too many or too old."""
        self._remove(stored.id)
        if stored.size <= self.max_one:
            self._stored[stored.id] = stored
            self.bytes += stored.size
        while len(self._stored) > self.max_count or self.bytes > self.max_bytes:
            self._remove(next(iter(self._stored)))
        self.sweep(stored.used_at)

    def get(self, owner: bytes, response_id: str, now: float) -> StoredResponse | None:
        """The answer with this id, if it is the owner's."""
        stored = self._stored.get(response_id)
        if stored is None or stored.owner != owner or stored.used_at + KEPT_S <= now:
            return None
        return stored

    def chain(self, owner: bytes, response_id: str, now: float) -> list[StoredResponse] | None:
        """An answer and those that its conversation went through, the newest first; None if one of them is gone."""
        found = []
        wanted: str | None = response_id
        while wanted is not None:
            stored = self.get(owner, wanted, now)
            if stored is None:
                return None
            found.append(stored)
            wanted = stored.previous
        return found

    def use(self, stored: Iterable[StoredResponse], now: float) -> None:
        """Answers, the newest first, have been used; the last one of them will leave last."""
        for one in stored:
            if self._stored.get(one.id) is one:
                one.used_at = now
                self._stored.move_to_end(one.id)

    def delete(self, owner: bytes, response_id: str, now: float) -> bool:
        """Forget an answer. False if the owner has no such answer."""
        is_there = self.get(owner, response_id, now) is not None
        if is_there:
            self._remove(response_id)
        return is_there

    def sweep(self, now: float) -> None:
        """Let go of the answers that are too old."""
        while self._stored and next(iter(self._stored.values())).used_at + KEPT_S <= now:
            self._remove(next(iter(self._stored)))

    async def run(self) -> None:
        """Sweep now and then, also where no new answer comes."""
        while True:
            await trio.sleep(SWEEP_S)
            self.sweep(trio.current_time())

    def _remove(self, response_id: str) -> None:
        stored = self._stored.pop(response_id, None)
        if stored is not None:
            self.bytes -= stored.size
