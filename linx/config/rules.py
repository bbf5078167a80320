"""What keys, headers and other texts in a config must look like; ``endpoint_rules`` has endpoints and hosts.

Every error is a ConfigError that names the place. No error repeats a value, since a value may be a secret or
contain one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from linx.core.errors import ConfigError, quote
from linx.core.redaction import clean_shapes
from linx.http1.grammar import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_KEY_NAME = 64  # characters
MIN_KEY = 16  # characters; shorter keys can be guessed
MAX_KEY = 1024
MAX_HEADER_VALUE = 8192
NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
"""The form of the names of providers and keys."""


_KEY = re.compile(r"[\x21-\x7e]+")
_PLACEHOLDER = re.compile(
    r"(?:sk-(?:or-(?:v1-)?|ant-|proj-)?|gsk_|hf_)?"
    r"(?:your[-_ ].*|.*your[-_ ]?(?:api|key|token|secret).*|<.*>|\.{3,}|x{4,}|\*{3,}|changeme|change[-_ ]me|"
    r"replace[-_ ]?me|insert[-_ ].*|api[-_ ]?key|todo|placeholder)",
    re.IGNORECASE | re.DOTALL,
)
_DIGEST = re.compile("[0-9a-f]{64}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential", re.IGNORECASE)
"""Found in the name of a header or a query parameter whose value is a credential."""
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
    return [value for name, value in headers.items() if SECRET_NAME.search(name)]


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
