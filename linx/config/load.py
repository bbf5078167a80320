"""The typed config, and how it comes about: defaults < config.json < environment < flags.

A ``Config`` is frozen and whole: every text in it is checked, every ``env:NAME`` replaced,
so that nobody behind it has to ask again. What is wrong is a ConfigError of one line that
names the file and the key; what is merely unwise stands in ``warnings``.

What a file leaves out: a key has its own default. A file that names no provider keeps the
built-in ones (Ollama on this machine, and OpenRouter where its key is in the environment);
one that names any has exactly those, the other sections being switched off, so that a
prompt never goes to a provider the file does not speak of. The variables LINX_API_KEY and
OPENROUTER_API_KEY win over whatever the file has in their place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import msgspec

from linx.config import file as config_file
from linx.config import rules as config_rules
from linx.config.layers import DEFAULTS, NO_OVERRIDES, Layers, Overrides, is_enabled
from linx.config.shape import (
    PROVIDER_NAME,
    SECTIONS,
    HedgeConfig,
    Kind,
    PriceShape,
    ProviderShape,
    RoutingConfig,
    SectionShape,
    ServerConfig,
    TunnelConfig,
    fitted,
    json_schema,
    known_keys,
    place,
    safe_repr,
    suggestion,
    unknown_key,
)
from linx.core.addresses import Origin, address_of, is_near
from linx.core.errors import ConfigError
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "Config",
    "HedgeConfig",
    "Options",
    "Overrides",
    "ProviderConfig",
    "RoutingConfig",
    "ServerConfig",
    "TunnelConfig",
    "json_schema",
    "load",
    "refuse_own_address",
]

DEMO = "demo"
"""The provider that ``--demo`` adds; ``provider_priority`` may rank it at any time."""

_ENDPOINTS: dict[str, str] = {
    "ollama": "http://localhost:11434",
    "llamacpp": "http://localhost:8081",
    "openrouter": "https://openrouter.ai/api/v1",
}
_NOWHERE = "http://unset.invalid"  # the endpoint of a disabled provider whose variable is not set
_OLLAMA_ONLY = ("num_ctx", "keep_alive")


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


@dataclass(frozen=True, slots=True)
class Options:
    """All that the command line asks of a running Linx, and the way to read its config (again)."""

    config: Config
    """As it was read at start."""
    config_path: str | None = None
    overrides: Overrides = NO_OVERRIDES
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False)
    demo: bool = False
    demo_model: str | None = None
    gui: bool = False

    def started(self, config: Config) -> Options:
        return replace(self, config=config)

    def load(self) -> Config:
        """The config by the same four layers, read anew; its secrets are known to the redactor afterwards."""
        config = load(self.config_path, self.env, self.overrides)
        for secret in config.secrets:
            self.redactor.add(secret)
        return config

    def watched(self) -> tuple[str, ...]:
        """The files whose change may change the config, whether they exist or not."""
        return config_file.candidates(self.config_path, self.env)


def load(path: str | None, env: Mapping[str, str], overrides: Overrides = NO_OVERRIDES) -> Config:
    """Read the config; ``path`` is what ``--config`` named."""
    found = config_file.find(path, env)
    return _Typing(Layers(config_file.read(found) if found else None, env, overrides)).config()


class _Typing:
    """From the layered tree to the typed config."""

    def __init__(self, layers: Layers) -> None:
        self.tree = layers.tree
        self.layers = layers
        self.at = layers.at
        self.warn = layers.warn

    def config(self) -> Config:
        providers = tuple(self._providers())
        return Config(
            providers=providers,
            routing=self._routing(providers),
            server=self._server(),
            tunnel=self._tunnel(),
            path=self.layers.path,
            warnings=tuple(self.layers.warnings),
        )

    # --- providers ---

    def _providers(self) -> Iterator[ProviderConfig]:
        for name in self.tree:
            if name in SECTIONS and not self._stands_below(name):
                section = self.layers.resolved(self.tree[name], self.at(name), is_wanted=is_enabled(self.tree[name]))
                shape = fitted(section, SectionShape, self.at(name))
                if shape.kind not in (msgspec.UNSET, name):
                    raise ConfigError(self.at(name, "kind"), f"is always {name} here; other kinds go below providers")
                yield self._provider(name, msgspec.structs.replace(shape, kind=name), self.at(name))
        for name, entry in self.tree["providers"].items():
            where = self.at("providers", name)
            if not re.fullmatch(PROVIDER_NAME, name) or len(name) > 64:
                raise ConfigError(where, "a name has letters, digits, dot, dash and underscore, starts with the former")
            if name in SECTIONS and not self._stands_below(name):
                raise ConfigError(where, f"is there twice: here and as the section {name}")
            section = self.layers.resolved(entry, where, is_wanted=is_enabled(entry))
            yield self._provider(name, fitted(section, ProviderShape, where), where)

    def _stands_below(self, name: str) -> bool:
        """Is a section's name used below ``providers`` instead, and only there?"""
        return name in self.tree["providers"] and not self.layers.has_section(name)

    def _provider(self, name: str, shape: SectionShape, where: str) -> ProviderConfig:
        kind: Kind = shape.kind  # type: ignore[assignment]  # it is set by now
        endpoint = self._endpoint(shape, kind, where)
        parts = config_rules.check_endpoint(place(where, "endpoint"), endpoint, kind)
        config_rules.check_headers(place(where, "headers"), shape.headers)
        config_rules.check_keep_alive(place(where, "keep_alive"), shape.keep_alive)
        if "" in shape.model_mappings:
            raise ConfigError(place(where, "model_mappings"), "must not have an empty name")
        provider = ProviderConfig(
            name=name,
            kind=kind,
            endpoint=endpoint,
            enabled=shape.enabled,
            api_key=self._provider_key(shape, place(where, "api_key")),
            thinking_mode=shape.thinking_mode,
            model_mappings=shape.model_mappings,
            headers=shape.headers,
            models=shape.models,
            local=is_near(parts.host) if shape.local is msgspec.UNSET else shape.local,
            price=self._price(shape, place(where, "price")),
            max_concurrent=shape.max_concurrent,
            allow_manage=shape.allow_manage,
            native=shape.native,
            num_ctx=shape.num_ctx,
            keep_alive=shape.keep_alive,
        )
        if provider.enabled:
            self._judge(provider, parts, where)
        return provider

    def _endpoint(self, shape: SectionShape, kind: str, where: str) -> str:
        if shape.endpoint is not msgspec.UNSET:
            return shape.endpoint
        if kind in _ENDPOINTS:
            return _ENDPOINTS[kind]
        if not shape.enabled:
            return _NOWHERE
        raise ConfigError(place(where, "endpoint"), f"is missing; a provider of kind {kind} has no usual one")

    def _provider_key(self, shape: SectionShape, where: str) -> str | None:
        """A placeholder counts as no key: sending it would only earn a 401 with a worse explanation."""
        if not shape.api_key:
            return None
        if config_rules.is_placeholder(shape.api_key):
            if shape.enabled:
                self.warn(where, "is a placeholder and is not sent; put the real key there")
            return None
        config_rules.check_key(where, shape.api_key)
        return shape.api_key

    def _price(self, shape: SectionShape, where: str) -> dict[str, dict[str, float]]:
        """Both ways to write a price as one: by model, ``*`` for all others."""
        flat = {key: value for key, value in shape.price.items() if isinstance(value, float)}
        if not flat:
            return {
                model: {"prompt": value.prompt, "completion": value.completion}
                for model, value in shape.price.items()
                if isinstance(value, PriceShape)
            }
        known = known_keys(PriceShape)
        for key in shape.price:
            if key not in known:
                raise unknown_key(where, key, known)
            if key not in flat:
                raise ConfigError(place(where, key), "must be a number, since the other price is one")
        return {"*": {key: flat.get(key, 0.0) for key in known}}

    def _judge(self, provider: ProviderConfig, parts: config_rules.Endpoint, where: str) -> None:
        """Warn of what works but is hardly meant."""
        is_remote = not is_near(parts.host)
        has_secret = bool(provider.api_key or [*config_rules.secrets_in_headers(provider.headers)])
        if is_remote and parts.scheme == "http" and has_secret:
            self.warn(place(where, "endpoint"), "sends a key over http:// in the clear; use https://")
        if is_remote and parts.scheme == "https" and address_of(parts.host):
            self.warn(place(where, "endpoint"), "certificates are rarely made out to a bare IP address; use the name")
        if is_remote and provider.kind == "openrouter" and not has_secret:
            self.warn(place(where, "api_key"), "is not set; OpenRouter answers nothing without one")
        if is_remote and provider.api_key and len(provider.api_key) < config_rules.MIN_KEY:
            self.warn(place(where, "api_key"), f"is shorter than {config_rules.MIN_KEY} characters; is it whole?")
        for key in _OLLAMA_ONLY:
            if provider.kind != "ollama" and getattr(provider, key) is not None:
                self.warn(place(where, key), "has no effect: it is for kind ollama")

    # --- the rest ---

    def _routing(self, providers: Sequence[ProviderConfig]) -> RoutingConfig:
        where = self.at("routing")
        routing = fitted(self.layers.resolved(self.tree["routing"], where), RoutingConfig, where)
        known = tuple(provider.name for provider in providers)
        seen: set[str] = set()
        for at, rank in enumerate(routing.provider_priority):
            for name in (rank,) if isinstance(rank, str) else rank:
                here = f"{place(where, 'provider_priority')}[{at}]"
                if name not in known and name != DEMO:
                    word = config_rules.shown(name)
                    raise ConfigError(here, f"no provider is called {word!r}; {suggestion(name, known)}")
                if name in seen:
                    raise ConfigError(here, f"names {name} a second time")
                seen.add(name)
        return routing

    def _server(self) -> ServerConfig:
        where = self.at("server")
        section = self.layers.resolved(self.tree["server"], where)
        keys = section.get("api_key")
        if isinstance(keys, str):
            section["api_key"] = [keys]
        elif keys is None:
            section["api_key"] = []
        server = fitted(section, ServerConfig, where)
        for at, key in enumerate(server.api_keys):
            here = place(where, "api_key") + ("" if isinstance(keys, str) else f"[{at}]")
            config_rules.check_key(here, key)
            if config_rules.is_placeholder(key):
                self.warn(here, "is a placeholder that anybody can guess")
            elif len(key) < config_rules.MIN_KEY:
                self.warn(here, f"is shorter than {config_rules.MIN_KEY} characters and can be guessed")
        for at, host in enumerate(server.allowed_hosts):
            config_rules.check_allowed_host(f"{place(where, 'allowed_hosts')}[{at}]", host)
        for at, origin in enumerate(server.allowed_origins):
            config_rules.check_allowed_origin(f"{place(where, 'allowed_origins')}[{at}]", origin)
        hostname = config_rules.check_listen_host(place(where, "hostname"), server.hostname)
        return msgspec.structs.replace(server, hostname=hostname)

    def _tunnel(self) -> TunnelConfig:
        where = self.at("tunnel")
        is_wanted = self.tree["tunnel"].get("use_tunnel", False) is True
        tunnel = fitted(self.layers.resolved(self.tree["tunnel"], where, is_wanted=is_wanted), TunnelConfig, where)
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


def refuse_own_address(config: Config, bound: Sequence[tuple[str, int]]) -> None:
    """ConfigError where an enabled provider is Linx itself, listening on ``bound``: (host, port) pairs."""
    for provider in config.providers:
        if not provider.enabled:
            continue
        origin = provider.origin_parts
        for host, port in bound:
            if origin.port == port and config_rules.leads_to(origin.host, host):
                where = place(config.path or DEFAULTS, provider.key_path)
                raise ConfigError(
                    place(where, "endpoint"),
                    f"is Linx's own address (port {port}); correct it, or give Linx another port",
                )
