"""The HTTP requests to one provider: paths below its two bases, and the headers that all of them carry.

Rule: a request is built, never copied from a client's. The headers of the config win over those
that Linx and the provider's kind set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import linx
from linx.core import jsontext
from linx.upstream.pool import Sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.config.model import ProviderConfig
    from linx.providers.kind import Headers, Kind
    from linx.providers.requests import ProviderRequest

HOP_HEADER = b"x-linx-hop"
_ACCEPT_JSON = (b"accept", b"application/json")


class HttpRequests:
    """Makes them for one provider. ``under_api``: is a path below the OpenAI base (…/v1), or below the root?"""

    __slots__ = ("_headers", "_root_path", "api_path")

    def __init__(self, config: ProviderConfig, kind: Kind) -> None:
        self._root_path = urlsplit(config.root).path.rstrip("/")
        self.api_path = urlsplit(config.api).path.rstrip("/")
        self._headers = _base_headers(config, kind)

    def ask(self, request: ProviderRequest, model: str, body: bytes, hop: bytes, client_headers: Headers) -> Sending:
        """The request for a task. ``client_headers`` belong to the client's dialect."""
        headers = (*self._headers, (b"accept", request.accept), (HOP_HEADER, hop))
        if request.takes_headers:
            headers = tuple({**dict(headers), **dict(client_headers)}.items())
        base = self.api_path if request.under_api else self._root_path
        return Sending(b"POST", (base + request.path(model)).encode("ascii"), headers, body)

    def get(self, path: str, *, under_api: bool = False) -> Sending:
        """A GET of Linx's own: for a list, or for what the provider tells of itself."""
        return Sending(b"GET", self._target(path, under_api), (*self._headers, _ACCEPT_JSON), b"")

    def post(self, path: str, body: Any, *, under_api: bool = False) -> Sending:
        """A POST of Linx's own."""
        return Sending(b"POST", self._target(path, under_api), (*self._headers, _ACCEPT_JSON), jsontext.dumps(body))

    def relayed(
        self,
        method: bytes,
        path: str,
        hop: bytes,
        body: bytes = b"",
        *,
        stream: AsyncIterator[bytes] | None = None,
        length: int | None = None,
        content_type: bytes = b"application/json",
        under_api: bool = False,
    ) -> Sending:
        """A request of a client that is relayed; ``stream`` and ``length`` as for a Sending."""
        headers = dict(self._headers) | {b"content-type": content_type, b"accept": b"*/*", HOP_HEADER: hop}
        return Sending(method, self._target(path, under_api), tuple(headers.items()), body, stream, length)

    def _target(self, path: str, under_api: bool) -> bytes:
        return ((self.api_path if under_api else self._root_path) + path).encode("ascii")


def _base_headers(config: ProviderConfig, kind: Kind) -> Headers:
    headers = {
        b"content-type": b"application/json",
        b"accept-encoding": b"identity",
        b"user-agent": f"linx/{linx.__version__}".encode(),
    }
    headers.update(kind.headers)
    if config.api_key:
        headers.update(kind.auth(config.api_key.encode("ascii")))
    for name, value in config.headers.items():
        headers[name.lower().encode("ascii")] = value.encode("latin-1")
    return tuple(headers.items())
