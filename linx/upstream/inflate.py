"""Unpacks a compressed body in bounded pieces.

Linx asks for ``identity``, but some servers compress nevertheless. gzip and deflate are
unpacked; any other coding is Garbled, and so are bytes after the end of the packed data.
"""

from __future__ import annotations

import zlib

from linx.core.attempt_errors import Garbled, StreamBroken

MAX_PIECE = 64 * 1024  # bytes unpacked at a time, since a small body may unpack to gigabytes
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_KNOWN = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _ZLIB}


class Inflate:
    """For each read: ``give`` the data, then ``take`` until b"". At the end of the body: ``end``."""

    def __init__(self, coding: bytes, address: str) -> None:
        if coding not in _KNOWN:
            shown = coding.decode("latin-1")
            raise Garbled(f"{address} compressed its answer in a way that Linx cannot undo", said=shown)
        self._address = address
        self._window = _KNOWN[coding]
        self._unpack: zlib._Decompress | None = None
        self._packed = b""
        self._has_more = False

    def give(self, data: bytes) -> None:
        self._packed += data
        self._has_more = True

    def take(self) -> bytes:
        """At most MAX_PIECE bytes; b"" when more must be given first. Raises Garbled."""
        if not self._has_more:
            return b""
        if self._unpack is None:
            if self._window == _ZLIB:
                if len(self._packed) < 2:
                    return b""
                # By the standard "deflate" is zlib's format, but many servers send raw deflate data.
                is_zlib = self._packed[0] & 0x0F == 8 and int.from_bytes(self._packed[:2], "big") % 31 == 0
                self._window = _ZLIB if is_zlib else _RAW
            self._unpack = zlib.decompressobj(self._window)
        try:
            data = self._unpack.decompress(self._packed, MAX_PIECE)
        except zlib.error:
            raise Garbled(
                f"{self._address} sent an answer that is not compressed as its Content-Encoding says"
            ) from None
        self._packed = self._unpack.unconsumed_tail
        # After a full piece the decompressor may still hold output, even if it has consumed all input.
        self._has_more = len(data) == MAX_PIECE
        if self._unpack.unused_data:
            raise Garbled(f"{self._address} sent bytes after the end of its compressed answer")
        return data

    def end(self) -> None:
        """Called at the end of the body. Raises StreamBroken if the packed data is incomplete; no data is fine."""
        if (self._unpack is not None and not self._unpack.eof) or self._packed:
            raise StreamBroken(f"{self._address} ended its compressed answer in the middle")
