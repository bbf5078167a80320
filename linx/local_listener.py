"""The listener on ``server.hostname`` and ``server.port``: its addresses, its access rules, its limits.

Other machines can never use this listener without a key: where no key is configured and
other machines can reach it, Linx invents a key and shows it on the terminal.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

from linx.access import Access, Keys, Policy, is_only_this_machine, machine_names
from linx.config.load import refuse_own_address
from linx.config.shape import OTHER_PORTS
from linx.console import Console, cannot_listen
from linx.core.addresses import Origin, address_of
from linx.core.errors import ConfigError
from linx.discovery.identify import STRANGER, identify
from linx.server.limits import Limits

if TYPE_CHECKING:
    from linx.config.model import Config
    from linx.config.shape import ServerConfig
    from linx.core.redaction import Redactor
    from linx.server.listen import Server


OWNER_S = 1.0
"""How long the program that has the port is asked what it is."""
log = logging.getLogger("linx")


class CannotListen(Exception):
    """Linx cannot listen on the configured address; the text says why, and what to try."""


class LocalListener:
    """``listen`` binds once; ``apply`` puts keys, host names and limits in force, at the start and at each reload."""

    def __init__(self, server: Server, access: Access, console: Console, redactor: Redactor) -> None:
        self.bound: list[tuple[str, int]] = []
        """The bound addresses, as (host, port); the console shows the first."""
        self.keys = Keys()
        self._server = server
        self._access = access
        self._console = console
        self._redactor = redactor

    async def listen(self, config: Config) -> None:
        """Raises CannotListen, or ConfigError where the endpoint of a provider is one of the bound addresses."""
        host, port = config.server.hostname, config.server.port
        ports = (port,) if config.is_port_chosen else (port, *OTHER_PORTS)
        for number in ports:
            try:
                self.bound += await self._server.listen(host, number)
            except OSError as error:
                owner = await _owner(host, number) if error.errno == errno.EADDRINUSE else None
                if error.errno != errno.EADDRINUSE or number == ports[-1]:
                    raise CannotListen(cannot_listen(host, number, error, owner)) from None
                log.warning("%s has port %d", owner or "another program", number)
            else:
                break
        try:
            refuse_own_address(config, self.bound)
        except ConfigError:
            await self._server.drain(0)
            raise

    def apply(self, config: Config) -> None:
        before = self.keys.invented
        self.keys = Keys(config.server.accepted_keys(), before)
        if not all(is_only_this_machine(host) for host, _port in self.bound):
            # At a reload too: it may have removed the last configured key.
            self.keys = self.keys.or_invented(self._redactor)
        if self.keys.invented is not None and before is None:
            self._console.show_key(self.bound[0][0], self.keys.invented)
        names = (*config.server.allowed_hosts, config.server.hostname, *(host for host, _port in self.bound))
        origins = frozenset(origin.encode() for origin in config.server.allowed_origins)
        self._access.policy = Policy(self.keys.in_force, machine_names(names), origins)
        self._server.limits = limits_of(config.server)


async def _owner(host: str, port: int) -> str | None:
    """Which program has a port of this machine, as far as it says so."""
    address = address_of(host)
    is_everywhere = not host or (address is not None and address.is_unspecified)
    found = await identify(Origin("http", "localhost" if is_everywhere else host, port), OWNER_S)
    if found is None or found.title.startswith(f"{STRANGER}it "):
        return None
    brief = found.title.removeprefix(STRANGER)
    return found.title if brief == found.title else f"another program ({brief})"


def limits_of(server: ServerConfig) -> Limits:
    return Limits(
        head_timeout_s=server.head_timeout_s,
        body_timeout_s=server.body_timeout_s,
        keep_alive_s=server.keep_alive_s,
        stalled_client_s=server.stalled_client_s,
        max_body=int(server.max_body_mb * 2**20),
        max_connections=server.max_connections,
    )
