"""Frames of a WebSocket (RFC 6455) as a server sends them: whole, not masked, not compressed.

They are made here and not by the library that answers the handshake, because one frame goes to many pages, and because
frames that are sent together cost one system call.
"""

from __future__ import annotations

_TEXT, _CLOSE = 0x81, 0x88
GOING_AWAY, POLICY, OVERLOADED = 1001, 1008, 1013
"""Why a server closes: it ends, the client may not be here any more, there is no room."""


def text(payload: bytes) -> bytes:
    """A frame with JSON, or other text in UTF-8."""
    return _frame(_TEXT, payload)


def close(code: int, reason: str = "") -> bytes:
    return _frame(_CLOSE, code.to_bytes(2, "big") + reason.encode()[:123])


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload
