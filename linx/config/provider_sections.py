"""Makes a ProviderConfig out of each provider's section in the layered tree.

Each section is fitted to its shape, its texts are checked, and what it leaves out is filled
in. A mistake raises ConfigError; what works but is probably not meant becomes a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from linx.config import endpoint_rules
from linx.config import rules as config_rules
from linx.config.file import VariableNotSet
from linx.config.layers import is_enabled
from linx.config.misfit import fitted, known_keys, place, unknown_key
from linx.config.model import ProviderConfig, usual_mappings
from linx.config.rules import NAME
from linx.config.shape import SECTIONS, PriceShape, ProviderShape, SectionShape
from linx.core.addresses import address_of, is_loopback, is_near
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.config.layers import Layers
    from linx.config.shape import Kind

CLIENT_KEY = "client"
"""In place of a key: the provider is asked with the client's own."""
MAX_NAME = 64  # characters of a provider's name
_UNSET = SectionShape()
_NOWHERE = "http://unset.invalid"  # the endpoint of a disabled provider whose variable is not set


def provider_sections(layers: Layers) -> Iterator[ProviderConfig]:
    """Every provider, enabled or not, in the order of the file."""
    below = layers.tree["providers"]
    # A name such as ``ollama`` that is used below ``providers`` alone means that provider, and not the section.
    absent = {name for name in SECTIONS if name in below and not layers.has_section(name)}
    for name in layers.tree:
        if name in SECTIONS and name not in absent and layers.is_provider(name):
            where = layers.at(name)
            shape = fitted(_resolved(layers, layers.tree[name], where), SectionShape, where)
            if shape.kind not in (msgspec.UNSET, name):
                raise ConfigError(place(where, "kind"), f"is always {name} here; other kinds go below providers")
            yield _provider(layers, name, name, shape, where)
    for name, entry in below.items():
        where = layers.at("providers", name)
        if not re.fullmatch(NAME, name) or len(name) > MAX_NAME:
            raise ConfigError(
                where,
                f"is no name for a provider: use at most {MAX_NAME} letters, digits, dots, dashes and underscores, "
                "and begin with a letter or digit",
            )
        if name in SECTIONS and name not in absent:
            raise ConfigError(where, f"is configured twice: here and in the section {name}")
        entry_shape = fitted(_resolved(layers, entry, where), ProviderShape, where)
        yield _provider(layers, name, entry_shape.kind, entry_shape, where)


def _resolved(layers: Layers, section: dict[str, Any], where: str) -> dict[str, Any]:
    """The section with each ``env:NAME`` replaced. A provider whose variable is not set is disabled, with a warning:
    the other providers work without it."""
    if not is_enabled(section):
        return layers.resolved(section, where, is_wanted=False)
    try:
        return layers.resolved(section, where)
    except VariableNotSet as missing:
        layers.warn(missing.where, f"{missing.problem}, so this provider is disabled")
    return {**layers.resolved(section, where, is_wanted=False), "enabled": False}


def _provider(layers: Layers, name: str, kind: Kind, shape: SectionShape, where: str) -> ProviderConfig:
    endpoint = _endpoint(layers, shape, kind, where)
    parts = endpoint_rules.check_endpoint(place(where, "endpoint"), endpoint, layers.kinds[kind])
    config_rules.check_headers(place(where, "headers"), shape.headers)
    config_rules.check_keep_alive(place(where, "keep_alive"), shape.keep_alive)
    if "" in shape.model_mappings:
        raise ConfigError(place(where, "model_mappings"), "must not have an empty name")
    takes_client_key = shape.api_key == CLIENT_KEY
    if takes_client_key and parts.scheme != "https" and not is_loopback(parts.host):
        raise ConfigError(
            place(where, "api_key"),
            f'must not be "{CLIENT_KEY}" with this endpoint: keys of clients go over https:// or stay on this machine',
        )
    settled = {
        "name": name,
        "kind": kind,
        "endpoint": endpoint,
        "api_key": None if takes_client_key else _api_key(layers, shape, place(where, "api_key")),
        "takes_client_key": takes_client_key,
        "price": _price(shape, place(where, "price")),
    }
    provider = ProviderConfig(**{**msgspec.structs.asdict(shape), **settled})
    if layers.is_discovering and name in layers.implied:
        provider = msgspec.structs.replace(provider, yields_to_local=True)
    elif not layers.names_provider and provider.is_local and not provider.model_mappings:
        provider = msgspec.structs.replace(provider, model_mappings=usual_mappings())
    if provider.enabled:
        _warn_of_the_unwise(layers, provider, parts, where)
    return provider


def _endpoint(layers: Layers, shape: SectionShape, kind: Kind, where: str) -> str:
    if shape.endpoint is not msgspec.UNSET:
        return shape.endpoint
    if default := layers.kinds[kind].endpoint:
        return default
    if not shape.enabled:
        return _NOWHERE
    raise ConfigError(place(where, "endpoint"), f"is missing; kind {kind} has no default endpoint")


def _api_key(layers: Layers, shape: SectionShape, where: str) -> str | None:
    """The key to send. A placeholder counts as no key: the provider would answer it with a 401 that explains less."""
    if not shape.api_key:
        return None
    if config_rules.is_placeholder(shape.api_key):
        if shape.enabled:
            layers.warn(where, "is a placeholder and is not sent; put the real key there")
        return None
    config_rules.check_key(where, shape.api_key)
    return shape.api_key


def _price(shape: SectionShape, where: str) -> dict[str, PriceShape]:
    """The price by model, with ``*`` for all others, whichever of the two forms the file has."""
    flat = {key: value for key, value in shape.price.items() if isinstance(value, float)}
    if not flat:
        return {model: value for model, value in shape.price.items() if isinstance(value, PriceShape)}
    known = known_keys(PriceShape)
    for key in shape.price:
        if key not in known:
            raise unknown_key(where, key, known)
        if key not in flat:
            raise ConfigError(place(where, key), "must be a number, since the other entry of this price is a number")
    return {"*": PriceShape(**flat)}


def _warn_of_the_unwise(layers: Layers, provider: ProviderConfig, parts: endpoint_rules.Endpoint, where: str) -> None:
    is_remote = not is_near(parts.host)
    has_secret = bool(provider.api_key or config_rules.credentials_in_headers(provider.headers))
    if is_remote and parts.scheme == "http" and has_secret:
        layers.warn(place(where, "endpoint"), "sends a key over http:// in the clear; use https://")
    if is_remote and parts.scheme == "https" and address_of(parts.host):
        layers.warn(place(where, "endpoint"), "TLS certificates rarely name an IP address; use the host name")
    if is_remote and layers.kinds[provider.kind].needs_key and not has_secret and not provider.takes_client_key:
        layers.warn(place(where, "api_key"), f"is not set; kind {provider.kind} answers no request without a key")
    if is_remote and provider.api_key and len(provider.api_key) < config_rules.MIN_KEY:
        layers.warn(place(where, "api_key"), f"is shorter than {config_rules.MIN_KEY} characters; is it complete?")
    for kind, rules in layers.kinds.items():
        for key in rules.own_keys:
            is_set = getattr(provider, key) not in (None, getattr(_UNSET, key))
            if is_set and key not in layers.kinds[provider.kind].own_keys:
                layers.warn(place(where, key), f"has no effect: only kind {kind} uses it")
