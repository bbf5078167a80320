"""The providers of the config in force and the router over them, made anew at each reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.providers import catalog
from linx.providers.kinds import KINDS
from linx.providers.provider import Provider, never
from linx.routing.router import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.config.model import Config
    from linx.core.redaction import Redactor
    from linx.core.telemetry import Telemetry
    from linx.upstream.pool import Pool


class ProviderSet:
    """``apply`` replaces the router as a whole, with what was learnt of unchanged providers; ``run`` probes them.

    ``starting`` is for the providers of which Linx itself knows whether they are about to
    come up, by name.
    """

    def __init__(
        self,
        router: Router,
        pool: Pool,
        telemetry: Telemetry,
        redactor: Redactor,
        starting: Mapping[str, Callable[[], bool]],
    ) -> None:
        self.router = router
        self._pool = pool
        self._telemetry = telemetry
        self._redactor = redactor
        self._starting = starting
        self._probing = trio.CancelScope()

    def apply(self, config: Config) -> None:
        before = {provider.name: provider for provider in self.router.providers}
        providers = []
        for one in config.providers:
            if one.enabled:
                counters = self._telemetry.counters(one.name)
                starting = self._starting.get(one.name, never)
                provider = Provider(one, KINDS[one.kind], counters, starting=starting)
                if one.name in before:
                    provider.inherit(before[one.name])
                providers.append(provider)
        router = Router(providers, config.routing)
        router.inherit(self.router)
        self.router = router
        self._probing.cancel()

    async def run(self) -> None:
        """Probe every provider, each in a task of its own; those of the config before are no longer probed."""
        while True:
            with trio.CancelScope() as self._probing:
                async with trio.open_nursery() as nursery:
                    for provider in self.router.providers:
                        nursery.start_soon(catalog.watch, provider, self._pool, self._redactor)
                    await trio.sleep_forever()

    async def first_probes(self) -> None:
        """Returns when every provider has been probed once."""
        for provider in self.router.providers:
            await provider.probed.wait()

    def look_again(self, name: str) -> None:
        """Something has changed at this provider: probe it now rather than when its time comes."""
        for provider in self.router.providers:
            if provider.name == name:
                provider.health.raise_alarm()
