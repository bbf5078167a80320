"""Loads the config in one call. Later layers win: defaults, then config.json, then environment, then flags.

An error raises ConfigError: one line that names the file and the key. What works but is
unwise becomes a text in ``Config.warnings``.

A key that the file leaves out has its default. Where no file names a provider, the model
servers of this machine are looked for (see ``discovery``), and OpenRouter is taken in if its
key is in the environment. A file that names a provider gets exactly the providers that it
names, so that a prompt never goes to a provider that is not in the file, unless it has
``"discovery": true``. The variables LINX_API_KEY and
OPENROUTER_API_KEY win over the keys in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from linx.config import endpoint_rules
from linx.config import file as config_file
from linx.config.layers import DEFAULTS, NO_OVERRIDES, Layers, Overrides
from linx.config.misfit import place
from linx.config.model import Config
from linx.config.money_warnings import warn_of_money
from linx.config.other_sections import ledger_section, routing_section, server_section, tunnel_section
from linx.config.provider_sections import provider_sections
from linx.core.errors import ConfigError, quote
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.config.endpoint_rules import KindRules


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the config is read from, at the start and at every reload."""

    kinds: Mapping[str, KindRules]
    """The rules that each kind of provider has for its config, by the kind's name."""
    path: str | None = None
    """The value of ``--config``."""
    overrides: Overrides = NO_OVERRIDES
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False)

    def load(self) -> Config:
        """Read all layers anew and tell the redactor the secrets in them. Raises ConfigError."""
        config = load(self.path, self.env, self.kinds, self.overrides)
        self.redactor.add(*config.secrets)
        return config

    def watched(self) -> tuple[str, ...]:
        """The paths to watch for changes; the files need not exist yet."""
        return config_file.candidates(self.path, self.env)


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that the command line says about a running Linx."""

    config: Config
    """The config as it was read at the start."""
    sources: Sources
    demo: bool = False
    demo_model: str | None = None
    gui: bool = False


def load(
    path: str | None, env: Mapping[str, str], kinds: Mapping[str, KindRules], overrides: Overrides = NO_OVERRIDES
) -> Config:
    """Read the config. ``path`` and ``kinds`` are those of ``Sources``."""
    found = config_file.find(path, env)
    layers = Layers(config_file.read(found) if found else None, env, kinds, overrides)
    if (foreign := config_file.passed_over(path, env)) is not None:
        layers.warnings.append(foreign)
    return _config(layers)


def try_text(text: bytes, path: str, sources: Sources) -> Config:
    """What a file at ``path`` with this text would be. Nothing is read or written. Raises ConfigError."""
    label = quote(path, 200)
    file = config_file.ConfigFile(path, label, config_file.parse(text, label), is_exposed=False)
    return _config(Layers(file, sources.env, sources.kinds, sources.overrides))


def _config(layers: Layers) -> Config:
    providers = tuple(provider_sections(layers))
    config = Config(
        providers=providers,
        routing=routing_section(layers, [provider.name for provider in providers]),
        discovery=layers.is_discovering,
        names_provider=layers.names_provider,
        is_port_chosen=layers.is_port_chosen,
        server=server_section(layers),
        tunnel=tunnel_section(layers),
        ledger=ledger_section(layers),
        path=layers.path,
    )
    warn_of_money(layers, config)
    return msgspec.structs.replace(config, warnings=tuple(layers.warnings))


def refuse_own_address(config: Config, bound: Sequence[tuple[str, int]]) -> None:
    """Raise ConfigError if the endpoint of an enabled provider is Linx itself, which listens on ``bound``."""
    for provider in config.providers:
        if not provider.enabled:
            continue
        origin = provider.origin
        for host, port in bound:
            if origin.port == port and endpoint_rules.leads_to(origin.host, host):
                where = place(config.path or DEFAULTS, provider.key_path)
                raise ConfigError(
                    place(where, "endpoint"),
                    f"is Linx's own address (port {port}); correct it, or give Linx another port",
                )
