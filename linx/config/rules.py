"""What the texts in a config must look like: endpoints, keys, headers, host names.

A text is judged by how it is written; no name is looked up in DNS. Every error is a
ConfigError that names the place. No error repeats a value, since a value may be a secret or
contain one.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote

from linx.core.addresses import DEFAULT_PORTS, Address, address_of, is_loopback
from linx.core.errors import ConfigError, quote
from linx.core.redaction import clean_shapes
from linx.http1.grammar import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_KEY_NAME = 64  # characters
MIN_KEY = 16  # characters; shorter keys can be guessed
MAX_KEY = 1024
MAX_ENDPOINT = 2048
MAX_HEADER_VALUE = 8192
NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
"""The form of the names of providers and keys."""


class Endpoint(NamedTuple):
    """A checked endpoint, in parts: the host in lower case without brackets, the path without a last slash."""

    scheme: str
    host: str
    port: int
    path: str


class KindRules(Protocol):
    """The rules that a kind of provider has for its config. The kinds are handed in, since they are defined above."""

    @property
    def endpoint(self) -> str | None:
        """The default endpoint; None where every provider of this kind has an address of its own."""

    @property
    def needs_key(self) -> bool:
        """Does a provider of this kind refuse all requests without a key?"""

    @property
    def added_path(self) -> str:
        """A path that Linx adds to the endpoint, so that an endpoint must not end with it; empty for none."""

    @property
    def own_keys(self) -> tuple[str, ...]:
        """The keys of a provider's section that only this kind uses."""


_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\[\]/?#]*\]|[^\[\]:/?#]*)(?::(?P<port>[^/?#]*))?(?P<path>/.*)?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LOOKS_LIKE_IPV4 = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
_ANSWERED_PATHS = (
    "/chat/completions",
    "/completions",
    "/messages",
    "/responses",
    "/embeddings",
    "/models",
    "/api/chat",
    "/api/generate",
    "/api/tags",
)
"""Paths that Linx adds to an endpoint; people copy them from examples together with the endpoint."""
_BELOW_MODELS = ".services.ai.azure.com"  # whose API is below /models

# The addresses and names under which clouds give their own machines credentials.
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})

_KEY = re.compile(r"[\x21-\x7e]+")
_PLACEHOLDER = re.compile(
    r"(?:sk-(?:or-(?:v1-)?|ant-|proj-)?|gsk_|hf_)?"
    r"(?:your[-_ ].*|.*your[-_ ]?(?:api|key|token|secret).*|<.*>|\.{3,}|x{4,}|\*{3,}|changeme|change[-_ ]me|"
    r"replace[-_ ]?me|insert[-_ ].*|api[-_ ]?key|todo|placeholder)",
    re.IGNORECASE | re.DOTALL,
)
_DIGEST = re.compile("[0-9a-f]{64}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|passw|credential", re.IGNORECASE)
_PUBLIC_QUERY = frozenset({"api-version", "api_version", "version", "alt"})
_REFUSED_HEADERS = {
    **dict.fromkeys(
        (
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ),
        "belongs to one connection, not to a request",
    ),
    **dict.fromkeys(("host", "content-length"), "is worked out from the endpoint and the body"),
    **dict.fromkeys(
        ("accept", "accept-encoding", "content-encoding", "content-type", "expect"), "is decided by what Linx sends"
    ),
}
_DURATION = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]*", re.IGNORECASE)


# --- endpoints ---


