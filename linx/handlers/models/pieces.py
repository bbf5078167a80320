"""Long lists in steps: the names that a list has, and the JSON of it piece by piece.

Rule: every generator here and of its callers yields at least once in some milliseconds, so that other tasks have their
turns; ``None`` for a name and ``b""`` for a piece mean just that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.routing.key_models import is_offered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linx.core.client_key import ClientKey
    from linx.routing.candidate import Candidate
    from linx.routing.router import Router

PIECE = 48 * 1024  # bytes, and the rest of an entry: so the kernel takes a piece in one call
STEP = 100  # names between two turns, which take one or two milliseconds


def names(router: Router, key: ClientKey) -> Iterator[tuple[str, Candidate] | None]:
    """Each name that clients with ``key`` may ask for, with its first candidate."""
    seen: set[str] = set()
    for looked_at, (name, candidate) in enumerate(router.offered(), 1):
        if name not in seen and is_offered(key, name, candidate):
            seen.add(name)
            yield name, candidate
        if looked_at % STEP == 0:
            yield None


def joined(start: bytes, entries: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    """``entries`` with commas between them, behind ``start`` and before ``end``."""
    piece = bytearray(start)
    comma = b""
    for entry in entries:
        if not entry:
            yield b""
            continue
        piece += comma
        piece += entry
        comma = b","
        if len(piece) >= PIECE:
            yield bytes(piece)
            piece.clear()
    piece += end
    yield bytes(piece)
