"""Images on their way into and out of Ollama's bare base64.

Ollama takes standard base64 and nothing around it; OpenAI takes URLs. Only data URIs
can become the former: Linx fetches nothing, since an address in a prompt would
otherwise reach whatever this machine reaches.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from linx.core.errors import BadRequest
from linx.dialects.failures.meaning import unsupported

_STANDARD = bytes.maketrans(b"-_", b"+/")
_SPACES = b"\t\n\v\f\r\x1c\x1d\x1e\x1f "
_STEP = 2**22  # characters that are checked in one go
_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def clean_base64(text: str, where: str) -> str:
    """The same bytes in standard base64 with its padding; raises BadRequest."""
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


def from_url(url: str, where: str) -> str:
    """The base64 inside a data URI; raises for anything else."""
    if url[:5].lower() != "data:":
        if url[:8].lower().startswith(("http://", "https://")):
            raise unsupported(f"cannot load {where} from the web, and Linx never fetches anything; send a data: URI")
        raise BadRequest(f"{where} must be a data: URI", param=where)
    head, comma, data = url.partition(",")
    if not comma:
        raise BadRequest(f"{where} is a data: URI without data", param=where)
    if head[-7:].lower() == ";base64":
        return clean_base64(data if "%" not in data else unquote_to_bytes(data).decode("latin-1"), where)
    return b64encode(unquote_to_bytes(data)).decode()


def to_url(base64: str) -> str:
    """A data URI for clean base64, its type told by the first bytes."""
    first = b64decode(base64[:16])
    if first.startswith(b"RIFF") and first[8:12] == b"WEBP":
        kind = "image/webp"
    else:
        kind = next((kind for magic, kind in _MAGIC if first.startswith(magic)), "image/jpeg")
    return f"data:{kind};base64,{base64}"
