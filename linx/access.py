"""Which requests Linx answers: keys, hosts and origins. ``Access.check`` decides it before a body is read.

With a key configured, the key decides, since no browser adds a bearer key by itself.
Without a key, Linx answers only requests whose Host is a name of this machine, which a
rebound DNS name is not; and it answers a browser only if the page comes from this machine
or from an app on it. Management paths answer no page of another origin in either case.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import secrets
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote_to_bytes

from linx.core.client_key import ClientKey, digest_of, key_by_place
from linx.core.errors import BadRequest, Forbidden, TooManyWrongKeys, Unauthorized, UnsupportedEncoding, quote
from linx.http1.grammar import TOKEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.core.redaction import Redactor

APP_SCHEMES = (b"app://", b"tauri://", b"vscode-webview://", b"vscode-file://", b"file://")
WRONG_KEYS_A_MINUTE = 10
KEY_BYTES = 32  # of an invented key: 256 bits
CONTAINER_HOSTS = frozenset(
    {"host.docker.internal", "host.containers.internal", "host.orb.internal", "host.lima.internal"}
)
"""How programs in a container or virtual machine of Docker, podman, OrbStack and Lima (Colima) call the machine that
runs it. No page can be rebound to such a name: ICANN has reserved .internal for private use, so that nobody can
register a name there."""
_WEB_ORIGIN = re.compile(rb"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_DOTTED = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_SLASH = re.compile(r"(/|%2[Ff])")
_FIELD_NAMES = re.compile(rb"[" + re.escape(TOKEN_BYTES) + rb", ]{1,4096}")

Headers = list[tuple[bytes, bytes]]


class RequestView(Protocol):
    """The parts of a request that the access check reads."""

    method: str
    host: bytes
    has_body: bool
    key: ClientKey
    """The key that was sent; ``Access.check`` sets it if the key is right."""

    def header(self, name: bytes) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one listener: those in the config, or else a key that Linx invented for it."""

    configured: Mapping[bytes, ClientKey] = field(default_factory=dict, repr=False)
    """By digest (see ``core.client_key``)."""
    invented: str | None = field(default=None, repr=False)
    """Kept in memory only; it is shown on the terminal and nowhere else."""

    @property
    def in_force(self) -> Mapping[bytes, ClientKey]:
        """The keys that are accepted, by digest."""
        if self.configured or self.invented is None:
            return self.configured
        return {digest_of(self.invented.encode()): key_by_place(1)}

    def or_invented(self, redactor: Redactor) -> Keys:
        """These keys, with an invented key added where no key is in force."""
        if self.in_force:
            return self
        key = secrets.token_urlsafe(KEY_BYTES)
        redactor.add(key)
        return replace(self, invented=key)


@dataclass(frozen=True, slots=True)
class Policy:
    """The access rules of one listener.

    Without a key in force, ``hosts`` are names that may stand in the Host header, and
    ``origins`` origins that pages may have, besides those of this machine.

    ``model_paths_only`` is for the tunnel: management is closed, every path needs a key (so
    with ``keys`` empty nothing is answered), wrong keys are counted, and ``hosts`` are the
    only names that may stand in the Host header.
    """

    keys: Mapping[bytes, ClientKey] = field(default_factory=dict, repr=False)
    hosts: frozenset[str] = frozenset()
    origins: frozenset[bytes] = frozenset()
    model_paths_only: bool = False


