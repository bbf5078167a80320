"""Checks of the environment: variables that send clients, Linx or an Ollama elsewhere than the user thinks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from linx.core.addresses import is_loopback
from linx.core.errors import quote
from linx.discovery.hints import KEY_VARIABLES
from linx.discovery.places import ollama_host
from linx.doctor.edit import line_of
from linx.doctor.finding import Change, Finding, note, warning
from linx.service.environment_file import names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import Facts

_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_LOCAL_NAMES = "localhost,127.0.0.1,::1"


def environment(facts: Facts) -> Iterator[Finding]:
    """Variables that send clients, Linx or an Ollama elsewhere than the user thinks."""
    env = facts.env
    proxy = next((name for name in _PROXIES if env.get(name, "").strip()), None)
    if proxy is not None and not _spares_local(env.get("no_proxy") or env.get("NO_PROXY") or ""):
        yield warning(
            "sends what clients ask of this machine to a proxy, since NO_PROXY does not name it; Linx itself does not",
            proxy,
            f"export NO_PROXY={_LOCAL_NAMES}",
        )
    yield from _ollama_host(facts)
    yield from _unused_keys(facts)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if facts.certificates and env.get(name):
            yield warning(facts.certificates, name, f"unset {name}")


def _unused_keys(facts: Facts) -> Iterator[Finding]:
    """Keys that no provider uses. They are the user's money, so nothing but the line that would use them is said."""
    config = facts.config.config
    if config is None:
        return
    used = set(names_in(dict(facts.config.tree)))
    hosts = {provider.origin.host for provider in config.providers if provider.enabled}
    for one in KEY_VARIABLES:
        name = one.variable
        if facts.env.get(name) and name not in used and urlsplit(one.endpoint).hostname not in hosts:
            section = {"kind": one.kind, "endpoint": one.endpoint, "api_key": f"env:{name}"}
            line = line_of(Change(("providers", one.name), section))
            where = facts.config.path or facts.config.place_to_write
            yield note(
                "is set, and no provider uses it; that costs money, so only you can add it", name, f"{line} in {where}"
            )


def _spares_local(no_proxy: str) -> bool:
    entries = {entry.strip().lower() for entry in re.split(r"[,\s]+", no_proxy)}
    return "*" in entries or {"localhost", "127.0.0.1"} <= entries


def _ollama_host(facts: Facts) -> Iterator[Finding]:
    """An Ollama's client and Linx should ask the same Ollama."""
    told = ollama_host(facts.env)
    if told is None or facts.config.config is None:
        return
    endpoint = str(told)
    asked = [_server_of(provider.endpoint) for provider in facts.config.config.providers if provider.enabled]
    if _server_of(endpoint) not in asked:
        change = Change(("ollama", "endpoint"), endpoint)
        yield note(
            f"names {quote(endpoint, 100)}, which no provider asks",
            "OLLAMA_HOST",
            f"{line_of(change)} in {facts.config.path or facts.config.place_to_write}",
        )


def _server_of(endpoint: str) -> tuple[str, int]:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    return "localhost" if is_loopback(host) else host, parts.port or {"https": 443}.get(parts.scheme, 80)
