"""Unpacks request bodies by their ``Content-Encoding``, in bounded pieces.

Codex compresses with zstd (openai/codex#8767), scripts with gzip or deflate; no client is known that sends Brotli.
A body has one coding: codings on top of each other are refused, since no client stacks them and each would multiply
what a small body may unpack to.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Protocol

from linx.core.errors import BadRequest, UnsupportedEncoding, quote

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

IN_STEP = 2**16
OUT_STEP = 2**20
"""At most so many bytes are read and written by one step, which takes some milliseconds."""
MAX_MEMBERS = 4096
"""Members of gzip and frames of zstd in one body. bgzip writes one for 64 KiB; thousands of empty ones, which an
attacker could send, would keep Linx busy."""
ZSTD_WINDOW_LOG = 23
"""8 MiB, which RFC 9659 allows a body at most: a frame may ask for 2 GiB of memory."""
ACCEPTED = ((b"accept-encoding", b"gzip, deflate, zstd"),)
"""The header of a 415 that tells what may be sent (RFC 9110 15.5.16)."""
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacker(Protocol):
    """Unpacks one member or frame."""

    @property
    def eof(self) -> bool:
        """Has the member ended?"""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def is_hungry(self) -> bool:
        """Does it hold nothing more that it could unpack without more data?"""


class _Zlib:
    """gzip and deflate."""

    def __init__(self, window: int) -> None:
        self._unpack = zlib.decompressobj(window)
        self.is_hungry = True

    @property
    def eof(self) -> bool:
        return self._unpack.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpack.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece = self._unpack.decompress(self._unpack.unconsumed_tail + data, max_length)
        # After a full piece it may still hold output, even if it has consumed all input.
        self.is_hungry = len(piece) < max_length
        return piece


class _Zstd:
    def __init__(self) -> None:
        self._unpack = ZstdDecompressor(options={DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})

    @property
    def eof(self) -> bool:
        return self._unpack.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpack.unused_data

    @property
    def is_hungry(self) -> bool:
        return self._unpack.needs_input

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._unpack.decompress(data, max_length)


def _gzip(_start: bytes) -> Unpacker:
    return _Zlib(_GZIP)


def _deflate(start: bytes) -> Unpacker:
    """By the standard "deflate" is zlib's format, but many clients send raw deflate data."""
    is_zlib = len(start) >= 2 and start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return _Zlib(_ZLIB if is_zlib else _RAW)


def _zstd(_start: bytes) -> Unpacker:
    return _Zstd()


_CODINGS: dict[bytes, tuple[Callable[[bytes], Unpacker], bool]] = {
    b"gzip": (_gzip, True),
    b"x-gzip": (_gzip, True),
    b"deflate": (_deflate, False),
    b"zstd": (_zstd, True),
}
"""By coding: makes the unpacker for data that begins so; and may there be several members in a row?"""


def coding_of(values: Sequence[bytes]) -> bytes:
    """The one coding that the values of ``Content-Encoding`` name; b"" for none. Raises UnsupportedEncoding."""
    named = [part for value in values for each in value.split(b",") if (part := each.strip().lower())]
    codings = [coding for coding in named if coding != b"identity"]
    if not codings:
        return b""
    if len(codings) == 1 and codings[0] in _CODINGS:
        return codings[0]
    shown = quote(b", ".join(codings).decode("latin-1"))
    what = "is not understood" if len(codings) == 1 else "names several codings on top of each other"
    raise UnsupportedEncoding(
        f"Content-Encoding {shown!a} {what}; send gzip, deflate or zstd, or none", headers=ACCEPTED
    )


def unpacked(data: bytes, coding: bytes) -> Generator[bytes, None, None]:
    """The unpacked data, piece by piece, each of at most OUT_STEP bytes. Raises BadRequest."""
    make, may_repeat = _CODINGS[coding]
    name = coding.decode("ascii")
    unpacker = make(data)
    members, place = 1, 0
    rest = b""
    try:
        while True:
            if not rest and unpacker.is_hungry and not unpacker.eof:
                if place >= len(data):
                    raise BadRequest(f"The {name} data of the body is incomplete")
                rest = data[place : place + IN_STEP]
                place += len(rest)
            piece = unpacker.decompress(rest, OUT_STEP)
            rest = b""
            yield piece
            if unpacker.eof:
                rest = unpacker.unused_data
                if not rest and place >= len(data):
                    return
                if not may_repeat:
                    raise BadRequest(f"The body has bytes after the end of its {name} data")
                members += 1
                if members > MAX_MEMBERS:
                    raise BadRequest(f"The body has more than {MAX_MEMBERS} members of {name} data")
                unpacker = make(rest)
    except (zlib.error, ZstdError):
        raise BadRequest(f"The body is not valid {name}, although Content-Encoding says {name}") from None
