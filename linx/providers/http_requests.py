"""The HTTP requests to one provider: paths below its bases, its query, and the headers that all of them carry.

Rule: a request is built, never copied from a client's. The headers of the config win over those
that Linx, the provider's kind and what is known of its host set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import linx
from linx.core import jsontext
from linx.providers.kind import api_key
from linx.providers.known_hosts import MODEL, known_host
from linx.providers.places import Places, possible_places
from linx.upstream.pool import Sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.config.model import ProviderConfig
    from linx.providers.kind import Headers, Kind
    from linx.providers.known_hosts import KnownHost
    from linx.providers.requests import ProviderRequest

HOP_HEADER = b"x-linx-hop"
_WHOLE = "/invocations"  # the end of a path that takes requests itself, whatever the task
_ENTRA_TOKEN = "eyJ"  # how a JSON web token begins
_ACCEPT_JSON = (b"accept", b"application/json")


class HttpRequests:
    """Makes them for one provider. ``under_api``: is a path below the OpenAI base (…/v1), or below the root?"""

    __slots__ = ("_headers", "_is_plain", "_query", "_root_path", "known", "places")

    def __init__(self, config: ProviderConfig, kind: Kind) -> None:
        self.known = known_host(config.origin.host)
        possible = possible_places(urlsplit(config.base).path, self.known, has_query=bool(config.query))
        self.places = Places(possible)
        self._is_plain = not config.query and not any(each.endswith(_WHOLE) or MODEL in each for each in possible)
        self._root_path = urlsplit(config.root).path.rstrip("/")
        self._query = config.query
        self._headers = _base_headers(config, kind, self.known)

    def ask(
        self,
        request: ProviderRequest,
        model: str,
        body: bytes,
        hop: bytes,
        client_headers: Headers,
        place: str | None = None,
    ) -> Sending:
        """The request for a task. ``client_headers`` belong to the client's dialect.

        ``place``: below which path the API is asked, if not below the one in force.
        """
        headers = (*self._headers, (b"accept", request.accept), (HOP_HEADER, hop))
        if request.takes_headers:
            headers = tuple({**dict(headers), **dict(client_headers)}.items())
        path = request.path(model)
        if request.under_api:
            target = self.target(path, model, self.places.current if place is None else place)
        else:
            target = self._target(path, under_api=False)
        return Sending(b"POST", target, headers, body)

    def target(self, path: str, model: str, place: str) -> bytes:
        """Where ``path`` is, for ``model``, if the API is below ``place``."""
        if self._is_plain:
            return (place + path).encode("ascii")
        if place.endswith(_WHOLE):
            path = place
        elif MODEL in place:
            path = place.replace(MODEL, quote(model, safe="")) + path
        else:
            path = place + path
        return self._with_query(path)

    def get(self, path: str, *, under_api: bool = False, place: str | None = None) -> Sending:
        """A GET of Linx's own: for a list, or for what the provider tells of itself."""
        target = self._target(path, under_api) if place is None else self._with_query(place + path)
        return Sending(b"GET", target, (*self._headers, _ACCEPT_JSON), b"")

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
        accept: bytes = b"*/*",
        under_api: bool = False,
        model: str = "",
    ) -> Sending:
        """A request of a client that is relayed; ``stream`` and ``length`` as for a Sending."""
        headers = dict(self._headers) | {b"content-type": content_type, b"accept": accept, HOP_HEADER: hop}
        target = self.target(path, model, self.places.current) if under_api else self._target(path, under_api=False)
        return Sending(method, target, tuple(headers.items()), body, stream, length)

    def _target(self, path: str, under_api: bool) -> bytes:
        return self._with_query((self.places.current if under_api else self._root_path) + path)

    def _with_query(self, path: str) -> bytes:
        if self._query:
            path += ("&" if "?" in path else "?") + self._query
        return path.encode("ascii")


def _base_headers(config: ProviderConfig, kind: Kind, known: KnownHost) -> Headers:
    headers = {
        b"content-type": b"application/json",
        b"accept-encoding": b"identity",
        b"user-agent": f"linx/{linx.__version__}".encode(),
    }
    headers.update(kind.headers)
    headers.update(known.headers)
    if config.api_key:
        is_token = config.api_key.startswith(_ENTRA_TOKEN)
        auth = api_key if known.takes_api_key and not is_token else kind.auth
        headers.update(auth(config.api_key.encode("ascii")))
    for name, value in config.headers.items():
        headers[name.lower().encode("ascii")] = value.encode("latin-1")
    return tuple(headers.items())
