"""Checks of the local servers that run and that no provider of the config is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from linx.config.shape import SECTIONS
from linx.core.addresses import DEFAULT_PORTS, Origin, is_loopback
from linx.core.redaction import escape_controls
from linx.doctor.checks.mends import mend_by
from linx.doctor.finding import Change, Finding, note, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.config.model import ProviderConfig
    from linx.doctor.facts import Facts, FoundServer


def unlisted(facts: Facts) -> Iterator[Finding]:
    """Local servers that run and are in no config."""
    if facts.config.config is None:
        return
    for server in facts.found:
        disabled = _disabled(facts, server)
        if disabled is not None:
            line, _not_done = mend_by(facts, Change((*disabled.key_path.split(".", 1), "enabled"), True))
            yield note(f"{escape_controls(server.title)} runs, and is disabled in the config", server.endpoint, line)
            continue
        change = _adding(facts, server)
        mend, edits = mend_by(facts, change)
        count = len(server.models)
        has = f", {count} model{'' if count == 1 else 's'}" if count else ""
        title = escape_controls(server.title)
        if is_discovering(facts):
            yield ok(f"{title}{has}; Linx takes it in by itself", server.endpoint, edits)
        else:
            yield note(f"{title} runs{has}, and is in no config", server.endpoint, mend, edits)


def _disabled(facts: Facts, server: FoundServer) -> ProviderConfig | None:
    """The provider of the config that the server is, and that is switched off there."""
    assert facts.config.config is not None
    here = [each for each in facts.config.config.providers if not each.enabled and each.key_path in _keys(facts)]
    return next((each for each in here if server_of(each.origin) == server_of(_origin(server))), None)


def _origin(server: FoundServer) -> Origin:
    parts = urlsplit(server.endpoint)
    return Origin(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])


def server_of(origin: Origin) -> tuple[str, int]:
    """Equal for two addresses of the same port of this machine."""
    return "localhost" if is_loopback(origin.host) else origin.host, origin.port


def _keys(facts: Facts) -> set[str]:
    """The sections of providers that the file has."""
    below = facts.config.tree.get("providers")
    names = below if isinstance(below, dict) else ()
    return {*(name for name in SECTIONS if name in facts.config.tree), *(f"providers.{name}" for name in names)}


def is_discovering(facts: Facts) -> bool:
    """Does Linx look for local servers itself, with this config? So it does where no file names a provider."""
    tree = facts.config.tree
    return tree.get("discovery", not (tree.get("providers") or any(name in tree for name in SECTIONS))) is True


def _adding(facts: Facts, server: FoundServer) -> Change:
    """The change that puts a local server into the config, under a name that is free there."""
    tree = facts.config.tree
    if server.kind in SECTIONS and server.kind not in tree:
        return Change((server.kind,), {"enabled": True, "endpoint": server.endpoint})
    below = tree.get("providers")
    taken = {*(below if isinstance(below, dict) else ()), *SECTIONS}
    port = urlsplit(server.endpoint).port
    names = (server.name, f"{server.name}-{port}", *(f"{server.name}-{port}-{number}" for number in range(2, 99)))
    name = next(each for each in names if each not in taken)
    return Change(("providers", name), {"kind": server.kind, "endpoint": server.endpoint})
