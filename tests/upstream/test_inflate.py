"""Packed answers: whole, torn, lying and bombs, cut anywhere."""

from __future__ import annotations

import gzip
import zlib

import pytest

from linx.core.attempt_errors import Garbled, StreamBroken
from linx.upstream.inflate import MAX_PIECE, Inflate

TEXT = b'{"choices": [{"message": "hello hello hello"}]} ' * 40


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    b"gzip": gzip.compress(TEXT),
    b"x-gzip": gzip.compress(TEXT),
    b"deflate": zlib.compress(TEXT),
}
ALL = [*PACKED.items(), (b"deflate", raw_deflate(TEXT))]


def unpack(coding: bytes, *pieces: bytes) -> bytes:
    inflate = Inflate(coding, "h:1")
    out = b""
    for piece in pieces:
        inflate.give(piece)
        while data := inflate.take():
            assert len(data) <= MAX_PIECE
            out += data
    inflate.end()
    return out


@pytest.mark.parametrize(("coding", "packed"), ALL)
def test_every_cut_gives_the_same(coding: bytes, packed: bytes) -> None:
    assert unpack(coding, packed) == TEXT
    for cut in range(len(packed)):
        assert unpack(coding, packed[:cut], packed[cut:]) == TEXT
    assert unpack(coding, *(packed[i : i + 1] for i in range(len(packed)))) == TEXT


@pytest.mark.parametrize(("coding", "packed"), ALL)
def test_every_truncation_is_torn(coding: bytes, packed: bytes) -> None:
    for cut in range(1, len(packed)):
        with pytest.raises(StreamBroken, match="in the middle"):
            unpack(coding, packed[:cut])


def test_no_body_at_all_is_fine() -> None:
    assert unpack(b"gzip") == b""


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(Garbled, match="after the end"):
        unpack(b"gzip", PACKED[b"gzip"] + b"x")
    with pytest.raises(Garbled, match="after the end"):
        unpack(b"gzip", PACKED[b"gzip"], b"x")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_lie(coding: bytes) -> None:
    with pytest.raises(Garbled, match="is not compressed as its Content-Encoding says"):
        unpack(coding, b'{"id": "c1", "object": "chat.completion"}')


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip,gzip", b"compress", b""])
def test_other_codings_are_refused(coding: bytes) -> None:
    with pytest.raises(Garbled, match="cannot undo"):
        Inflate(coding, "h:1")


def test_a_bomb_comes_out_in_bounded_pieces() -> None:
    inflate = Inflate(b"gzip", "h:1")
    inflate.give(gzip.compress(bytes(20_000_000)))
    size = 0
    while data := inflate.take():
        assert len(data) <= MAX_PIECE
        size += len(data)
    assert size == 20_000_000
    inflate.end()
