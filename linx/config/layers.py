"""Lays the four layers (defaults, file, environment, flags) over each other.

The result is one tree in the shape of the file, not yet typed. ``Layers`` remembers which
layer a value came from, so that an error about a value from the environment names the
variable and not the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from linx.config import endpoint_rules
from linx.config import file as config_file
from linx.config import rules as config_rules
from linx.config.misfit import known_keys, place, unknown_key
from linx.config.shape import SECTIONS, FileShape
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.config.endpoint_rules import KindRules

OPENROUTER = "openrouter"  # the section that a key in the environment can bring into being
SCHEMA = "$schema"  # a key that tells editors where the JSON Schema is, and Linx nothing
DEFAULTS = "built-in defaults"  # the name of the config in errors where there is no file


@dataclass(frozen=True, slots=True)
class Overrides:
    """The settings that flags of the command line override. None: the flag was not given."""

    port: int | None = None
    host: str | None = None
    tunnel: bool | None = None
    ollama: str | None = None
    api_key: str | None = field(default=None, repr=False)


NO_OVERRIDES = Overrides()


class Layers:
    """The merged tree, section by section, and the warnings found while merging."""

    def __init__(
        self,
        file: config_file.ConfigFile | None,
        env: Mapping[str, str],
        kinds: Mapping[str, KindRules],
        flags: Overrides,
    ) -> None:
        self.path = file.path if file else None
        self.warnings: list[str] = []
        self._label = file.label if file else DEFAULTS
        self._env = env
        self.kinds = kinds
        self._sources: dict[str, str] = {}
        self._given = set(file.tree if file else {})
        self.is_discovering = False
        """Are model servers looked for? Then a section that is not given is no provider, not even a disabled one."""
        self.implied: frozenset[str] = frozenset()
        """The sections that are enabled although nothing but the environment gives them."""
        self.names_provider = False
        """Does the file name a provider?"""
        if flags.ollama is not None:
            self._given.add("ollama")
        self.tree = self._sections(file.tree if file else {})
        if file and file.is_exposed and self._holds_secret():
            self.warn(self._label, "holds a key and can be read by other users of this machine; run: chmod 600")
        self.is_port_chosen = flags.port is not None or "port" in self.tree["server"]
        self._lay_over(flags)

    def has_section(self, name: str) -> bool:
        """Does the file have this section, or does a flag create it?"""
        return name in self._given

    def is_provider(self, name: str) -> bool:
        """Is the section ``name`` a provider, perhaps a disabled one?"""
        return not self.is_discovering or name in self._given or name in self.implied

    def at(self, *keys: str) -> str:
        """A place in the config as errors name it: ``config.json: server.port``."""
        where = self._label
        for key in keys:
            where = place(where, key)
        return where

    def warn(self, where: str, problem: str) -> None:
        self.warnings.append(f"{self._sources.get(where, where)}: {problem}")

    def resolved(self, section: dict[str, Any], where: str, *, is_wanted: bool = True) -> dict[str, Any]:
        """A section with each ``env:NAME`` replaced.

        A variable that is not set raises VariableNotSet in a section that is in use; elsewhere
        the key is left out.
        """
        found: dict[str, Any] = config_file.resolved(section, where, self._env, "refuse" if is_wanted else "drop")
        return found

    def _sections(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the file's tree, two levels deep, in which every section and every provider is an object."""
        known = known_keys(FileShape)
        tree = {key: value for key, value in tree.items() if key != SCHEMA}
        for key in tree:
            if key not in known:
                raise unknown_key(self._label, key, known)
        copied = {key: _object(self.at(key), value) for key, value in tree.items() if key != "discovery"}
        providers = copied.setdefault("providers", {})
        for name, entry in providers.items():
            providers[name] = _object(self.at("providers", name), entry)
        names_provider = bool(providers) or any(name in copied for name in SECTIONS)
        wish = tree.get("discovery", not names_provider)
        if not isinstance(wish, bool):
            raise ConfigError(self.at("discovery"), "must be true or false")
        self.is_discovering, self.names_provider = wish, names_provider
        implied = {"ollama"} if not names_provider and not wish else set()
        if self._env.get("OPENROUTER_API_KEY") and (wish or not names_provider) and not _has_openrouter(copied):
            implied.add(OPENROUTER)
        self.implied = frozenset(implied)
        for name in SECTIONS:
            copied.setdefault(name, {"enabled": name in implied})
        for name in ("routing", "server", "tunnel", "ledger"):
            copied.setdefault(name, {})
        return copied

    def _lay_over(self, flags: Overrides) -> None:
        """Replace values of the file by those of the environment and the flags.

        Each is checked here, so that an error names the variable or the flag.
        """
        tree = self.tree
        key = self._env.get("OPENROUTER_API_KEY")
        if key and is_enabled(tree[OPENROUTER]):
            self._set_key(OPENROUTER, key, "OPENROUTER_API_KEY")
        if key := self._env.get("LINX_API_KEY"):
            self._set_own_key(key, "LINX_API_KEY")
        if flags.api_key is not None:
            self._set_own_key(flags.api_key, "--api-key")
            self.warn("--api-key", "other users of this machine can see the key in the process list; use LINX_API_KEY")
        if flags.ollama is not None:
            endpoint_rules.check_endpoint("--ollama", flags.ollama, self.kinds["ollama"])
            tree["ollama"].update(endpoint=flags.ollama, enabled=True)
            self._sources[self.at("ollama", "endpoint")] = "--ollama"
        if flags.host is not None:
            tree["server"]["hostname"] = endpoint_rules.check_listen_host("--host", flags.host)
        if flags.port is not None:
            tree["server"]["port"] = flags.port
        if flags.tunnel is not None:
            tree["tunnel"]["use_tunnel"] = flags.tunnel

    def _set_own_key(self, key: str, source: str) -> None:
        """The key that clients must send, in place of all keys of the file."""
        in_file = self.tree["server"].get("api_key")
        named = [each for each in in_file if isinstance(each, dict)] if isinstance(in_file, list) else []
        self._set_key("server", key, source)
        if named:
            self.warn(self.at("server", "api_key"), _only_key(source, len(named)))

    def _set_key(self, section: str, key: str, source: str) -> None:
        config_rules.check_key(source, key)
        self.tree[section]["api_key"] = key
        self._sources[self.at(section, "api_key")] = source

    def _holds_secret(self) -> bool:
        """Does the file contain a key itself, and not only ``env:NAME``?"""
        sections = [self.tree["server"], *(self.tree[name] for name in SECTIONS), *self.tree["providers"].values()]
        for section in sections:
            keys = section.get("api_key")
            headers = section.get("headers")
            texts = list(keys) if isinstance(keys, list) else [keys]
            texts = [each.get("key") if isinstance(each, dict) else each for each in texts]
            if isinstance(headers, dict):
                texts += config_rules.credentials_in_headers({k: v for k, v in headers.items() if isinstance(v, str)})
            if any(isinstance(text, str) and _is_secret(text) for text in texts):
                return True
        return False


def _has_openrouter(tree: Mapping[str, Any]) -> bool:
    entries = tree["providers"]
    return OPENROUTER in tree or any(OPENROUTER in (name, entry.get("kind")) for name, entry in entries.items())


def _only_key(source: str, others: int) -> str:
    return (
        f"is the only key that clients may send now, and the {others} named in the file are not valid; without "
        f'{source} they are, and "env:NAME" in the list of the file stands for a key in the environment'
    )


def _is_secret(text: str) -> bool:
    return bool(text) and not config_file.is_reference(text) and not config_rules.is_placeholder(text)


def is_enabled(section: Mapping[str, Any]) -> bool:
    return section.get("enabled", True) is True


def _object(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(where, "must be an object: { ... }")
    return dict(value)
