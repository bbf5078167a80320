"""The typed config: what is in force, as a whole.

A ``Config`` is frozen: every text in it is checked, every ``env:NAME`` replaced, so that
nobody behind it has to ask again. How it comes about is ``load``'s business.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from linx.config import rules as config_rules
from linx.config.shape import SECTIONS, Kind, RoutingConfig, ServerConfig, TunnelConfig, safe_repr
from linx.core.addresses import is_near

DEMO = "demo"
"""The provider that ``--demo`` adds; ``provider_priority`` may rank it at any time."""


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. ``price`` is in USD per million tokens, by model, ``*`` for all others."""

    name: str
    kind: Kind
    endpoint: str
    enabled: bool = True
    api_key: str | None = None
    thinking_mode: bool | None = None
    model_mappings: dict[str, str] = {}
    headers: dict[str, str] = {}
    models: tuple[str, ...] = ()
    local: bool = None  # type: ignore[assignment]  # None: judged by the endpoint, at once
    price: dict[str, dict[str, float]] = {}
    max_concurrent: int | None = None
    allow_manage: bool = True
    native: bool = False
    num_ctx: int | Literal["auto"] | None = None
    keep_alive: float | str | None = None

    def __post_init__(self) -> None:
        if self.local is None:
            msgspec.structs.force_setattr(self, "local", is_near(self.origin_parts.host))

    def __repr__(self) -> str:
        return safe_repr(self, hidden=("api_key",), masked=("headers",))

    @property
    def root(self) -> str:
        """The endpoint without a last slash and without a last ``/v1``."""
        return config_rules.root_of(self.endpoint)

    @property
    def api(self) -> str:
        """The base of OpenAI's paths, such as ``http://localhost:11434/v1``."""
        return config_rules.api_base_of(self.endpoint)

    @property
    def origin_parts(self) -> Origin:
        return Origin(*config_rules.endpoint_parts(self.name, self.endpoint)[:3])

    @property
    def key_path(self) -> str:
        """Where it stands in the file, as errors say it."""
        return self.name if self.name in SECTIONS else f"providers.{self.name}"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured, in force as a whole. ``path`` is None without a file."""

    providers: tuple[ProviderConfig, ...] = ()
    routing: RoutingConfig = RoutingConfig()
    server: ServerConfig = ServerConfig()
    tunnel: TunnelConfig = TunnelConfig()
    path: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be shown."""
        found = list(self.server.api_keys)
        for provider in self.providers:
            if provider.api_key:
                found.append(provider.api_key)
            found.extend(config_rules.secrets_in_headers(provider.headers))
        return tuple(found)

    def with_provider(self, provider: ProviderConfig) -> Config:
        """The same with one provider more, or with one of the same name replaced."""
        others = tuple(one for one in self.providers if one.name != provider.name)
        return msgspec.structs.replace(self, providers=(*others, provider))
