"""Makes the typed sections routing, server, tunnel and ledger out of the layered tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from linx.config import rules as config_rules
from linx.config.misfit import fitted, place, suggestion
from linx.config.model import DEMO
from linx.config.shape import LedgerConfig, RoutingConfig, ServerConfig, TunnelConfig
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
            if name not in providers and name != DEMO:
                word = config_rules.shown(name)
                raise ConfigError(here, f"there is no provider named {word!r}; {suggestion(name, providers)}")
            if name in seen:
                raise ConfigError(here, f"names {name} a second time")
            seen.add(name)
    return routing


def server_section(layers: Layers) -> ServerConfig:
    where = layers.at("server")
    section = layers.resolved(layers.tree["server"], where)
    in_file = section.get("api_key")
    if isinstance(in_file, str):
        section["api_key"] = [in_file]
    elif in_file is None:
        section["api_key"] = []
    server = fitted(section, ServerConfig, where)
    for at, key in enumerate(server.api_keys):
        here = place(where, "api_key") + ("" if isinstance(in_file, str) else f"[{at}]")
        config_rules.check_key(here, key)
        if config_rules.is_placeholder(key):
            layers.warn(here, "is a placeholder that anybody can guess")
        elif len(key) < config_rules.MIN_KEY:
            layers.warn(here, f"is shorter than {config_rules.MIN_KEY} characters and can be guessed")
    for at, host in enumerate(server.allowed_hosts):
        config_rules.check_allowed_host(f"{place(where, 'allowed_hosts')}[{at}]", host)
    for at, origin in enumerate(server.allowed_origins):
        config_rules.check_allowed_origin(f"{place(where, 'allowed_origins')}[{at}]", origin)
    hostname = config_rules.check_listen_host(place(where, "hostname"), server.hostname)
    return msgspec.structs.replace(server, hostname=hostname)


def tunnel_section(layers: Layers) -> TunnelConfig:
    where = layers.at("tunnel")
    is_wanted = layers.tree["tunnel"].get("use_tunnel", False) is True
    tunnel = fitted(layers.resolved(layers.tree["tunnel"], where, is_wanted=is_wanted), TunnelConfig, where)
    for key in ("domain", "ssh_host", "ssh_user"):
        config_rules.check_argument(place(where, key), getattr(tunnel, key))
    for key in ("domain", "ssh_host"):
        config_rules.check_tunnel_host(place(where, key), getattr(tunnel, key))
    config_rules.check_tunnel_user(place(where, "ssh_user"), tunnel.ssh_user)
    for key in ("ssh_identity", "ssh_known_hosts", "ngrok_path"):
        config_rules.check_path(place(where, key), getattr(tunnel, key))
    if tunnel.public_url is not None:
        config_rules.endpoint_parts(place(where, "public_url"), tunnel.public_url)
    return tunnel


def ledger_section(layers: Layers) -> LedgerConfig:
    where = layers.at("ledger")
    ledger = fitted(layers.resolved(layers.tree["ledger"], where), LedgerConfig, where)
    config_rules.check_path(place(where, "path"), ledger.path)
    return ledger
