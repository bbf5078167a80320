"""Builds every long-lived object once and runs them together: start, reload, shutdown.

The order of a start: read the config; bind the listening socket, so that a taken port is
reported before anything else happens; start to probe the providers; and print the ready
line after READY_WAIT_S at the latest. Linx serves whatever state the providers are in.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
import trio

from linx.access import Access, Policy
from linx.children.demo.supervisor import Demo
from linx.children.tunnel.supervisor import Tunnel
from linx.config.load import refuse_own_address
from linx.config.model import DEMO, Config
from linx.config.watch import ConfigWatch
from linx.console import Console, address_of
from linx.core.errors import ConfigError, Unauthorized, quote
from linx.core.folders import state_file
from linx.core.request_feed import RequestFeed
from linx.core.telemetry import Telemetry
from linx.dashboard import frames
from linx.dashboard.dashboard import Dashboard
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.completions.face import CompletionsFace
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses import client_request as responses_request
from linx.dialects.responses.face import ResponsesFace
from linx.discovery.hints import key_hints
from linx.discovery.places import usual_places
from linx.discovery.watch import Discovery
from linx.endpoints import Endpoints
from linx.gui import open_dashboard
from linx.handlers.context import Context
from linx.handlers.management.overview import Overview
from linx.ledger.ledger import Ledger
from linx.local_listener import CannotListen, LocalListener
from linx.providers.adaptation_memory import ADAPTATIONS_FILE, AdaptationMemory
from linx.providers.comparison import estimate_for, unknown_model
from linx.providers.near_names import near_names
from linx.routing import budget_watch
from linx.routing.budgets import Budgets
from linx.routing.late_costs import LateCosts
from linx.routing.limits import MONTHLY_USD, limits_of, scopes
from linx.routing.provider_set import ProviderSet
from linx.routing.router import Router
from linx.server.limits import Limits
from linx.server.listen import Server
from linx.server.sockets import file_limit, max_connections_for, raise_file_limit
from linx.upstream.dial import Dialer
from linx.upstream.names import install as install_lookups
from linx.upstream.pool import Pool

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from linx.config.load import Options
    from linx.config.shape import LedgerConfig
    from linx.core.chat import Usage
    from linx.core.log import LineLog
    from linx.dialects.base import Face
    from linx.routing.limits import Amounts, Scope

READY_WAIT_S = 0.2
"""How long the ready line waits for the first probes: a program that waits for it should find the models listed."""
SUMMARY_WAIT_S = 2.0
"""How long the summary in the log waits for the first probes."""
TUNNEL_SHARE = 0.25  # of all connections, at most, through the tunnel: it must not lock out local clients

LONGEST_MONTH_DAYS = 31

MOST_IDLE = 1024

RELOAD = getattr(signal, "SIGHUP", None)
"""The signal that reads the config again; Windows has none."""
GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""How many more objects than before exist when Python looks for reference cycles; after how many such looks it looks at
older objects, and at all. Requests leave no cycles. With Python's own numbers the objects of 800 connections that open
at once were looked through again and again, and every other client waited for half a second."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([] if RELOAD is None else [RELOAD]))

log = logging.getLogger("linx")


def run(options: Options, lines: LineLog | None = None) -> int:
    """Serve until a signal. Returns the exit code; raises ConfigError. ``lines`` gets a line for every request."""
    gc.freeze()  # what was imported stays for good, so the collector need not look at it
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        trio.run(_main, options, lines)
    except BaseExceptionGroup as group:
        error = _only(group)
        if isinstance(error, ConfigError):
            raise error from None
        if isinstance(error, CannotListen):
            print(f"linx: {error}", file=sys.stderr)  # noqa: T201 - the one line that says why the start failed
            return 1
        raise
    return 0


async def _main(options: Options, lines: LineLog | None) -> None:
    await App(options, lines).main()


class App:
    """One running Linx. It must be built inside trio, since some of its objects read trio's clock."""

    def __init__(self, options: Options, lines: LineLog | None = None) -> None:
        raise_file_limit()  # first, since the server computes its number of connections from the limit
        self.config, self.sources = options.config, options.sources
        self.redactor = options.sources.redactor
        self.console = Console()
        self.is_gui = options.gui
        self.demo = Demo(options.demo_model, on_change=self._demo_changed) if options.demo else None
        install_lookups()
        self.pool = Pool(Dialer(), max_idle_per_origin=max_idle_for(file_limit()))
        self.tunnel = Tunnel(self._serve_tunnel, self.redactor, os.environ)
        self.tunnel.listeners.append(self._tunnel_changed)
        router, telemetry = Router((), self.config.routing), Telemetry()
        starting = {DEMO: self.demo.is_loading} if self.demo is not None else {}
        self.budgets = Budgets()
        self.providers = ProviderSet(router, self.pool, telemetry, self.redactor, starting, (self.budgets.rule,))
        self.memory = AdaptationMemory(state_file(ADAPTATIONS_FILE))
        feed = RequestFeed(self.redactor, lines)
        self.ledger = Ledger(self._price_to_compare, self.redactor.clean)
        self.access = Access(Policy())
        self.dashboard = Dashboard(telemetry, self.redactor, self._price_to_compare, self._needs_key)
        self.late_costs = LateCosts(lambda: self.providers.router.providers, self.pool, self.budgets, self.ledger)
        telemetry.watchers += (self.late_costs.note, feed.tell, self.ledger.note)
        self.context = Context(
            *(self.config, router, self.pool, telemetry, self.redactor, self.tunnel, feed),
            reload=self.reload,
            ledger=self.ledger,
            budgets=self.budgets,
            dashboard=self.dashboard,
        )
        self.faces = faces_for(self.config)
        endpoints = Endpoints(self.context, self.access, lambda: self.faces)
        self.server = Server(endpoints, Limits(), endpoints.error_answer, endpoints.note_unread)
        self.listener = LocalListener(self.server, self.access, self.console, self.redactor)
        self.discovery = Discovery(
            usual_places(options.sources.env),
            bound=lambda: self.bound,
            config=lambda: self.config,
            reachable=self._reachable,
            changed=self._found,
            listed=self.providers.first_probes,
        )
        self._applying = trio.Lock()
        self.watch = ConfigWatch(self._load, self.sources.watched(), self.config)

    @property
    def bound(self) -> list[tuple[str, int]]:
        """The addresses that Linx listens on, without the tunnel's: (host, port) pairs."""
        return self.listener.bound

    async def main(self, *, task_status: trio.TaskStatus[App] = trio.TASK_STATUS_IGNORED) -> None:
        """Start, serve until a signal, end. ``started`` gives the app once it accepts connections."""
        # The signal receiver opens first, since a signal may come as soon as the ready line is out.
        # The ledger ends last, since the requests that are cancelled at the end belong in it.
        with trio.open_signal_receiver(*SIGNALS) as signals:
            async with trio.open_nursery() as last:
                last.start_soon(self.ledger.run)
                async with trio.open_nursery() as nursery:
                    await self._start(nursery)
                    task_status.started(self)
                    await self._until_signals(signals)
                    nursery.cancel_scope.cancel()
                last.cancel_scope.cancel()

    async def _start(self, nursery: trio.Nursery) -> None:
        await nursery.start(self.pool.run)
        await self.listener.listen(self.config)
        self.dashboard.address = address_of(*self.bound[0])
        if self.demo is not None:
            self.redactor.add(self.demo.api_key)
            await nursery.start(self.demo.run)
        await self.memory.load()
        await self._apply(self.config)
        nursery.start_soon(self.memory.run)
        nursery.start_soon(self.providers.run)
        nursery.start_soon(self.server.serve)
        nursery.start_soon(self.discovery.run)
        with trio.move_on_after(READY_WAIT_S):
            await self.discovery.has_looked.wait()
            await self.providers.first_probes()
        self.console.show_ready(*self.bound[0])
        if self.is_gui:
            nursery.start_soon(open_dashboard, f"{self.dashboard.address}/dashboard", self.console.show)
        nursery.start_soon(self.tunnel.run)
        nursery.start_soon(self.dashboard.run, Overview(self.context), self.config.ledger)
        nursery.start_soon(self.context.heartbeats.run, self.context.heartbeat_s)
        nursery.start_soon(self.context.watchdog.run, lambda: self.server.requests_running > 0, self.context.keep_time)
        nursery.start_soon(self.context.responses.run)
        nursery.start_soon(self.watch.run, self._config_changed)
        nursery.start_soon(budget_watch.run, self.budgets, self.ledger)
        nursery.start_soon(self.late_costs.run)
        nursery.start_soon(self._summarise)

    async def _summarise(self) -> None:
        with trio.move_on_after(SUMMARY_WAIT_S):
            await self.discovery.has_looked.wait()
            await self.providers.first_probes()
        self.console.show_summary(self.context.providers, *self.bound[0], is_discovering=self.config.discovery)
        if self.config.discovery:
            for hint in key_hints(self.sources.env, [one.endpoint for one in self.config.providers]):
                self.console.show(hint)  # the log would take env:NAME after "api_key" for a key
        self._warn_of_comparison()

    def _warn_of_comparison(self) -> None:
        unknown = unknown_model(self.context.providers, self.config.ledger.compare_to)
        if unknown is not None:
            near = near_names(unknown, [name for one in self.context.providers for name in one.models])
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            log.warning("ledger.compare_to: OpenRouter's list has no price for %r%s", quote(unknown), hint)

    # --- config ---

    async def reload(self) -> None:
        """Read the config again now, because the reload endpoint was called or a SIGHUP came."""
        await self.watch.reload(self._config_changed)

    def _load(self) -> Config:
        config = self.sources.load()
        refuse_own_address(config, self.bound)
        return config

    async def _config_changed(self, outcome: Config | ConfigError) -> None:
        """Put a good config in force; of a bad config only the problem is kept, for the status page."""
        if isinstance(outcome, ConfigError):
            self.context.config_problem = str(outcome)
            log.error("the changed config is not used, the last good one stays in force: %s", outcome)
            return
        before = self.config.server
        await self._apply(outcome)
        self._warn_of_comparison()
        log.info("config read again from %s", outcome.path or "the defaults")
        if (outcome.server.hostname, outcome.server.port) != (before.hostname, before.port):
            log.warning("server.hostname or server.port has changed; restart Linx to listen there")

    async def _apply(self, config: Config) -> None:
        """Put a config in force for all new requests.

        The providers are made first, in steps, since there may be thousands. From then on nothing awaits, so no
        request sees half of a config.
        """
        for warning in config.warnings:
            log.warning("%s", warning)
        async with self._applying:
            await self._put_in_force(config)

    async def _put_in_force(self, config: Config) -> None:
        in_force = self._with_found(config)
        made = await self.providers.make(in_force)
        budgets = budgets_of(config)
        self.ledger.apply(kept_for(budgets, config.ledger))
        if budgets and not (self.budgets.is_wanted and self.budgets.has_ledger):
            await budget_watch.read_soon(self.budgets, self.ledger)
        self.config = config
        self.faces = faces_for(config)
        self.providers.apply(in_force, made)
        for part in (self.listener, self.tunnel):
            part.apply(in_force)
        self.memory.apply(self.providers.router.providers)
        self.budgets.apply(budgets, is_kept=config.ledger.enabled)
        self.context.apply(in_force, self.providers.router)
        self._end_followers()
        self._renew_pages()

    def _with_found(self, config: Config) -> Config:
        """The config with the providers that it does not name: those that were found, and the demo's."""
        found = self.discovery.added_to(config)
        return found if self.demo is None else self.demo.added_to(found)

    async def _found(self) -> None:
        """Put the providers in force that have been found. The rest of the config stays, and so do all requests."""
        async with self._applying:
            in_force = self._with_found(self.config)
            made = await self.providers.make(in_force)
            self.providers.apply(in_force, made)
            self.memory.apply(self.providers.router.providers)
            problem, loaded_at = self.context.config_problem, self.context.config_loaded_at
            self.context.apply(in_force, self.providers.router)
            self.context.config_problem, self.context.config_loaded_at = problem, loaded_at
            self._renew_pages()

    def _reachable(self, name: str) -> bool | None:
        """Does the provider answer, as far as is known?"""
        return next((one.health.reachable for one in self.context.providers if one.name == name), None)

    def _end_followers(self) -> None:
        """End each request that follows the request lines with a key that is gone: it has no end of its own."""
        for request in list(self.context.following):
            if not self.access.may_follow(request, request.path_key):
                request.stop(Unauthorized("The key of this request is not valid any more."))

    def _renew_pages(self) -> None:
        """Close each page of the dashboard whose key is gone. All others get a snapshot, as providers may have gone."""
        for viewer in self.dashboard.hub.viewers:
            if self.access.may_follow(viewer.request, viewer.request.path_key):
                viewer.refresh()
            else:
                viewer.close(frames.POLICY)

    def _price_to_compare(self, asked: str) -> Callable[[Usage], float] | None:
        """For the ledger, in its thread: what the tokens of an answer would have cost."""
        return estimate_for(self.providers.router.providers, self.config.ledger.compare_to, asked)

    def _needs_key(self) -> bool:
        return bool(self.access.policy.keys)

    # --- changes that the demo and the tunnel report ---

    def _demo_changed(self) -> None:
        self.providers.look_again(DEMO)

    def _tunnel_changed(self) -> None:
        self.console.show_tunnel(self.tunnel)

    async def _serve_tunnel(self, sockets: Sequence[socket.socket]) -> None:
        """Serve the tunnel's sockets with the tunnel's access rules.

        The tunnel has sockets of its own because a request from outside must be told from a
        local request by something that the client cannot forge.
        """
        handler = Endpoints(self.context, self.tunnel.access, lambda: self.faces)
        await self.server.serve_on(sockets, "tunnel", handler, TUNNEL_SHARE)

    # --- shutdown ---

    async def _until_signals(self, signals: AsyncIterator[int]) -> None:
        """The first signal to end lets the running requests finish; the second cuts them short."""
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                self.context.is_leaving = True
                await self.server.leave(self.config.server.shutdown_delay_s)
                await self.server.drain(self.config.server.drain_s or math.inf)  # 0 means without a limit
                nursery.cancel_scope.cancel()

            draining = False
            async for number in signals:
                if number == RELOAD:
                    nursery.start_soon(self.reload)
                elif draining:
                    log.warning("second signal: ending now")
                    self.server.hurry()
                else:
                    draining = True
                    running = self.server.requests_running
                    log.info("ending: %d requests running, at most %g s", running, self.config.server.drain_s)
                    nursery.start_soon(end)