class Access:
    """Checks the requests of one listener against its ``policy``, which a reload replaces."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._wrong: deque[float] = deque()  # when wrong keys came, in trio's clock; of the last minute

    def check(
        self, request: RequestView, path_key: bytes | None, *, is_open: bool, is_management: bool, now: float
    ) -> Headers:
        """The CORS headers for the answer; raises Unauthorized, Forbidden or another RequestError for a bad request.

        ``path_key`` is the key in front of the path, as in ``/k/KEY/v1``. ``is_open`` marks
        the paths that need no key on the local listener.
        """
        is_preflight = request.method == "OPTIONS" and request.header(b"access-control-request-method") is not None
        if self.policy.model_paths_only:
            self._check_public_host(request.host)
            if not is_preflight:
                self._check_key(request, path_key, now)
        elif self.policy.keys:
            if not is_open and not is_preflight:
                self._check_key(request, path_key, now)
        else:
            self._check_host(request.host)
        return self._check_origin(request, is_management=is_management)

    # --- keys ---

    def may_follow(self, request: RequestView, path_key: bytes | None) -> bool:
        """May a request that follows what Linx does go on, after the keys may have changed?"""
        if not self.policy.keys:
            return True
        presented = presented_key(request, path_key)
        key = None if presented is None else self.policy.keys.get(digest_of(presented))
        return key is not None and not key.is_limited

    def without_keys(self, path: str) -> str:
        """A path that Linx does not have, as it may be logged: a key may stand in it by mistake, as in ``/K/KEY/v1``.

        Of a key that the config has by its digest alone, nothing else in Linx knows how it looks.
        """
        keys = self.policy.keys
        parts = _SLASH.split(path)
        return "".join("…" if digest_of(unquote_to_bytes(part)) in keys else part for part in parts)

    def _check_key(self, request: RequestView, path_key: bytes | None, now: float) -> None:
        presented = presented_key(request, path_key)
        key = None if presented is None else self.policy.keys.get(digest_of(presented))
        if key is not None:
            request.key = key
            return
        if presented is None:
            raise Unauthorized(
                "This Linx needs a key: send 'Authorization: Bearer KEY', 'x-api-key: KEY' or 'api-key: KEY', "
                "or put /k/KEY in front of the path."
            )
        if self.policy.model_paths_only:
            while self._wrong and self._wrong[0] <= now - 60:
                self._wrong.popleft()
            if len(self._wrong) >= WRONG_KEYS_A_MINUTE:
                error = TooManyWrongKeys("Too many wrong keys in the last minute. The right one still works.")
                error.retry_after_s = self._wrong[0] + 60 - now
                raise error
            self._wrong.append(now)
        raise Unauthorized("Wrong key for this Linx; the right key is the one in server.api_key or LINX_API_KEY.")

    # --- hosts and origins ---

    def _check_host(self, host: bytes) -> None:
        name = _host_name(host.decode("latin-1"))
        if not name or is_local_name(name) or _is_listed(name, self.policy.hosts):
            return
        raise Forbidden(
            f"Linx does not answer requests for the host {quote(name)!r}, as a protection from DNS rebinding. "
            f'If this name is yours, add it to server.allowed_hosts in config.json: "allowed_hosts": ["{quote(name)}"]'
        )

    def _check_public_host(self, host: bytes) -> None:
        """Through the tunnel, the Host header must be the tunnel's present name; any other name is an attack."""
        if _host_name(host.decode("latin-1")) not in self.policy.hosts:
            raise Forbidden(
                "The Host header is not the tunnel's present name: use the address that Linx shows on its terminal now."
            )

    def _check_origin(self, request: RequestView, *, is_management: bool) -> Headers:
        origin = request.header(b"origin")
        if is_management:
            if origin is not None and not _is_same_origin(origin, request.host):
                raise Forbidden("This path manages Linx and answers no web page of another origin.")
            self._check_fetch(request, origin)
            return []
        if origin is None:
            if not self.policy.keys:
                self._check_fetch(request, origin)
            return []
        if not self.policy.keys:
            self._check_web_origin(origin)
            _check_json(request)
        return _cors(request, origin)

    def _check_web_origin(self, origin: bytes) -> None:
        if origin in self.policy.origins or origin.startswith(APP_SCHEMES):
            return
        match = _WEB_ORIGIN.fullmatch(origin)
        if match is not None:
            name = match[1].decode("ascii").lower()
            if is_local_name(name) or _is_listed(name, self.policy.hosts):
                return
        shown = quote(origin.decode("latin-1"))
        raise Forbidden(
            f"Linx has no key set, so it does not answer web pages of other origins ({shown}). "
            "If this page is yours, add its origin to server.allowed_origins in config.json: "
            f'"allowed_origins": ["{shown}"], or set server.api_key.'
        )

    def _check_fetch(self, request: RequestView, origin: bytes | None) -> None:
        """Refuse a request that a browser sent for a page of another origin without an Origin header.

        Browsers do so for images and for forms with GET; ``Sec-Fetch-Site`` tells.
        """
        site = request.header(b"sec-fetch-site")
        if site is None or origin is not None:
            return
        if site in (b"cross-site", b"same-site"):
            is_visit = request.method in ("GET", "HEAD") and request.header(b"sec-fetch-mode") == b"navigate"
            if not is_visit:
                raise Forbidden("A web page of another origin may not call Linx in a browser.")
        _check_json(request)


