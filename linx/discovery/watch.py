"""Looks at the usual places at the start, and every INTERVAL_S as long as Linx runs: what is found is a provider.

A place whose provider answers is left alone, so nothing that runs is disturbed. A provider whose server has gone stays,
and is down: its names must not lead to another provider. It goes only where another program has taken its place.

Not looked at are Linx's own addresses and the endpoints of the config. Another Linx, a server that wants a key, and a
server of unknown make are no providers by themselves; the log says so, with the lines that would make them some.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
import trio

from linx.config import endpoint_rules
from linx.config.model import ProviderConfig, usual_mappings
from linx.core.addresses import is_loopback, is_near
from linx.discovery import identify
from linx.discovery.hints import hint_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from linx.config.model import Config
    from linx.core.addresses import Origin
    from linx.discovery.identify import Found

INTERVAL_S = 15.0
SOON_S = 0.1
"""What has been found by then is a provider at once, without the places that are slow to answer."""
SETTLE_S = 3.0
"""How long OpenRouter waits for the first lists of the servers that were found."""

log = logging.getLogger("linx.discovery")


class Discovery:
    """``places`` are looked at. ``bound`` gives Linx's own addresses, ``config`` the one in force, ``reachable`` says
    whether a provider answers; ``changed`` puts what was found in force, ``listed`` waits until all have been asked for
    their models."""

    def __init__(
        self,
        places: Sequence[Origin],
        *,
        bound: Callable[[], Sequence[tuple[str, int]]],
        config: Callable[[], Config],
        reachable: Callable[[str], bool | None],
        changed: Callable[[], Awaitable[None]],
        listed: Callable[[], Awaitable[None]],
    ) -> None:
        self.places = tuple(places)
        self.seen: dict[Origin, Found] = {}
        """What answered at the last look, by place, also what is no provider."""
        self.has_looked = trio.Event()
        """Set when every place has been looked at once."""
        self.is_settled = False
        """Has every server of the first look been asked for its models? Until then nothing is asked elsewhere."""
        self._taken: dict[Origin, Found] = {}
        self._names: dict[Origin, str] = {}
        self._bound, self._config, self._reachable = bound, config, reachable
        self._changed, self._listed = changed, listed
        self._is_told = True

    async def run(self) -> None:
        """Look until cancelled. While the config does not want it, nothing is looked at."""
        while True:
            if self._config().discovery:
                await self.look()
                if not self.is_settled:
                    await self._settle()
            else:
                self.has_looked.set()
            await trio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Ask each place what it is, all at once, and put what is new in force."""
        done = trio.Event()

        async def ask_all() -> None:
            async with trio.open_nursery() as asking:
                for place in self._to_ask():
                    asking.start_soon(self._ask, place)
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_all)
            with trio.move_on_after(SOON_S):
                await done.wait()
            await self._tell()
            await done.wait()
            await self._tell()
        self.has_looked.set()

    def added_to(self, config: Config) -> Config:
        """The config with what was found as providers beside its own."""
        if not config.discovery:
            return config
        own = tuple(one for one in config.providers if self.is_settled or not one.yields_to_local)
        names = {one.name for one in config.providers}
        found = []
        for place in self.places:
            if place in self._taken and place in self._names and not _is_configured(place, config):
                section = self._section(place, names)
                names.add(section.name)
                found.append(section)
        return msgspec.structs.replace(config, providers=(*own, *found))

    def name_of(self, place: Origin) -> str | None:
        """The provider at a place; None where there is none."""
        return self._names.get(place) if place in self._taken else None

    # --- one look ---

    def _to_ask(self) -> list[Origin]:
        config = self._config()
        return [place for place in self.places if self._may_ask(place, config)]

    def _may_ask(self, place: Origin, config: Config) -> bool:
        if _is_configured(place, config):
            return False
        if any(port == place.port and endpoint_rules.leads_to(place.host, host) for host, port in self._bound()):
            return False
        name = self.name_of(place)
        return name is None or self._reachable(name) is False

    async def _ask(self, place: Origin) -> None:
        found = await identify.identify(place)
        before, taken = self.seen.get(place), self._taken.get(place)
        if found is None:
            self.seen.pop(place, None)
            return
        self.seen[place] = found
        if taken is not None and found.name != taken.name:
            log.info("%s is not at %s any more", taken.title, place)
            del self._taken[place]
            self._names.pop(place, None)
            self._is_told = False
        if found.is_usable:
            if place not in self._taken:
                self._taken[place] = found
                self._is_told = False
        elif before is None or before.title != found.title:
            if (hint := hint_for(found)) is not None:
                log.info("%s", hint)
            else:
                log.debug("%s: %s", place, found.title)

    async def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._name_new()
            await self._changed()

    def _name_new(self) -> None:
        """Name what was found, in the order of the places, since which server answered first is chance."""
        for place in self.places:
            found = self._taken.get(place)
            if found is None or place in self._names:
                continue
            self._names[place] = self._free_name(place, found)
            count = f", {len(found.models)} models" if len(found.models) != 1 else ", 1 model"
            state = ", loading its model" if found.is_loading else count if found.lists_models else ""
            log.info("found %s at %s%s: provider %s", found.title, place, state, self._names[place])

    async def _settle(self) -> None:
        with trio.move_on_after(SETTLE_S):
            await self._listed()
        self.is_settled = True
        if any(one.yields_to_local for one in self._config().providers):
            await self._changed()

    # --- the providers ---

    def _free_name(self, place: Origin, found: Found) -> str:
        """``llamacpp`` for the first of a sort, ``llamacpp-8081`` for a further one."""
        taken = {*self._names.values(), *(one.name for one in self._config().providers)}
        return next(name for name in _names(found.name, place.port) if name not in taken)

    def _section(self, place: Origin, taken: set[str]) -> ProviderConfig:
        found, name = self._taken[place], self._names[place]
        if name in taken:  # by a config that was read since
            name = next(each for each in _names(found.name, place.port) if each not in taken)
            self._names[place] = name
        assert found.kind is not None
        mappings = usual_mappings() if is_near(place.host) else {}
        return ProviderConfig(name=name, kind=found.kind, endpoint=str(place), model_mappings=mappings)


def _names(first: str, port: int) -> Sequence[str]:
    return (first, f"{first}-{port}", *(f"{first}-{port}-{number}" for number in range(2, 100)))


def _is_configured(place: Origin, config: Config) -> bool:
    """Has the config a provider there, be it a disabled one?"""
    return any(_is_same(one.origin, place) for one in config.providers)


def _is_same(one: Origin, other: Origin) -> bool:
    return one.port == other.port and (one.host == other.host or (is_loopback(one.host) and is_loopback(other.host)))