def endpoint_parts(where: str, text: str, *, may_have_query: bool = False) -> Endpoint:
    """The parts of an endpoint but for its query, which ``query_of`` gives. Raises ConfigError."""

    def wrong(problem: str) -> ConfigError:
        return ConfigError(where, problem)

    if not text:
        raise wrong("must not be empty")
    if len(text) > MAX_ENDPOINT:
        raise wrong(f"must not be longer than {MAX_ENDPOINT} characters")
    if any(char <= " " or char == "\x7f" for char in text):
        raise wrong("must not contain a space, a line end or a control character")
    if not text.isascii():
        raise wrong("must be plain ASCII; write an international name in its xn-- form")
    if not text.lower().startswith(("http://", "https://")):
        raise wrong("must start with http:// or https://")
    authority = re.split(r"[/?#\\]", text.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        raise wrong("must not contain credentials; put them into api_key or headers")
    if "#" in text:
        raise wrong("must not contain a fragment (#...)")
    text, mark, query = text.partition("?")
    problem = _query_problem(query, may_have_query=may_have_query) if mark else None
    if problem is not None:
        raise wrong(problem)
    found = _URL.fullmatch(text)
    if found is None or "\\" in text:
        raise wrong("is not a valid address; it should look like http://localhost:11434")
    scheme = found["scheme"].lower()
    host = found["host"].lower().removeprefix("[").removesuffix("]")
    problem = _host_problem(host, bracketed=found["host"].startswith("["))
    if problem:
        raise wrong(problem)
    return Endpoint(scheme, host, _port(where, found["port"], scheme), _path(where, found["path"] or ""))


def check_endpoint(where: str, text: str, kind: KindRules) -> Endpoint:
    """``endpoint_parts``, which also refuses an endpoint that ends with a path that Linx adds itself."""
    parts = endpoint_parts(where, text, may_have_query=True)
    lowered = parts.path.lower()
    for answered in _ANSWERED_PATHS:
        if lowered.endswith(answered) and not (lowered == "/models" and parts.host.endswith(_BELOW_MODELS)):
            raise ConfigError(where, f"must end before {answered}, which Linx adds by itself")
    if kind.added_path and lowered.endswith(kind.added_path):
        raise ConfigError(where, f"must end before {kind.added_path}, which Linx adds by itself")
    return parts


def query_of(endpoint: str) -> str:
    """What every request to the endpoint carries behind a question mark; empty for nothing."""
    return endpoint.partition("?")[2]


def base_of(endpoint: str) -> str:
    """The endpoint without its query and its last slash."""
    return endpoint.partition("?")[0].rstrip("/")


def root_of(endpoint: str) -> str:
    """The endpoint without its query, its last slash and a last ``/v1``."""
    return base_of(endpoint).removesuffix("/v1").rstrip("/")


def _query_problem(query: str, *, may_have_query: bool) -> str | None:
    if not may_have_query:
        return "must not contain a query (?...); put keys into api_key or headers"
    if any(_SECRET_HEADER.search(each.partition("=")[0]) for each in query.split("&")):
        return "must not contain a credential in its query; put it into api_key or headers"
    return None


def _host_problem(host: str, *, bracketed: bool) -> str | None:
    if not host:
        return "has no host (an IPv6 address needs square brackets)"
    if "%" in host:
        return "must not contain a zone or a percent sign in the host"
    address = address_of(host)
    if bracketed and (address is None or ":" not in host):
        return "must have an IPv6 address in the square brackets"
    if address is None:
        if _LOOKS_LIKE_IPV4.fullmatch(host.removesuffix(".")):
            return "has an IP address that is not in the form 192.168.1.20"
        if not is_host_name(host):
            return "has an invalid host name"
    if address in _METADATA_ADDRESSES or host.removesuffix(".") in _METADATA_NAMES:
        return "is the metadata service of a cloud, which holds credentials and no models"
    return None


def _port(where: str, text: str | None, scheme: str) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ConfigError(where, "must have a port from 1 to 65535 after the colon")
    return int(text)


def _path(where: str, path: str) -> str:
    segments = path.split("/")
    if "." in segments or ".." in segments:
        raise ConfigError(where, "must not contain . or .. in its path")
    return path.rstrip("/")


# --- hosts ---


def is_host_name(host: str) -> bool:
    name = host.removesuffix(".")
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def leads_to(host: str, bound: str) -> bool:
    """Does a connection to ``host`` reach a listener on the address ``bound`` of this machine?

    The names of this machine count, whatever they resolve to at the moment: a loop that
    starts only after a change of network is harder to understand than a refusal.
    """
    address, bound_address = address_of(host), address_of(bound)
    if address is not None and address == bound_address:
        return True
    is_wildcard = bound_address is not None and bound_address.is_unspecified
    if is_loopback(host):
        # Other loopback addresses, such as 127.0.0.2, do not reach a listener on 127.0.0.1.
        is_usual = address is None or address.is_unspecified or str(address) in ("127.0.0.1", "::1")
        return is_wildcard or (is_usual and is_loopback(bound))
    if address is None:
        name = host.lower().removesuffix(".")
        return name == bound.lower() or name in _own_names()
    return is_wildcard and _is_own(address)


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower().removesuffix(".")
    short = name.partition(".")[0]
    return frozenset({name, short, f"{short}.local"} - {""})


def _is_own(address: Address) -> bool:
    """Is this an address of this machine? Only such an address can be bound. Nothing is sent."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def check_listen_host(where: str, text: str) -> str:
    """Check a host to listen on, and return it without the brackets that an IPv6 address may have."""
    host = text.removeprefix("[").removesuffix("]")
    if "://" in text or "/" in text:
        raise ConfigError(where, "must be a host alone, such as 127.0.0.1, without a scheme or a path")
    if address_of(host) is None:
        if re.fullmatch(r"[^:]*:[0-9]+", host):
            raise ConfigError(where, "must be a host alone; the port goes to server.port or --port")
        if not is_host_name(host) or _LOOKS_LIKE_IPV4.fullmatch(host):
            raise ConfigError(where, "must be a host name or an IP address, such as 127.0.0.1 or 0.0.0.0")
    return host


def check_allowed_host(where: str, text: str) -> None:
    host = text.removeprefix("[").removesuffix("]").removeprefix("*.")
    if address_of(host) is None and not is_host_name(host):
        raise ConfigError(where, "must be a host name alone, without a scheme, a port or a path")


def check_allowed_origin(where: str, text: str) -> None:
    if not _ORIGIN.fullmatch(text):
        raise ConfigError(where, "must look like https://example.com, without a path; a key opens Linx to every origin")


# --- keys, headers and other texts ---


def is_placeholder(key: str) -> bool:
    """Is the text a placeholder, as examples have it in place of a key?"""
    return _PLACEHOLDER.fullmatch(key) is not None


def check_key(where: str, key: str) -> None:
    """Raise ConfigError unless the key is one word of ASCII: a key is sent in headers and in paths."""
    if not key:
        raise ConfigError(where, "must not be empty")
    if len(key) > MAX_KEY:
        raise ConfigError(where, f"must not be longer than {MAX_KEY} characters")
    if not _KEY.fullmatch(key):
        raise ConfigError(where, "must not contain a space, a line end or a character outside ASCII")


def check_key_name(where: str, name: str) -> None:
    """Raise ConfigError unless the name of a key is one plain word: it stands in logs, labels and the ledger."""
    if not re.fullmatch(NAME, name) or len(name) > MAX_KEY_NAME:
        raise ConfigError(
            where,
            f"must be at most {MAX_KEY_NAME} letters, digits, dots, dashes and underscores, "
            "and begin with a letter or digit",
        )


def check_digest(where: str, digest: str) -> None:
    """Raise ConfigError unless the text is a SHA-256 as ``linx key add`` writes it."""
    if not _DIGEST.fullmatch(digest):
        raise ConfigError(where, "must be a SHA-256: 64 digits of 0-9 and a-f; linx key add makes one")


def check_headers(where: str, headers: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if not TOKEN.fullmatch(name.encode("utf-8", "replace")) or len(name) > 256:
            raise ConfigError(where, f"{shown(name)!r} is not a valid header name")
        if lowered in _REFUSED_HEADERS:
            raise ConfigError(f"{where}.{name}", f"cannot be set: it {_REFUSED_HEADERS[lowered]}")
        if lowered in seen:
            raise ConfigError(f"{where}.{name}", f"is given twice, also as {seen[lowered]}")
        seen[lowered] = name
        if not _HEADER_VALUE.fullmatch(value) or len(value) > MAX_HEADER_VALUE:
            raise ConfigError(
                f"{where}.{name}",
                "must be printable ASCII on one line, without spaces around it, and not empty",
            )


def credentials_in_headers(headers: Mapping[str, str]) -> Iterable[str]:
    """The values of headers that carry a credential by their names, for warnings."""
    return [value for name, value in headers.items() if _SECRET_HEADER.search(name)]


def secrets_in_headers(headers: Mapping[str, str]) -> Iterable[str]:
    """The values of all headers, since no name tells that a value is public.

    Of ``Bearer KEY`` also the ``KEY`` alone.
    """
    for value in headers.values():
        yield value
        scheme, _, credential = value.partition(" ")
        if scheme and credential:
            yield credential.strip()


def secrets_in_query(query: str) -> Iterable[str]:
    """The values in an endpoint's query, but for the version of the API that many services want there."""
    for each in query.split("&"):
        name, _, value = each.partition("=")
        if value and name.lower() not in _PUBLIC_QUERY:
            yield value
            yield unquote(value)


def check_keep_alive(where: str, value: float | str | None) -> None:
    if isinstance(value, str) and not _DURATION.fullmatch(value):
        raise ConfigError(where, 'must be a number of seconds or a duration with units, such as "10m" or "24h"')


def check_argument(where: str, value: str | None) -> None:
    """Raise ConfigError for a text that ssh or ngrok would take for an option or for several arguments."""
    if value is None:
        return
    if not value or value.startswith("-") or any(char <= " " or char == "\x7f" for char in value):
        raise ConfigError(where, "must not be empty, start with - or contain a space or a control character")


def check_tunnel_host(where: str, value: str | None) -> None:
    """Raise ConfigError unless ssh and ngrok can only read the value as a host name or an address."""
    if value is not None and address_of(value) is None and not is_host_name(value):
        raise ConfigError(where, "must be a host name alone, without a scheme, a port or a path")


def check_tunnel_user(where: str, value: str) -> None:
    """Raise ConfigError for a name with a slash: ssh gets ``user@host``, and would read it as a URL."""
    if "/" in value:
        raise ConfigError(where, "must be the name of a user, without a scheme or a path")


def check_path(where: str, value: str | None) -> None:
    if value is None:
        return
    if not value or value.startswith("-") or any(char < " " or char == "\x7f" for char in value):
        raise ConfigError(where, "must be a path that does not start with - and has no control character")


def shown(name: str) -> str:
    """A name from a config in a form for errors: short, printable, and without keys pasted into the wrong place."""
    return clean_shapes(quote(name, 40))


def key_of(name: str) -> str:
    """A name as one step of a dotted path, in quotes where it could be read as several steps."""
    text = shown(name)
    return text if re.fullmatch(r"[\w:/@+*-][\w.:/@+*-]*", text) else repr(text)