@functools.lru_cache(maxsize=64)
def is_local_name(name: str) -> bool:
    """Is ``name``, in lower case, a name that means "this machine" wherever it is used?

    The result depends on the text alone, so results for recent names are cached.
    """
    if name == "localhost" or name in CONTAINER_HOSTS or name.endswith(".localhost"):
        return True
    try:
        if name.startswith("["):
            return name.endswith("]") and ipaddress.IPv6Address(name[1:-1]).is_loopback
        return _DOTTED.fullmatch(name) is not None and ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False


def is_only_this_machine(host: str) -> bool:
    """Can only programs on this machine reach a listener on ``host``?"""
    return is_local_name(f"[{host}]" if ":" in host else host)


def _is_listed(name: str, hosts: frozenset[str]) -> bool:
    """Is ``name`` one of ``hosts``, or below an entry such as ``*.example.org``?"""
    if name in hosts:
        return True
    _label, dot, above = name.partition(".")
    while dot:
        if f"*.{above}" in hosts:
            return True
        _label, dot, above = above.partition(".")
    return False


def presented_key(request: RequestView, path_key: bytes | None) -> bytes | None:
    """The key that the client sent: in the path, in Authorization, in x-api-key, or in api-key as for Azure."""
    if path_key is not None:
        return path_key
    authorization = request.header(b"authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            return key.strip()
        return authorization
    own = request.header(b"x-api-key")
    return request.header(b"api-key") if own is None else own


def _host_name(host: str) -> str:
    """``Host`` without its port, lower-case; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        address, bracket, _ = host.partition("]")
        return address + bracket
    return host.partition(":")[0].lower()


def _is_same_origin(origin: bytes, host: bytes) -> bool:
    """Linx speaks plain HTTP, so a page with the scheme https is of another server, whatever its host is called."""
    return origin.lower() == b"http://" + host.lower()


def _check_json(request: RequestView) -> None:
    """A browser must send JSON: other content types may go to another origin without a CORS preflight."""
    if not request.has_body or request.method == "OPTIONS":
        return
    kind = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise UnsupportedEncoding("A request from a browser must have the content type application/json.")


def _cors(request: RequestView, origin: bytes) -> Headers:
    """Headers that let a page of ``origin`` read the answer. The caller has checked ``origin``."""
    headers = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
    if request.method != "OPTIONS":
        headers.append((b"access-control-expose-headers", b"*"))
        return headers
    wanted = request.header(b"access-control-request-headers") or b"authorization, content-type"
    if not _FIELD_NAMES.fullmatch(wanted):
        raise BadRequest("The header access-control-request-headers is not a list of header names")
    headers += [
        (b"access-control-allow-methods", b"GET, POST, DELETE, HEAD, OPTIONS"),
        (b"access-control-allow-headers", wanted),
        (b"access-control-max-age", b"600"),
    ]
    if request.header(b"access-control-request-private-network") == b"true":
        headers.append((b"access-control-allow-private-network", b"true"))
    return headers


def machine_names(names: Sequence[str]) -> frozenset[str]:
    """``names`` in the form of ``Policy.hosts``: lower case, IPv6 in brackets, without wildcard addresses."""
    found = set()
    for name in names:
        name = name.lower()
        found.add(f"[{name}]" if ":" in name and not name.startswith("[") else name)
    return frozenset(found - {"0.0.0.0", "[::]", ""})