def budgets_of(config: Config) -> dict[Scope, Amounts]:
    """The budgets of a config, by the scopes that they are for."""
    providers = {provider.name: provider.budget for provider in config.providers}
    keys = {key.name: key.budget for key in config.server.accepted_keys().values()}
    return scopes(config.routing.budget, providers, keys)


def kept_for(budgets: Mapping[Scope, Amounts], ledger: LedgerConfig) -> LedgerConfig:
    """The ledger's config, which keeps a month at least where a budget is for a month."""
    if any(limit.kind == MONTHLY_USD for limit in limits_of(budgets)):
        return msgspec.structs.replace(ledger, keep_days=max(ledger.keep_days, LONGEST_MONTH_DAYS))
    return ledger


def max_idle_for(files: int | None) -> int:
    """How many connections are kept for one origin where Linx may have ``files`` open.

    As many as there were clients at one time, or each burst would open new ones; and few enough that those to several
    origins leave room for the clients.
    """
    return min(MOST_IDLE, max(1, max_connections_for(files) // 4))


def faces_for(config: Config) -> Mapping[str, Face]:
    """One face for each dialect that Linx speaks to clients."""
    return {
        "openai": OpenAIFace(config.server.reasoning_field, responses_request.to_chat_body),
        "ollama": OllamaFace("chat"),
        "ollama_generate": OllamaFace("generate"),
        "anthropic": AnthropicFace(),
        "responses": ResponsesFace(),
        "completions": CompletionsFace(),
    }


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception inside nested groups of one exception each; the group itself where it has several."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner
