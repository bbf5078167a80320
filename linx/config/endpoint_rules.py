"""What an endpoint and the name of a host in a config must look like, and which endpoint is Linx itself.

A text is judged by how it is written; no name is looked up in DNS. Every error is a
ConfigError that names the place. No error repeats a value, since a value may be a secret or
contain one.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple, Protocol

from linx.config.rules import SECRET_NAME
from linx.core.addresses import DEFAULT_PORTS, Address, address_of, is_loopback
from linx.core.errors import ConfigError

MAX_ENDPOINT = 2048  # characters


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
    if any(SECRET_NAME.search(each.partition("=")[0]) for each in query.split("&")):
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


def check_tunnel_host(where: str, value: str | None) -> None:
    """Raise ConfigError unless ssh and ngrok can only read the value as a host name or an address."""
    if value is not None and address_of(value) is None and not is_host_name(value):
        raise ConfigError(where, "must be a host name alone, without a scheme, a port or a path")
