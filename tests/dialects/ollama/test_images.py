"""Base64, data URIs, and what Linx never fetches."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.errors import BadRequest
from linx.dialects.ollama.images import from_url, to_url
from linx.dialects.shared.data_urls import clean_base64

RAW = b"\x89PN\xfb\xef\xbe\xff\xff\xff\x00"
CLEAN = b64encode(RAW).decode()


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{CLEAN}",
        f"DATA:image/png;BASE64,{CLEAN}",
        f"data:;base64,{CLEAN}",
        f"data:image/png;charset=x;base64,{CLEAN}",
        f"data:image/png;base64,{CLEAN[:6]}\r\n {CLEAN[6:]}\n",
        "data:image/png;base64," + CLEAN.rstrip("="),
        "data:image/png;base64," + CLEAN.replace("+", "-").replace("/", "_"),
        "data:image/png;base64," + CLEAN.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in RAW),
    ],
)
def test_every_data_uri_ends_as_standard_base64(url: str) -> None:
    assert "+" in CLEAN
    assert "/" in CLEAN
    assert from_url(url, "x") == CLEAN


@pytest.mark.parametrize("text", ["***", "abcde", "é", "QQ==QUJD", "Q=UJD", "data:image/png;base64,QUJD"])
def test_what_does_not_decode_is_the_clients_error(text: str) -> None:
    with pytest.raises(BadRequest, match="images is not valid base64"):
        clean_base64(text, "images")


def test_padding_before_the_end_is_found_wherever_it_is() -> None:
    long = "A" * (2**22 - 2)
    assert clean_base64(long + "AAQUJD", "images") == long + "AAQUJD"
    with pytest.raises(BadRequest, match="images is not valid base64"):
        clean_base64(long + "==QUJD", "images")


@pytest.mark.parametrize("url", ["ftp://x/y", "file:///etc/passwd", "QUJD", "", "data:image/png;base64"])
def test_no_data_uri(url: str) -> None:
    with pytest.raises(BadRequest, match="data: URI"):
        from_url(url, "x")


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.png", "HTTPS://example.com/x.png"])
def test_a_web_address_is_for_another_provider(url: str) -> None:
    with pytest.raises(Refused, match="never fetches") as refused:
        from_url(url, "messages[0]")
    error = refused.value
    assert (error.status, error.kind, error.code) == (400, "invalid_request_error", "unsupported_feature")
    assert error.fallback is Fallback.YES
    assert not error.blames_provider
    assert error.outcome == "http_400"


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "image/jpeg"),
        (b"?", "image/jpeg"),
        (b"", "image/jpeg"),
    ],
)
def test_the_type_is_told_by_the_first_bytes(first: bytes, kind: str) -> None:
    raw = first + b"x" * 20 if first else b""
    url = to_url(b64encode(raw).decode())
    assert url.startswith(f"data:{kind};base64,")
    assert b64decode(url.partition(",")[2]) == raw
