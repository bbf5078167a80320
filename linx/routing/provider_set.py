"""The providers of the config in force and their router; each reload makes new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.providers import catalog
from linx.providers.kinds import KINDS
from linx.providers.provider import Provider, never
from linx.routing.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.config.model import Config, ProviderConfig
    from linx.core.redaction import Redactor
    from linx.core.telemetry import Telemetry
    from linx.routing.gate import Rule
    from linx.upstream.pool import Pool

STEP = 25
"""Providers that are made, or begin to be probed, before other tasks get their turn: about 5 ms."""
PAUSE_S = 0.05
"""Between two steps of first probes: 3,000 at once held the event loop for 6 s, and again at each interval."""


class ProviderSet:
    """``apply`` makes new providers and a new router; ``run`` probes the providers.

    A new provider takes over what the provider of the same name has learnt. ``starting`` has,
    by name, a function for each provider that Linx starts itself: is it still starting? ``rules`` are those of the gate
    that have to do with more than the config.
    """

    def __init__(
        self,
        router: Router,
        pool: Pool,
        telemetry: Telemetry,
        redactor: Redactor,
        starting: Mapping[str, Callable[[], bool]],
        rules: Sequence[Rule] = (),
    ) -> None:
        self.router = router
        self._pool = pool
        self._telemetry = telemetry
        self._redactor = redactor
        self._starting = starting
        self._rules = rules
        self._probing = trio.CancelScope()

    def _made(self, section: ProviderConfig) -> Provider:
        counters = self._telemetry.counters(section.name)
        starting = self._starting.get(section.name, never)
        return Provider(section, KINDS[section.kind], counters, starting=starting)

    async def make(self, config: Config) -> list[Provider]:
        """The providers of ``config`` for ``apply``, made in steps, between which other tasks run."""
        providers: list[Provider] = []
        for section in config.providers:
            if section.enabled:
                providers.append(self._made(section))
                if len(providers) % STEP == 0:
                    await trio.lowlevel.checkpoint()
        return providers

    def apply(self, config: Config, made: Sequence[Provider] | None = None) -> None:
        """Put ``config`` in force. ``made``: what ``make`` has made of it."""
        before = {provider.name: provider for provider in self.router.providers}
        if made is None:
            made = [self._made(section) for section in config.providers if section.enabled]
        providers = list(made)
        for provider in providers:
            if provider.name in before:
                provider.inherit(before[provider.name])
        router = Router(providers, config.routing, self._rules)
        router.inherit(self.router)
        self.router = router
        self._probing.cancel()

    async def run(self) -> None:
        """Probe the providers in force, each in a task of its own, until cancelled; ``apply`` ends the tasks before."""
        while True:
            with trio.CancelScope() as self._probing:
                async with trio.open_nursery() as nursery:
                    ollamas = [one for one in self.router.providers if one.cuts_prompts]
                    for one in ollamas if len(ollamas) > 1 else ():
                        nursery.start_soon(catalog.watch_loaded, one, self._pool)
                    for number, provider in enumerate(self.router.providers, 1):
                        nursery.start_soon(catalog.watch, provider, self._pool, self._redactor)
                        if number % STEP == 0:
                            await trio.sleep(PAUSE_S)
                    await trio.sleep_forever()

    async def first_probes(self) -> None:
        """Returns when every provider has been probed once."""
        for provider in self.router.providers:
            await provider.probed.wait()

    def look_again(self, name: str) -> None:
        """Probe this provider at once, because something has changed there."""
        for provider in self.router.providers:
            if provider.name == name:
                provider.health.raise_alarm()
