"""The typed config that all other rooms read.

A ``Config`` is frozen. Every text in it has been checked and every ``env:NAME`` replaced,
so the code that reads it need not check again. ``load`` makes it.
"""

from __future__ import annotations

import msgspec

from linx.config import endpoint_rules
from linx.config import rules as config_rules
from linx.config.shape import (
    SECTIONS,
    URL,
    LedgerConfig,
    PriceShape,
    ProviderShape,
    RoutingConfig,
    ServerConfig,
    TunnelConfig,
)
from linx.core.addresses import Origin, is_near

DEMO = "demo"
"""The name of the provider that ``--demo`` adds; ``provider_priority`` may name it even without ``--demo``."""


class ProviderConfig(ProviderShape, frozen=True, kw_only=True):
    """One provider: the keys of its section, its name, and what follows from them.

    What a section may leave out is filled in here: the kind and the endpoint. ``price`` has
    one form, by model, with ``*`` for all others. The keys of the file are inherited from
    the section's shape.
    """

    name: str
    endpoint: URL
    price: dict[str, PriceShape] = msgspec.field(default_factory=dict)
    takes_client_key: bool = False
    """Is it asked with the client's own key? In the file that is ``api_key: "client"``; ``api_key`` is None here."""
    is_last_resort: bool = False
    """Its ``default`` mapping also serves models whose own providers are all down. Not a key of the file."""

    yields_to_local: bool = False
    """Is it asked only for names that no local provider has? So where no config names it. Not a key of the file."""

    @property
    def is_local(self) -> bool:
        """The key ``local`` of the section; without it, whether the endpoint is on this machine or network."""
        return is_near(self.origin.host) if self.local is msgspec.UNSET else self.local

    @property
    def root(self) -> str:
        """The endpoint without its query, its last slash and a last ``/v1``."""
        return endpoint_rules.root_of(self.endpoint)

    @property
    def base(self) -> str:
        """The endpoint without its query and its last slash."""
        return endpoint_rules.base_of(self.endpoint)

    @property
    def query(self) -> str:
        """What every request carries behind a question mark; empty for nothing."""
        return endpoint_rules.query_of(self.endpoint)

    @property
    def origin(self) -> Origin:
        return Origin(*endpoint_rules.endpoint_parts(self.name, self.endpoint, may_have_query=True)[:3])

    @property
    def key_path(self) -> str:
        """The path of its section in the file, as errors name it."""
        return self.name if self.name in SECTIONS else f"providers.{self.name}"


def usual_mappings() -> dict[str, str]:
    """The mappings of a local provider that no config names: names that nobody has get the model that is there."""
    return {"default": "auto"}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured. ``path`` is None without a file."""

    providers: tuple[ProviderConfig, ...] = ()
    routing: RoutingConfig = RoutingConfig()
    server: ServerConfig = ServerConfig()
    tunnel: TunnelConfig = TunnelConfig()
    ledger: LedgerConfig = LedgerConfig()
    discovery: bool = False
    """Are model servers of this machine looked for?"""
    names_provider: bool = True
    """Does the file name a provider? Without a file none does."""
    is_port_chosen: bool = True
    """Does the file or a flag say where to listen?"""
    path: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text in the config that must never be shown."""
        found = list(self.server.plain_keys)
        for provider in self.providers:
            if provider.api_key:
                found.append(provider.api_key)
            found.extend(config_rules.secrets_in_headers(provider.headers))
            found.extend(config_rules.secrets_in_query(provider.query))
        return tuple(found)

    def with_provider(self, provider: ProviderConfig) -> Config:
        """This config with ``provider`` added, in place of a provider of the same name if there is one."""
        others = tuple(each for each in self.providers if each.name != provider.name)
        return msgspec.structs.replace(self, providers=(*others, provider))
