"""The typed config: what is in force, as a whole.

A ``Config`` is frozen: every text in it is checked, every ``env:NAME`` replaced, so that
the code that uses it never checks again. How it comes about stands in ``load``.
"""

from __future__ import annotations

import msgspec

from linx.config import rules as config_rules
from linx.config.shape import (
    SECTIONS,
    URL,
    PriceShape,
    ProviderShape,
    RoutingConfig,
    ServerConfig,
    TunnelConfig,
)
from linx.core.addresses import Origin, is_near

DEMO = "demo"
"""The provider that ``--demo`` adds; ``provider_priority`` may rank it at any time."""


class ProviderConfig(ProviderShape, frozen=True, kw_only=True):
    """One provider: the keys of its section, its name, and what follows from both.

    What a section may leave open is settled: the kind, the endpoint, one form of ``price``
    (by model, ``*`` for all others). A key of the file is a field of the section's shape
    and nothing else.
    """

    name: str
    endpoint: URL
    price: dict[str, PriceShape] = msgspec.field(default_factory=dict)
    is_last_resort: bool = False
    """Its ``default`` mapping also answers a name whose own providers are all down. No key of a file."""

    @property
    def is_local(self) -> bool:
        """As the section says, else judged by the endpoint."""
        return is_near(self.origin.host) if self.local is msgspec.UNSET else self.local

    @property
    def root(self) -> str:
        """The endpoint without a last slash and without a last ``/v1``."""
        return config_rules.root_of(self.endpoint)

    @property
    def api(self) -> str:
        """The base of OpenAI's paths, such as ``http://localhost:11434/v1``."""
        return config_rules.api_base_of(self.endpoint)

    @property
    def origin(self) -> Origin:
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
