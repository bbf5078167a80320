"""Which codings of a body are understood, and what becomes of bodies that are made to do harm."""

from __future__ import annotations

import gzip
import sys
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from linx.core.errors import BadRequest, UnsupportedEncoding
from linx.server.unpack import IN_STEP, MAX_MEMBERS, OUT_STEP, coding_of, unpacked

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b'{"model":"m","messages":[]}'
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
"""A frame that holds no data (RFC 8878, 3.1.2)."""


def joined(data: bytes, coding: bytes) -> bytes:
    return b"".join(unpacked(data, coding))


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], b""),
        ([b"identity"], b""),
        ([b"GZip"], b"gzip"),
        ([b"identity, zstd"], b"zstd"),
        ([b"", b"deflate"], b"deflate"),
    ],
)
def test_the_coding_of_a_request(values: list[bytes], coding: bytes) -> None:
    assert coding_of(values) == coding


@pytest.mark.parametrize("values", [[b"br"], [b"gzip, zstd"], [b"gzip", b"gzip"], [b"snappy"], [b"aes128gcm"]])
def test_other_codings_are_refused_with_what_may_be_sent(values: list[bytes]) -> None:
    with pytest.raises(UnsupportedEncoding, match="send gzip, deflate or zstd") as caught:
        coding_of(values)
    assert (b"accept-encoding", b"gzip, deflate, zstd") in caught.value.answer_headers()


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (gzip.compress(TEXT), b"gzip"),
        (gzip.compress(TEXT), b"x-gzip"),
        (zlib.compress(TEXT), b"deflate"),
        (zlib.compress(TEXT, 1), b"deflate"),
        (zlib.compress(TEXT, wbits=-zlib.MAX_WBITS), b"deflate"),
        (zstd.compress(TEXT), b"zstd"),
        (zstd.compress(TEXT, 19), b"zstd"),
    ],
    ids=["gzip", "x-gzip", "zlib", "zlib, fast", "raw deflate", "zstd", "zstd 19"],
)
def test_one_member(data: bytes, coding: bytes) -> None:
    assert joined(data, coding) == TEXT


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("sizes", [(5, 7), (0, 5), (5, 0), (IN_STEP, 0, 3 * OUT_STEP + 1), (1,) * 100])
def test_several_members(pack: Callable[[bytes], bytes], sizes: tuple[int, ...]) -> None:
    coding = b"gzip" if pack is gzip.compress else b"zstd"
    parts = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    assert joined(b"".join(map(pack, parts)), coding) == b"".join(parts)


def test_a_frame_of_zstd_that_says_nothing_is_skipped() -> None:
    assert joined(SKIPPABLE + zstd.compress(TEXT), b"zstd") == TEXT


@pytest.mark.parametrize(
    ("member", "coding"), [(gzip.compress(b""), b"gzip"), (zstd.compress(b""), b"zstd")], ids=["gzip", "zstd"]
)
def test_thousands_of_empty_members(member: bytes, coding: bytes) -> None:
    assert joined(member * MAX_MEMBERS, coding) == b""
    started = time.process_time()
    with pytest.raises(BadRequest, match="members"):
        joined(member * 1_000_000, coding)
    assert time.process_time() - started < 2


def test_a_window_that_takes_much_memory_is_refused() -> None:
    """As ``zstd --long=27`` asks for it: 128 MiB to unpack a few bytes."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    packed = zstd.ZstdCompressor(options=options)
    data = packed.compress(b"x" * 2**20) + packed.flush()
    with pytest.raises(BadRequest, match="not valid zstd"):
        joined(data, b"zstd")


@pytest.mark.parametrize(
    ("coding", "pack"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"zstd", zstd.compress)],
    ids=["gzip", "deflate", "zstd"],
)
def test_each_piece_is_small(coding: bytes, pack: Callable[[bytes], bytes]) -> None:
    sizes = [len(piece) for piece in unpacked(pack(bytes(5 * OUT_STEP + 3)), coding)]
    assert sum(sizes) == 5 * OUT_STEP + 3
    assert max(sizes) <= OUT_STEP
