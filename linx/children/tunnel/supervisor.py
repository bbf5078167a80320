"""The tunnel: whether it is wanted, its state, and the access rules of its listener.

While the tunnel is wanted, there is a listener on a free loopback port, whose number only
the child is told, and a child (ssh or ngrok) that is started again whenever it dies. The
listener always demands a key, and the tunnel's present name in the Host header; its rules
change in one step with the state. A failure never leaves ``run``; it becomes the status.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote as url_quote

import trio

from linx.access import Access, Keys, Policy, machine_names
from linx.children.process import BackOff, Ended, keep_running, pause
from linx.children.tunnel.process import TunnelProcess
from linx.server.sockets import open_sockets

if TYPE_CHECKING:
    import socket

    from linx.config.model import Config
    from linx.config.shape import TunnelConfig
    from linx.core.chat import JsonObject
    from linx.core.redaction import Redactor

Status = Literal["stopped", "starting", "running", "failed"]
Serve = Callable[..., Awaitable[None]]
"""A function that serves listening sockets until it is cancelled; in Linx ``Server.serve_on`` with a handler."""

log = logging.getLogger("linx.tunnel")


class Tunnel:
    """``run`` is called once. ``start`` and ``stop`` say whether the tunnel is wanted, ``apply`` how it is configured.

    Without a configured key, ``start`` invents a key that is valid as long as the tunnel is
    wanted.
    """

    def __init__(self, serve: Serve, redactor: Redactor, env: Mapping[str, str]) -> None:
        redactor.add(env.get("NGROK_AUTHTOKEN", ""))
        self.access = Access(Policy(model_paths_only=True))
        self.listeners: list[Callable[[], None]] = []
        """Functions that are called after each change of the status."""
        self.status: Status = "stopped"
        self.type = "localhost_run"
        self.url: str | None = None
        self.error: str | None = None
        self.keys = Keys()
        self.port: int | None = None
        """The loopback port of the listener, which only the child is told."""
        self.since = trio.current_time()
        """When the present status began, in trio's clock."""
        self._serve = serve
        self._redactor = redactor
        self._env = env
        self._configured: TunnelConfig | None = None
        self._wanted: TunnelConfig | None = None
        self._running = trio.CancelScope()  # around the listener and the child
        self._wanted_changed = trio.Event()
        self._idle = trio.Event()  # set while neither listener nor child runs
        self._idle.set()

    def __repr__(self) -> str:
        return f"<Tunnel {self.type} {self.status}>"

    # --- what is wanted ---

    @property
    def is_wanted(self) -> bool:
        return self._wanted is not None

    def apply(self, config: Config) -> None:
        """Follow the config.

        The tunnel is started or stopped only if the section ``tunnel`` has changed: otherwise
        a tunnel that was started or stopped through an endpoint stays as it is. New keys are
        in force at once; an open tunnel without a configured key gets an invented key.
        """
        before, now = self._configured, config.tunnel
        self._configured = now
        self.keys = Keys(config.server.accepted_keys(), self.keys.invented)
        if self._wanted is not None:
            self.keys = self.keys.or_invented(self._redactor)
        self._set_policy()
        if now.use_tunnel and now != before:
            self.start(now)
        elif before is not None and before.use_tunnel and not now.use_tunnel:
            self.stop_soon()
        if self._wanted is None:
            self.type = now.type

    def start(self, config: TunnelConfig) -> None:
        """Make this tunnel the wanted tunnel, in place of another. Returns at once; ``run`` does the work."""
        if config == self._wanted and self.status != "failed":
            return
        if self._wanted is None:
            self.keys = replace(self.keys, invented=None)
        self._wanted = config
        self.type = config.type
        self.keys = self.keys.or_invented(self._redactor)
        self._wake()
        self._become("starting")

    async def stop(self) -> None:
        """Want no tunnel. Returns when the child is dead and the port is closed."""
        self.stop_soon()
        await self._idle.wait()

    def stop_soon(self) -> None:
        """Want no tunnel. Returns at once; ``run`` does the work."""
        if self._wanted is not None:
            self._wanted = None
            self._wake()
            self._become("stopped")

    def _wake(self) -> None:
        self._running.cancel()
        self._wanted_changed.set()
        self._wanted_changed = trio.Event()

    # --- the status ---

    def as_json(self, at: Callable[[float], float]) -> JsonObject:
        """The status; ``at`` turns a time of trio's clock into seconds since 1970."""
        return {
            "status": self.status,
            "type": self.type,
            "url": self.url,
            "since": round(at(self.since), 3),
            "error": self.error,
        }

    @property
    def paste_url(self) -> str | None:
        """A base URL with the key in it, to be shown on the terminal. A configured key is not shown in it."""
        if self.url is None:
            return None
        invented = None if self.keys.configured else self.keys.invented
        key = "<your key>" if invented is None else url_quote(invented, safe="")
        return f"{self.url}/k/{key}/v1"

    def _become(self, status: Status, *, url: str | None = None, error: str | None = None) -> None:
        if status != self.status:
            self.since = trio.current_time()
        self.status, self.url = status, url
        if status != "starting":  # while a new child starts, the error of the last child is still of interest
            self.error = error
        self._set_policy()
        for listener in self.listeners:
            listener()

    def _set_policy(self) -> None:
        names = set()
        if self._wanted is not None:
            if self.url is not None:
                names.add(host_of(self.url))
            if self._wanted.domain is not None:
                names.add(self._wanted.domain)
        self.access.policy = Policy(self.keys.in_force, machine_names(sorted(names)), model_paths_only=True)

    # --- running ---

    async def run(self) -> None:
        """Open and close the tunnel as wanted, until cancelled."""
        try:
            while True:
                if self._wanted is None:
                    await self._wanted_changed.wait()
                    continue
                idle = self._idle = trio.Event()
                try:
                    with trio.CancelScope() as self._running:
                        await self._open(self._wanted)
                finally:
                    idle.set()
        finally:
            self._idle.set()

    async def _open(self, wanted: TunnelConfig) -> None:
        """Open the listener, and keep a child running that forwards to it."""
        sockets = await self._listen()
        self.port = sockets[0].getsockname()[1]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, sockets)
                await keep_running(partial(self._run_once, wanted, self.port), self._failed)
        finally:
            self.port = None
            for sock in sockets:  # the server closes them too, unless it never began to serve
                sock.close()

    async def _listen(self) -> list[socket.socket]:
        back_off = BackOff()
        while True:
            try:
                return await open_sockets("127.0.0.1", 0)
            except OSError as error:
                await pause(f"cannot listen on 127.0.0.1: {error.strerror}", back_off.pause_s(), self._failed)

    async def _run_once(self, wanted: TunnelConfig, port: int) -> Ended:
        """Run one child from its start to its end."""
        if self.status != "starting":
            self._become("starting")
        process = TunnelProcess(
            wanted,
            port,
            self._env,
            on_up=partial(self._up, wanted),
            on_lost=partial(self._lost, wanted),
            clean=self._redactor.clean,
        )
        return await process.run()

    def _up(self, wanted: TunnelConfig, url: str) -> None:
        if self._wanted is not wanted or (self.status, self.url) == ("running", url):
            return  # the URL is known, or this child is no longer wanted and about to be killed
        log.info("%s: %s leads to this Linx", wanted.type, url)
        self._become("running", url=url)

    def _lost(self, wanted: TunnelConfig, problem: str) -> None:
        if self._wanted is wanted:
            self._become("failed", error=self._redactor.clean(problem))
            log.warning("%s: %s", wanted.type, self.error)

    def _failed(self, reason: str, pause_s: float) -> None:
        reason = self._redactor.clean(reason)
        self._become("failed", error=reason)
        log.warning("%s: %s; trying again in %.0f s", self.type, reason, math.ceil(pause_s))


def host_of(url: str) -> str:
    """The host in ``url``, in lower case. The URL has been checked by the config or by ``lines``."""
    found = re.match(r"https?://(\[[^\]]*\]|[^/:?#]*)", url, re.IGNORECASE)
    return found[1].lower() if found else ""
