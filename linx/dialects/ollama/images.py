"""Images between OpenAI's URLs and Ollama's bare base64.

Ollama takes standard base64 with nothing around it. Of the URLs only data URIs can become
that: Linx fetches no address, since an address in a prompt could lead to whatever this
machine can reach.
"""

from __future__ import annotations

from base64 import b64decode

from linx.core.errors import BadRequest
from linx.dialects.failures.meaning import unsupported
from linx.dialects.shared.data_urls import is_data_url, is_web_url, read_data_url

_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def from_url(url: str, where: str) -> str:
    """The base64 inside a data URI; raises for anything else."""
    if is_data_url(url):
        return read_data_url(url, where)[1]
    if is_web_url(url):
        raise unsupported(f"cannot load {where} from the web, and Linx never fetches anything; send a data: URI")
    raise BadRequest(f"{where} must be a data: URI", param=where)


def to_url(base64: str) -> str:
    """A data URI for clean base64, its type told by the first bytes."""
    first = b64decode(base64[:16])
    if first.startswith(b"RIFF") and first[8:12] == b"WEBP":
        kind = "image/webp"
    else:
        kind = next((kind for magic, kind in _MAGIC if first.startswith(magic)), "image/jpeg")
    return f"data:{kind};base64,{base64}"
