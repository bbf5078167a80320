"""The variables of the service, in a file that only its owner reads: keys do not belong on a command line.

The form is that of systemd's EnvironmentFile (systemd.exec(5)), ``NAME="value"``, which Linx reads as well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "service.env"
HEAD = "# Variables of the service, keys among them. `linx service install` writes this file, and keeps what you add.\n"
ALWAYS = (
    *("LINX_API_KEY", "OPENROUTER_API_KEY"),
    "PATH",  # a service has a short one; Ollama's unit brings that of the installation along, too
    *("XDG_CONFIG_HOME", "XDG_STATE_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""What Linx reads of the environment whatever the config says."""
_ENV = "env:"
_LINE = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|(.*))')
_ESCAPED = re.compile(r'(["\\`$])')


def names_in(tree: Any) -> Iterator[str]:
    """The variables that a config refers to as ``env:NAME``."""
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list):
            pending += part
        elif isinstance(part, str) and part.startswith(_ENV):
            yield part.removeprefix(_ENV)


def chosen(env: Mapping[str, str], tree: Any) -> dict[str, str]:
    """The part of this environment that the service needs. A value of several lines has no place in the file."""
    names = (*ALWAYS, *sorted({*names_in(tree)} - {*ALWAYS}))
    return {name: env[name] for name in names if env.get(name) and not re.search(r"[\r\n\0]", env[name])}


def text_of(values: Mapping[str, str]) -> str:
    lines = [f'{name}="{_escaped(value)}"\n' for name, value in values.items()]
    return HEAD + "".join(lines)


def _escaped(value: str) -> str:
    return _ESCAPED.sub(r"\\\1", value)


def values_in(text: str) -> dict[str, str]:
    """The variables of a file; comments, empty lines and lines of another form are passed over."""
    found = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            name, quoted, bare = match.groups()
            found[name] = bare.strip() if quoted is None else re.sub(r'\\(["\\`$])', r"\1", quoted)
    return found
