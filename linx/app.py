"""Builds every long-lived object once and runs them together: start, reload, shutdown.

The order of a start: config, then the listening socket (so that a taken port is told
before anything else happens), then the ready line, and only then the providers are asked
what they have. Linx serves whatever state they are in.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from typing import TYPE_CHECKING

import trio

import linx
from linx.access import Access, Keys, Policy, is_only_this_machine, machine_names
from linx.children.demo.supervisor import Demo
from linx.children.tunnel.supervisor import Tunnel
from linx.config.load import refuse_own_address
from linx.config.model import DEMO, Config
from linx.config.watch import ConfigWatch
from linx.console import cannot_listen
from linx.core.errors import ConfigError
from linx.core.telemetry import Telemetry
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.completions.face import CompletionsFace
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses import client_request as responses_request
from linx.dialects.responses.face import ResponsesFace
from linx.endpoints import Endpoints
from linx.handlers.context import Context
from linx.providers import catalog
from linx.providers.kinds import KINDS
from linx.providers.provider import Provider, never
from linx.routing.router import Router
from linx.server.limits import Limits
from linx.server.listen import Server
from linx.server.sockets import raise_file_limit
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping, Sequence

    from linx.config.load import Options
    from linx.dialects.base import Face

READY_WAIT_S = 0.2  # for the first probes, so that whoever waits for the ready line finds the models
SUMMARY_WAIT_S = 2.0  # for the first probes, before the summary is logged
TUNNEL_SHARE = 0.25  # of all connections: strangers must not lock out the clients on this machine

log = logging.getLogger("linx")


class CannotListen(Exception):
    """No socket on the wanted address; the text says which, and what to try."""


def run(options: Options) -> int:
    """Serve until a signal. Returns the exit code; raises ConfigError."""
    try:
        trio.run(App(options).main)
    except BaseExceptionGroup as group:
        error = _only(group)
        if isinstance(error, ConfigError):
            raise error from None
        if isinstance(error, CannotListen):
            print(error, file=sys.stderr)  # noqa: T201 - the one line that a failed start leaves
            return 1
        raise
    return 0


class App:
    """One running Linx."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.config = options.config
        self.redactor = options.redactor
        self.demo = Demo(options.demo_model, on_change=self._look_at_demo) if options.demo else None
        self.keys = Keys()
        self.bound: list[tuple[str, int]] = []
        self._is_ready = False
        self._said_url: str | None = None
        self.faces: Mapping[str, Face] = {}
        self.access = Access(Policy())
        self._watching = trio.CancelScope()

    async def main(self, *, task_status: trio.TaskStatus[App] = trio.TASK_STATUS_IGNORED) -> None:
        """Start, serve until a signal, end. ``started`` gives the app once it accepts connections."""
        # Signals first: one may come as soon as the ready line is out.
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                self.nursery = nursery
                await self._start()
                task_status.started(self)
                await self._until_signals(signals)
                nursery.cancel_scope.cancel()

    # --- start ---

    async def _start(self) -> None:
        nursery = self.nursery
        raise_file_limit()
        self.pool = Pool(Dialer())
        await nursery.start(self.pool.run)
        self.tunnel = Tunnel(self._serve_tunnel, self.redactor, os.environ)
        self.tunnel.listeners.append(self._say_tunnel)
        router = Router((), self.config.routing)
        self.context = Context(
            self.config, router, self.pool, Telemetry(), self.redactor, tunnel=self.tunnel, reload=self.reload
        )
        endpoints = Endpoints(self.context, self.access, lambda: self.faces)
        self.server = Server(endpoints, Limits(), endpoints.error_answer)
        await self._listen()
        if self.demo is not None:
            self.redactor.add(self.demo.api_key)
            await self.nursery.start(self.demo.run)
        self._watch = ConfigWatch(self._load, self.options.watched(), self.config)
        self._take(self.config)
        nursery.start_soon(self.server.serve)
        with trio.move_on_after(READY_WAIT_S):
            await self._first_probes()
        self._say_ready()
        nursery.start_soon(self.tunnel.run)
        nursery.start_soon(self.context.heartbeats.run)
        nursery.start_soon(self._watch.run, self._changed)
        nursery.start_soon(self._summarise)

    async def _listen(self) -> None:
        server = self.config.server
        try:
            self.bound = await self.server.listen(server.hostname, server.port)
        except OSError as error:
            raise CannotListen(f"linx: {cannot_listen(server.hostname, server.port, error)}") from None
        try:
            refuse_own_address(self.config, self.bound)
        except ConfigError:
            await self.server.drain(0)
            raise

    async def _serve_tunnel(self, listeners: Sequence[socket.socket]) -> None:
        # A listener of its own, with its own demands: that is how a request from outside is known.
        handler = Endpoints(self.context, self.tunnel.access, lambda: self.faces)
        await self.server.serve_on(listeners, "tunnel", handler, TUNNEL_SHARE)

    def _say_tunnel(self) -> None:
        """The way in, to the person at the terminal; a log never has the key."""
        tunnel = self.tunnel
        if tunnel.paste_url is None or tunnel.paste_url == self._said_url:
            return
        self._said_url = tunnel.paste_url
        invented = f"the key {tunnel.keys.invented}, made for as long as this tunnel is open"
        key = "your key" if tunnel.keys.configured else invented
        print(  # noqa: T201
            f"Tunnel: {tunnel.url} leads here, and asks for {key}.\n"
            f"  The base URL for an OpenAI client: {tunnel.url}/v1\n"
            f"  With the key in it, for clients that take no other: {tunnel.paste_url}",
            file=sys.stderr,
            flush=True,
        )

    def _say_ready(self) -> None:
        host, port = self.bound[0]
        shown = f"[{host}]" if ":" in host else host
        print(f"Linx {linx.__version__} listening on http://{shown}:{port}", flush=True)  # noqa: T201
        self._is_ready = True
        if self.keys.invented is not None:
            self._say_key(self.keys.invented)

    def _say_key(self, key: str) -> None:
        """Once, to the person at the terminal, and never to a log."""
        host = self.bound[0][0]
        print(  # noqa: T201
            f"No key is set and {host} is not only this machine, so Linx made one: {key}",
            file=sys.stderr,
            flush=True,
        )

    async def _first_probes(self) -> None:
        for provider in self.context.providers:
            await provider.probed.wait()

    async def _summarise(self) -> None:
        """After the first probes: who is there, and what to tell a client."""
        with trio.move_on_after(SUMMARY_WAIT_S):
            await self._first_probes()
        now = trio.current_time()
        for provider in self.context.providers:
            state = provider.health.state(now)
            why = (
                f" ({provider.health.last_error})"
                if state in ("down", "cooling") and provider.health.last_error
                else ""
            )
            count = f", {len(provider.models)} models" if provider.models else ""
            log.info("provider %s: %s%s%s", provider.name, state, count, why)
        if not self.context.providers:
            log.warning("no provider is enabled: enable one in config.json, or try --demo")
        elif not any(provider.health.reachable for provider in self.context.providers):
            log.warning("no provider can be reached yet; Linx goes on looking")
        host, port = self.bound[0]
        name = "localhost" if is_only_this_machine(host) else host
        url = f"http://{name}:{port}"
        log.info("give your client %s/v1 as its OpenAI base URL, or %s as its Ollama or Anthropic address", url, url)

    # --- config ---

    async def reload(self) -> None:
        """Read the config again now, because somebody asked."""
        self._changed(self._watch.reload())

    def _load(self) -> Config:
        config = self.options.load()
        refuse_own_address(config, self.bound)
        return config

    def _changed(self, outcome: Config | ConfigError) -> None:
        """A bad config changes nothing but the problem that is shown."""
        if isinstance(outcome, ConfigError):
            self.context.config_problem = str(outcome)
            log.error("the config was not taken over, the last good one stays: %s", outcome)
            return
        before = self.config.server
        self._take(outcome)
        log.info("config read again from %s", outcome.path or "the defaults")
        if (outcome.server.hostname, outcome.server.port) != (before.hostname, before.port):
            log.warning("server.hostname and server.port count from the next start")

    def _take(self, config: Config) -> None:
        """Put a config in force, whole, for new requests."""
        self.config = config
        for warning in config.warnings:
            log.warning("%s", warning)
        old = {provider.name: provider for provider in self.context.providers}
        if self.demo is not None:
            config = self.demo.added_to(config)
        providers = []
        for one in config.providers:
            if one.enabled:
                starting = self.demo.is_loading if self.demo is not None and one.name == DEMO else never
                counters = self.context.telemetry.counters(one.name)
                provider = Provider(one, KINDS[one.kind], counters, starting=starting)
                if one.name in old:
                    provider.inherit(old[one.name])
                providers.append(provider)
        router = Router(providers, config.routing)
        router.inherit(self.context.router)
        context = self.context
        context.config, context.router = config, router
        context.config_problem, context.config_loaded_at = None, context.now()
        self.faces = {
            "openai": OpenAIFace(config.server.reasoning_field, responses_request.to_chat_body),
            "ollama": OllamaFace("chat"),
            "ollama_generate": OllamaFace("generate"),
            "anthropic": AnthropicFace(),
            "responses": ResponsesFace(),
            "completions": CompletionsFace(),
        }
        self.access.policy = self._policy(config)
        self.server.limits = _limits(config)
        self.tunnel.apply(config)
        self._watch_providers(providers)

    def _look_at_demo(self) -> None:
        """It has come up, or died: its provider need not wait for the next probe to know."""
        for provider in self.context.providers:
            if provider.name == DEMO:
                provider.health.raise_alarm()

    def _policy(self, config: Config) -> Policy:
        """Whoever can be reached from elsewhere asks for a key, also when a reload takes the last one away."""
        before = self.keys.invented
        self.keys = Keys(config.server.api_keys, before)
        if not all(is_only_this_machine(host) for host, _port in self.bound):
            self.keys = self.keys.or_invented(self.redactor)
        if self._is_ready and before is None and self.keys.invented is not None:
            self._say_key(self.keys.invented)
        names = (*config.server.allowed_hosts, config.server.hostname, *(host for host, _port in self.bound))
        origins = frozenset(origin.encode() for origin in config.server.allowed_origins)
        return Policy(self.keys.in_force, machine_names(names), origins)

    def _watch_providers(self, providers: Sequence[Provider]) -> None:
        """One probing task a provider; those of the config before are ended."""
        self._watching.cancel()
        scope = self._watching = trio.CancelScope()

        async def watch_all() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    for provider in providers:
                        nursery.start_soon(catalog.watch, provider, self.pool, self.redactor)

        self.nursery.start_soon(watch_all)

    # --- shutdown ---

    async def _until_signals(self, signals: AsyncIterator[int]) -> None:
        async with trio.open_nursery() as nursery:

            async def drain() -> None:
                await self.server.drain(self.config.server.drain_s or math.inf)  # 0: as long as it takes
                nursery.cancel_scope.cancel()

            draining = False
            async for _number in signals:
                if draining:
                    log.warning("second signal: ending now")
                    self.server.hurry()
                else:
                    draining = True
                    running = self.server.requests_running
                    log.info("ending: %d requests running, at most %g s", running, self.config.server.drain_s)
                    nursery.start_soon(drain)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception in nested groups of one; the group itself where there are several."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner


def _limits(config: Config) -> Limits:
    server = config.server
    return Limits(
        head_timeout_s=server.head_timeout_s,
        body_timeout_s=server.body_timeout_s,
        keep_alive_s=server.keep_alive_s,
        stalled_client_s=server.stalled_client_s,
        max_body=int(server.max_body_mb * 2**20),
        max_connections=server.max_connections,
    )
