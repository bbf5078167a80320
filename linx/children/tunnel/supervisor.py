"""The tunnel: wanted or not, and what becomes of it.

While it is wanted there is a listener on a loopback port that nobody but the child is told,
and a child (ssh or ngrok) that is started again whenever it dies. What that listener
demands is decided here and changes in one step with the state: always a key, and as Host
the name that is live now. No failure gets out of ``run``; it becomes the status.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import secrets
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote as url_quote

import trio

from linx.access import Access, Policy, machine_names
from linx.children.tunnel import commands
from linx.children.tunnel.commands import CannotStart
from linx.children.tunnel.explain import explain
from linx.children.tunnel.lines import Lines, Reader, Word, reader_for
from linx.core.errors import quote
from linx.server.sockets import open_sockets

if TYPE_CHECKING:
    from linx.config.shape import TunnelConfig
    from linx.core.chat import JsonObject
    from linx.core.redaction import Redactor

Status = Literal["stopped", "starting", "running", "failed"]
Serve = Callable[..., Awaitable[None]]
"""Serves the listeners it is given until cancelled; ``Server.serve_on`` with a handler."""

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0  # a child that has run for so long starts again with the shortest pause
ADDRESS_S = 45.0  # within which the child must have an address; longer than its own time to connect
SILENT_S = 3.0  # type ssh: a program that says nothing at all by then is no OpenSSH, and is believed
LAST_WORDS_S = 1.0  # for reading what a dead child has said
LAST_LINES = 40
MAX_KEPT = 400  # characters kept of one line
KEY_BYTES = 32  # of an invented key

log = logging.getLogger("linx.tunnel")


class Tunnel:
    """``run`` it once; ``start`` and ``stop`` say what is wanted.

    ``keys`` are the configured ones. Without any, ``start`` invents one that lives as long
    as the tunnel is wanted, in memory alone.
    """

    def __init__(self, serve: Serve, redactor: Redactor, now: Callable[[], float], env: Mapping[str, str]) -> None:
        self.access = Access(Policy(model_paths_only=True))
        self.listeners: list[Callable[[], None]] = []
        """Called after each change of the status."""
        self.status: Status = "stopped"
        self.type = "localhost_run"
        self.url: str | None = None
        self.error: str | None = None
        self.invented_key: str | None = None
        self.port: int | None = None
        """The loopback port that the child is told."""
        self.since = now()
        self._keys: tuple[str, ...] = ()
        self._serve = serve
        self._redactor = redactor
        self._now = now
        self._env = env
        self._wish: TunnelConfig | None = None
        self._scope = trio.CancelScope()
        self._changed = trio.Event()  # the wish
        self._idle = trio.Event()  # nothing runs
        self._idle.set()

    def __repr__(self) -> str:
        return f"<Tunnel {self.type} {self.status}>"

    # --- what is wanted ---

    @property
    def is_wanted(self) -> bool:
        return self._wish is not None

    @property
    def keys(self) -> tuple[str, ...]:
        return self._keys

    @keys.setter
    def keys(self, keys: tuple[str, ...]) -> None:
        """Other keys, at once; a tunnel that is left without one gets an invented one."""
        self._keys = keys
        if self._wish is not None:
            self._ensure_key()
        self._set_policy()

    def start(self, config: TunnelConfig) -> None:
        """Want this tunnel, in place of another one if there is one. At once, without waiting."""
        if config == self._wish and self.status != "failed":
            return
        if self._wish is None:
            self.invented_key = None
        self._wish = config
        self.type = config.type
        self._ensure_key()
        self._wake()
        self._become("starting")

    async def stop(self) -> None:
        """Want none; returns when the child is dead and the port closed."""
        self.stop_soon()
        await self._idle.wait()

    def stop_soon(self) -> None:
        if self._wish is not None:
            self._wish = None
            self._wake()
            self._become("stopped")

    def _wake(self) -> None:
        self._scope.cancel()
        self._changed.set()
        self._changed = trio.Event()

    def _ensure_key(self) -> None:
        if not self._keys and self.invented_key is None:
            self.invented_key = secrets.token_urlsafe(KEY_BYTES)
            self._redactor.add(self.invented_key)

    # --- what there is ---

    def as_json(self) -> JsonObject:
        return {
            "status": self.status,
            "type": self.type,
            "url": self.url,
            "since": round(self.since, 3),
            "error": self.error,
        }

    @property
    def paste_url(self) -> str | None:
        """A base URL with the key in it, for the person who may see it: whole only with an invented key."""
        if self.url is None:
            return None
        key = "<your key>" if self._keys or self.invented_key is None else url_quote(self.invented_key, safe="")
        return f"{self.url}/k/{key}/v1"

    def _become(self, status: Status, *, url: str | None = None, error: str | None = None) -> None:
        if status != self.status:
            self.since = self._now()
        self.status, self.url = status, url
        if status != "starting":  # why the last child died stays worth knowing until the next one is up
            self.error = error
        self._set_policy()
        for listener in self.listeners:
            listener()

    def _set_policy(self) -> None:
        keys = self._keys or ((self.invented_key,) if self.invented_key is not None else ())
        names = set()
        if self._wish is not None:
            if self.url is not None:
                names.add(host_of(self.url))
            if self._wish.domain is not None:
                names.add(self._wish.domain)
        self.access.policy = Policy(
            tuple(key.encode() for key in keys), machine_names(sorted(names)), model_paths_only=True
        )

    # --- running ---

    async def run(self) -> None:
        """Until cancelled: do what is wanted."""
        try:
            while True:
                if self._wish is None:
                    await self._changed.wait()
                    continue
                idle = self._idle = trio.Event()
                try:
                    with trio.CancelScope() as self._scope:
                        await self._open(self._wish)
                finally:
                    idle.set()
        finally:
            self._idle.set()

    async def _open(self, wish: TunnelConfig) -> None:
        """Listen, and keep a child in front of it."""
        failures = 0
        while True:
            try:
                listeners = await open_sockets("127.0.0.1", 0)
                break
            except OSError as error:
                failures += 1
                await self._pause(failures, f"cannot listen on 127.0.0.1: {error.strerror}")
        self.port = listeners[0].getsockname()[1]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, listeners)
                await self._keep(wish, self.port)
        finally:
            self.port = None
            for listener in listeners:  # in case they were never served
                listener.close()

    async def _keep(self, wish: TunnelConfig, port: int) -> None:
        failures = 0
        while True:
            life = Life(self, wish, port)
            try:
                problem = await life.run()
            except CannotStart as error:
                problem = str(error)
            is_steady = life.up_since is not None and trio.current_time() - life.up_since >= STEADY_S
            failures = 1 if is_steady else failures + 1
            await self._pause(failures, problem)
            self._become("starting")

    async def _pause(self, failures: int, problem: str) -> None:
        # No longer wanted? Then this was the end that was asked for, and the status has said so.
        await trio.lowlevel.checkpoint()
        pause = pause_after(failures)
        problem = self._redactor.clean(problem)
        self._become("failed", error=problem)
        log.warning("%s: %s; trying again in %.0f s", self.type, problem, math.ceil(pause))
        await trio.sleep(pause)
        await trio.lowlevel.checkpoint()  # it may have been stopped in the moment between waking up and running


class Life:
    """One child from its start to its end."""

    def __init__(self, tunnel: Tunnel, wish: TunnelConfig, port: int) -> None:
        self.tunnel = tunnel
        self.wish = wish
        self.port = port
        self.up_since: float | None = None
        self._known_hosts = commands.known_hosts_path(wish, tunnel._env)
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._url: str | None = None  # the last one said
        self._refused: str | None = None
        self._has_spoken = False
        self._addressed = trio.Event()

    async def run(self) -> str:
        """What it died of. Raises CannotStart where there was nothing to start."""
        wish = self.wish
        if problem := commands.problem_of(wish):
            raise CannotStart(problem)
        argv = commands.argv_for(wish, self.port, self._known_hosts)
        argv = commands.found(argv, self.tunnel._env.get("PATH"))
        if wish.type != "ngrok":
            commands.make_known_hosts(self._known_hosts)
        log.debug("running %s", " ".join(argv))
        try:
            process = await trio.lowlevel.open_process(
                commands.leashed(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.tunnel._env),
                # A Ctrl-C is Linx's to handle: running answers may finish first.
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"cannot start {argv[0]}: {error.strerror}") from None
        return await self._attend(process)

    async def _attend(self, process: trio.Process) -> str:
        read = reader_for(self.wish, commands.usual_url(self.wish))
        try:
            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as drains:
                    drains.start_soon(self._drain, process, process.stdout, read)
                    drains.start_soon(self._drain, process, process.stderr, read)
                    nursery.start_soon(self._expect_address, process)
                    await process.wait()
                    # A grandchild could hold the pipes open.
                    drains.cancel_scope.deadline = trio.current_time() + LAST_WORDS_S
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                _kill(process)
                await process.wait()
                with trio.move_on_after(LAST_WORDS_S):
                    # The end of its output is the end of the command behind the one we have waited for.
                    for pipe in (process.stdout, process.stderr):
                        while pipe is not None and await pipe.receive_some(65536):
                            pass
                for end in (process.stdin, process.stdout, process.stderr):
                    if end is not None:
                        await trio.aclose_forcefully(end)
        if self._refused is not None:
            return self._refused
        return explain(self.wish, self._known_hosts, self._lines, process.returncode)

    async def _expect_address(self, process: trio.Process) -> None:
        """A child that runs and has no address is no tunnel."""
        if self.wish.type == "ssh":
            with trio.move_on_after(SILENT_S):
                await self._addressed.wait()
            if not self._has_spoken:
                self._heed(process, Word("address", commands.usual_url(self.wish)))
        with trio.move_on_after(ADDRESS_S):
            await self._addressed.wait()
            return
        self._refused = f"connected, but no address came within {ADDRESS_S:.0f} s"
        if self._lines:
            self._refused += f"; the last words were: {quote(self._lines[-1], 200)}"
        _kill(process)

    async def _drain(self, process: trio.Process, pipe: trio.abc.ReceiveStream | None, read: Reader) -> None:
        """Keep a pipe of the child empty, and heed what it says."""
        assert pipe is not None
        lines = Lines()
        async for data in pipe:
            self._take(process, lines.feed(bytes(data)), read)
        self._take(process, lines.end(), read)

    def _take(self, process: trio.Process, lines: list[str], read: Reader) -> None:
        for line in lines:
            self._has_spoken = True
            word = read(line)
            kept = line[:MAX_KEPT]
            # Verbose lines would push out the one that tells why; a token of ngrok stands in its errors.
            if not line.startswith("debug1:") and "Your authtoken:" not in line:
                self._lines.append(kept)
                log.debug("%s", kept)
            if word is not None and word.kind == "lost":
                self._lines.append(word.text)
            if word is not None:
                self._heed(process, word)

    def _heed(self, process: trio.Process, word: Word) -> None:
        tunnel = self.tunnel
        if tunnel._wish is not self.wish:
            return  # no longer wanted: about to be killed
        match word.kind:
            case "address":
                self._up(word.text)
            case "back":
                if self._url is not None:
                    self._up(self._url)
            case "lost":
                tunnel._become("failed", error=tunnel._redactor.clean(explain(self.wish, "", [word.text])))
                log.warning("%s: %s", self.wish.type, tunnel.error)
            case "refused":
                self._refused = f"{self.wish.ssh_host} refused the address: {quote(word.text, 200)}"
                _kill(process)

    def _up(self, url: str) -> None:
        self._url = url
        self._addressed.set()
        if self.up_since is None:
            self.up_since = trio.current_time()
        if self.tunnel.status == "running" and self.tunnel.url == url:
            return
        log.info("%s: %s leads here", self.wish.type, url)
        self.tunnel._become("running", url=url)


def _kill(process: trio.Process) -> None:
    """The child and whatever it has started: it leads a group of its own, whose number nobody else can have
    for as long as the child has not been waited for."""
    if os.name == "nt":
        process.kill()
        return
    if process.returncode is None or process.returncode < 0:
        # Below 0: the one between was killed itself and may have left the command behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def host_of(url: str) -> str:
    """The host in a URL that was checked where it came from, in lower case."""
    found = re.match(r"https?://(\[[^\]]*\]|[^/:?#]*)", url, re.IGNORECASE)
    return found[1].lower() if found else ""


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row (1 for the first)."""
    return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 32))
