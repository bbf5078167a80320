"""Reads ``data:`` URLs, which contain a picture or a file."""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from linx.core.errors import BadRequest

_STANDARD = bytes.maketrans(b"-_", b"+/")
_SPACES = b"\t\n\v\f\r\x1c\x1d\x1e\x1f "
_STEP = 2**22  # characters checked in one call into C, so that other threads get their turns


def is_data_url(url: str) -> bool:
    return url[:5].lower() == "data:"


def is_web_url(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


def read_data_url(url: str, where: str) -> tuple[str, str]:
    """The media type in lower case ("" if there is none) and the data as standard base64. Raises BadRequest."""
    head, comma, data = url.partition(",")
    if not comma:
        raise BadRequest(f"{where} is a data: URI without data", param=where)
    media_type = head[5:].partition(";")[0].strip().lower()
    if head[-7:].lower() == ";base64":
        return media_type, clean_base64(data if "%" not in data else unquote_to_bytes(data).decode("latin-1"), where)
    return media_type, b64encode(unquote_to_bytes(data)).decode()


def clean_base64(text: str, where: str) -> str:
    """The same data in standard base64, with padding. Raises BadRequest."""
    try:
        clean = text.encode("ascii").translate(_STANDARD, _SPACES).rstrip(b"=")
        if b"=" in clean:
            raise ValueError("padding before the end")
        clean += b"=" * (-len(clean) % 4)
        for start in range(0, len(clean), _STEP):
            b64decode(clean[start : start + _STEP], validate=True)
    except ValueError:
        raise BadRequest(f"{where} is not valid base64", param=where) from None
    return clean.decode()
