"""Makes the typed sections routing, server, tunnel and ledger out of the layered tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from linx.config import endpoint_rules
from linx.config import rules as config_rules
from linx.config.misfit import fitted, place, suggestion
from linx.config.model import DEMO
from linx.config.shape import (
    FOUND_NAMES,
    SECTIONS,
    KeyShape,
    LedgerConfig,
    RoutingConfig,
    ServerConfig,
    TunnelConfig,
)
from linx.core.client_key import digest_of, key_by_place
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.config.layers import Layers


def routing_section(layers: Layers, providers: Sequence[str]) -> RoutingConfig:
    """``providers`` are the names that ``provider_priority`` may contain."""
    where = layers.at("routing")
    routing = fitted(layers.resolved(layers.tree["routing"], where), RoutingConfig, where)
    seen: set[str] = set()
    for at, rank in enumerate(routing.provider_priority):
        here = f"{place(where, 'provider_priority')}[{at}]"
        for name in (rank,) if isinstance(rank, str) else rank:
            if name not in providers and name != DEMO and not (layers.is_discovering and _may_be_found(name)):
                word = config_rules.shown(name)
                known = (*providers, *(FOUND_NAMES if layers.is_discovering else ()))
                raise ConfigError(here, f"there is no provider named {word!r}; {suggestion(name, known)}")
            if name in seen:
                raise ConfigError(here, f"names {name} a second time")
            seen.add(name)
    return routing


def _may_be_found(name: str) -> bool:
    return name in SECTIONS or re.sub(r"-[0-9]+$", "", name) in FOUND_NAMES


def server_section(layers: Layers) -> ServerConfig:
    where = layers.at("server")
    section = layers.resolved(layers.tree["server"], where)
    in_file = section.get("api_key")
    if isinstance(in_file, str):
        section["api_key"] = [in_file]
    elif in_file is None:
        section["api_key"] = []
    server = fitted(section, ServerConfig, where)
    _check_keys(layers, server.api_keys, place(where, "api_key"), is_list=not isinstance(in_file, str))
    for at, host in enumerate(server.allowed_hosts):
        endpoint_rules.check_allowed_host(f"{place(where, 'allowed_hosts')}[{at}]", host)
    for at, origin in enumerate(server.allowed_origins):
        endpoint_rules.check_allowed_origin(f"{place(where, 'allowed_origins')}[{at}]", origin)
    hostname = endpoint_rules.check_listen_host(place(where, "hostname"), server.hostname)
    return msgspec.structs.replace(server, hostname=hostname)


def _check_keys(layers: Layers, keys: Sequence[str | KeyShape], where: str, *, is_list: bool) -> None:
    names: dict[str, str] = {}
    digests: dict[bytes, str | KeyShape] = {}
    for at, entry in enumerate(keys):
        here = f"{where}[{at}]" if is_list else where
        if isinstance(entry, str):
            name, digest = key_by_place(at + 1).name, _checked_key(layers, here, entry)
        else:
            config_rules.check_key_name(place(here, "name"), entry.name)
            name, digest = entry.name, _checked_entry(layers, here, entry)
        if name in names:
            raise ConfigError(here, f"has the name {name}, which is also that of {names[name]}")
        names[name] = f"api_key[{at}]"
        other = digests.setdefault(digest, entry)
        if other is not entry and not (isinstance(other, str) and isinstance(entry, str)):
            raise ConfigError(here, "is a key that is given twice, under two names")


def _checked_key(layers: Layers, where: str, key: str) -> bytes:
    """The digest of a key that the config itself has."""
    config_rules.check_key(where, key)
    if config_rules.is_placeholder(key):
        layers.warn(where, "is a placeholder that anybody can guess")
    elif len(key) < config_rules.MIN_KEY:
        layers.warn(where, f"is shorter than {config_rules.MIN_KEY} characters and can be guessed")
    return digest_of(key.encode())


def _checked_entry(layers: Layers, where: str, entry: KeyShape) -> bytes:
    """The digest of the key of a named entry."""
    if (entry.key is None) == (entry.key_sha256 is None):
        raise ConfigError(where, "must have either key or key_sha256")
    if entry.key is not None:
        return _checked_key(layers, place(where, "key"), entry.key)
    config_rules.check_digest(place(where, "key_sha256"), entry.key_sha256 or "")
    return entry.digest


def tunnel_section(layers: Layers) -> TunnelConfig:
    where = layers.at("tunnel")
    is_wanted = layers.tree["tunnel"].get("use_tunnel", False) is True
    tunnel = fitted(layers.resolved(layers.tree["tunnel"], where, is_wanted=is_wanted), TunnelConfig, where)
    for key in ("domain", "ssh_host", "ssh_user"):
        config_rules.check_argument(place(where, key), getattr(tunnel, key))
    for key in ("domain", "ssh_host"):
        endpoint_rules.check_tunnel_host(place(where, key), getattr(tunnel, key))
    config_rules.check_tunnel_user(place(where, "ssh_user"), tunnel.ssh_user)
    for key in ("ssh_identity", "ssh_known_hosts", "ngrok_path"):
        config_rules.check_path(place(where, key), getattr(tunnel, key))
    if tunnel.public_url is not None:
        endpoint_rules.endpoint_parts(place(where, "public_url"), tunnel.public_url)
    return tunnel


def ledger_section(layers: Layers) -> LedgerConfig:
    where = layers.at("ledger")
    ledger = fitted(layers.resolved(layers.tree["ledger"], where), LedgerConfig, where)
    config_rules.check_path(place(where, "path"), ledger.path)
    return ledger
