"""How the config comes about: defaults < config.json < environment < flags.

What is wrong is a ConfigError of one line that names the file and the key; what is merely
unwise stands in ``Config.warnings``.

What a file leaves out: a key has its own default. A file that names no provider keeps the
built-in ones (Ollama on this machine, and OpenRouter where its key is in the environment);
one that names any has exactly those, the other sections being switched off, so that a
prompt never goes to a provider the file does not speak of. The variables LINX_API_KEY and
OPENROUTER_API_KEY win over whatever the file has in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linx.config import file as config_file
from linx.config import rules as config_rules
from linx.config.layers import DEFAULTS, NO_OVERRIDES, Layers, Overrides
from linx.config.misfit import place
from linx.config.model import Config
from linx.config.other_sections import routing_section, server_section, tunnel_section
from linx.config.provider_sections import provider_sections
from linx.core.errors import ConfigError
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.config.rules import KindRules


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the config is read from, at the start and at every reload."""

    kinds: Mapping[str, KindRules]
    """What the kinds of provider ask of a config, by name."""
    path: str | None = None
    """What ``--config`` named."""
    overrides: Overrides = NO_OVERRIDES
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False)

    def load(self) -> Config:
        """The config by the same four layers, read anew; its secrets are known to the redactor afterwards."""
        config = load(self.path, self.env, self.kinds, self.overrides)
        for secret in config.secrets:
            self.redactor.add(secret)
        return config

    def watched(self) -> tuple[str, ...]:
        """The files whose change may change the config, whether they exist or not."""
        return config_file.candidates(self.path, self.env)


@dataclass(frozen=True, slots=True)
class Options:
    """All that the command line asks of a running Linx."""

    config: Config
    """As it was read at start."""
    sources: Sources
    demo: bool = False
    demo_model: str | None = None
    gui: bool = False


def load(
    path: str | None, env: Mapping[str, str], kinds: Mapping[str, KindRules], overrides: Overrides = NO_OVERRIDES
) -> Config:
    """Read the config; ``path`` is what ``--config`` named, ``kinds`` what the kinds of provider ask of a config."""
    found = config_file.find(path, env)
    layers = Layers(config_file.read(found) if found else None, env, kinds, overrides)
    providers = tuple(provider_sections(layers))
    return Config(
        providers=providers,
        routing=routing_section(layers, [provider.name for provider in providers]),
        server=server_section(layers),
        tunnel=tunnel_section(layers),
        path=layers.path,
        warnings=tuple(layers.warnings),
    )


def refuse_own_address(config: Config, bound: Sequence[tuple[str, int]]) -> None:
    """ConfigError where an enabled provider is Linx itself, listening on ``bound``: (host, port) pairs."""
    for provider in config.providers:
        if not provider.enabled:
            continue
        origin = provider.origin
        for host, port in bound:
            if origin.port == port and config_rules.leads_to(origin.host, host):
                where = place(config.path or DEFAULTS, provider.key_path)
                raise ConfigError(
                    place(where, "endpoint"),
                    f"is Linx's own address (port {port}); correct it, or give Linx another port",
                )
