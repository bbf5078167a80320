"""Facts for tests of checks, where only a few of them matter."""

from __future__ import annotations

from typing import Any

from linx.config.model import Config, ProviderConfig
from linx.doctor.facts import ConfigFacts, Facts, ListenFacts, ProviderFacts
from linx.providers.kinds import KINDS


def provider(
    name: str = "box", kind: Any = "ollama", endpoint: str = "http://127.0.0.1:11434", **more: Any
) -> ProviderFacts:
    """A provider; ``config`` among ``more`` are keys of its section."""
    section = more.pop("config", {})
    config = ProviderConfig(name=name, kind=kind, endpoint=endpoint, **section)
    return ProviderFacts(config=config, kind=KINDS[kind], **more)


def facts(*providers: ProviderFacts, **more: Any) -> Facts:
    config = Config(providers=tuple(each.config for each in providers))
    usual: dict[str, Any] = {
        "now": 1_800_000_000.0,
        "platform": "linux",
        "env": {},
        "config": ConfigFacts(config, "/home/anna/config.json", "it is in this folder", {"ollama": {}}),
        "listen": ListenFacts("127.0.0.1", 8080),
        "providers": providers,
    }
    return Facts(**{**usual, **more})
