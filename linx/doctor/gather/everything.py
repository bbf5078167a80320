"""Gathers all facts side by side. Whatever is silent is left out after LIMIT_S, so a look never takes longer."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import certifi
import trio

from linx.config.shape import OTHER_PORTS
from linx.core.errors import ConfigError
from linx.discovery.identify import identify
from linx.discovery.places import usual_places
from linx.doctor.checks.servers import server_of
from linx.doctor.facts import ConfigFacts, Facts, FoundServer, ListenFacts, ProviderFacts
from linx.doctor.gather import disk, own, programs, settings
from linx.doctor.gather.probe import probe
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.config.load import Sources
    from linx.config.model import Config, ProviderConfig
    from linx.config.shape import ServerConfig
    from linx.core.addresses import Origin
    from linx.providers.kind import Kind

LIMIT_S = 5.0
IDENTIFY_S = 2.0


async def gather(sources: Sources, kinds: Mapping[str, Kind]) -> Facts:
    """Everything that can be known now."""
    facts = settings.read(sources)
    found = _Found()
    pool = Pool(Dialer(sources.env))
    with trio.move_on_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(found.thread, "service", partial(programs.service, sys.platform, sources.env))
            if facts.config is not None:
                _start(nursery, found, facts.config, facts, sources, kinds, pool)
    pool.close_idle()
    config = facts.config
    listen = found.parts.get("listen")
    if listen is None:
        server = None if config is None else config.server
        listen = ListenFacts("127.0.0.1", 0) if server is None else ListenFacts(server.hostname, server.port)
    return Facts(
        now=time.time(),
        platform=sys.platform,
        env=sources.env,
        config=facts,
        listen=listen,
        found=tuple(found.parts.get("found", ())),
        providers=tuple(found.providers[name] for name in found.order if name in found.providers),
        ledger=found.parts.get("ledger"),
        budgets=found.parts.get("budgets", ()),
        tunnel=found.parts.get("tunnel"),
        service=found.parts.get("service"),
        certificates=certificates_problem(sources.env),
    )


class _Found:
    """What has been found out so far."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}
        self.order: list[str] = []
        self.providers: dict[str, ProviderFacts] = {}

    async def thread(self, name: str, work: Callable[[], object]) -> None:
        """For what waits for the disk or for a program."""
        self.parts[name] = await trio.to_thread.run_sync(work, abandon_on_cancel=True)

    async def listen(self, server: ServerConfig, others: Sequence[int], pool: Pool) -> None:
        self.parts["listen"] = await own.look(server, (server.port, *others), pool)

    async def servers(self, config: Config, env: Mapping[str, str]) -> None:
        """Local servers at the usual places that no provider of the config is, and that need no key."""
        taken = {server_of(each.origin) for each in config.providers if each.enabled}
        places = [each for each in places_in(env) if server_of(each) not in taken]
        seen: dict[int, FoundServer] = {}

        async def ask(number: int, place: Origin) -> None:
            found = await identify(place, IDENTIFY_S)
            if found is not None and found.is_usable and found.kind is not None:
                seen[number] = FoundServer(found.title, found.name, found.kind, found.endpoint, found.models)

        async with trio.open_nursery() as nursery:
            for number, place in enumerate(places):
                nursery.start_soon(ask, number, place)
        self.parts["found"] = [seen[number] for number in sorted(seen)]

    async def provider(self, config: ProviderConfig, kind: Kind, sources: Sources, pool: Pool) -> None:
        self.providers[config.name] = await probe(config, kind, pool, sources.redactor)


def _start(
    nursery: trio.Nursery,
    found: _Found,
    config: Config,
    facts: ConfigFacts,
    sources: Sources,
    kinds: Mapping[str, Kind],
    pool: Pool,
) -> None:
    nursery.start_soon(found.thread, "ledger", partial(disk.ledger, config.ledger))
    nursery.start_soon(found.thread, "budgets", partial(disk.budgets, config))
    nursery.start_soon(found.thread, "tunnel", partial(programs.tunnel, config.tunnel, sources.env))
    others = () if facts.is_port_chosen else OTHER_PORTS
    nursery.start_soon(found.listen, config.server, others, pool)
    nursery.start_soon(found.servers, config, sources.env)
    for provider in config.providers:
        if provider.enabled:
            found.order.append(provider.name)
            nursery.start_soon(found.provider, provider, kinds[provider.kind], sources, pool)


def places_in(env: Mapping[str, str]) -> tuple[Origin, ...]:
    """Where to look for servers; nowhere if the environment names places that are none."""
    try:
        return usual_places(env)
    except ConfigError:
        return ()


def certificates_problem(env: Mapping[str, str]) -> str:
    """Why certificates cannot be verified, or not by the user's own authorities."""
    for name, is_there in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", os.path.isdir)):
        path = env.get(name)
        if path and not all(is_there(each) for each in path.split(os.pathsep)):
            return f"names {path}, which is not there, so that no private authority is trusted"
    if not os.path.isfile(certifi.where()):
        return "the certificates that Linx brings along are missing, so that no server is trusted"
    return ""
