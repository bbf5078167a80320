"""The counters of Linx in Prometheus' text format.

Nothing is counted here. The counters are those that the status shows too; they are read when
a scraper asks, so that a request costs nothing extra. Every label comes from a bounded set:
names in the config, words of Linx, and a limited number of the models that a provider has
answered with. A name that a client has made up is never a label.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import trio
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

import linx
from linx.core.telemetry import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from linx.core.durations import Buckets
    from linx.core.telemetry import Counters
    from linx.handlers.context import Context

STATES = ("up", "down", "cooling", "loading", "unknown")
PHASES = ("queued", "connecting", "waiting", "streaming")


def exposition(context: Context) -> tuple[bytes, bytes]:
    """The text of all metrics, and its content type."""
    registry = CollectorRegistry()
    registry.register(Readings(context))
    ProcessCollector(registry=registry)  # memory, CPU and open files, on systems that report them
    return generate_latest(registry), CONTENT_TYPE_LATEST.encode("ascii")


class Readings(Collector):
    """Reads all counters for one answer."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> Iterator[Metric]:
        """No metrics, since prometheus_client would otherwise call ``collect`` when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._attempts()
        yield from self._used()
        yield from self._providers()
        yield from self._budgets()
        yield from self._pool()
        yield from self._loop()

    def _requests(self) -> Iterator[Metric]:
        telemetry = self._context.telemetry
        info = GaugeMetricFamily("linx_build_info", "Always 1; the label says which Linx this is.", labels=["version"])
        info.add_metric([linx.__version__], 1)
        yield info
        ended = CounterMetricFamily(
            "linx_requests",
            "Finished requests for an answer, and refused ones, by how they ended and the status (0: the client left).",
            labels=["outcome", "status", "key"],
        )
        for (phase, status, key), count in telemetry.ended.items():
            ended.add_metric([phase, str(status), *_label(key)], count)
        yield ended
        running = GaugeMetricFamily("linx_requests_running", "Requests that run now, by phase.", labels=["phase"])
        phases = [record.phase for record in telemetry.running.values()]
        for phase in PHASES:
            running.add_metric([phase], phases.count(phase))
        yield running
        secrets = CounterMetricFamily(
            "linx_prompts_with_secrets",
            "Prompts in which a secret was found (routing.secrets), by its kind.",
            labels=["kind"],
        )
        for kind, count in telemetry.secrets.items():
            secrets.add_metric([kind], count)
        yield secrets
        added = HistogramMetricFamily(
            "linx_added_latency_seconds", "Linx's own share of the time before an answer began.", labels=[]
        )
        _add(added, (), telemetry.added)
        yield added

    def _attempts(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "linx_attempts", "Attempts at a provider that have ended.", labels=["provider", "outcome"]
        )
        first = HistogramMetricFamily(
            "linx_first_token_seconds",
            "Time from asking the provider to the first meaningful chunk of its answer.",
            labels=["provider"],
        )
        hedges = CounterMetricFamily(
            "linx_hedges", "Hedges (second attempts beside a silent one) at this provider.", labels=["provider"]
        )
        won = CounterMetricFamily("linx_hedges_won", "Hedges that answered first.", labels=["provider"])
        wasted = CounterMetricFamily(
            "linx_attempts_wasted", "Attempts that lost a race with a hedge.", labels=["provider"]
        )
        for name, counters in self._counters():
            for outcome, count in counters.outcomes.items():
                attempts.add_metric([name, outcome], count)
            _add(first, [name], counters.first_token_buckets)
            hedges.add_metric([name], counters.hedges)
            won.add_metric([name], counters.hedges_won)
            wasted.add_metric([name], counters.wasted)
        yield from (attempts, first, hedges, won, wasted)

    def _used(self) -> Iterator[Metric]:
        tokens = CounterMetricFamily(
            "linx_tokens", "Tokens as the provider reported them.", labels=["provider", "model", "type", "key"]
        )
        cost = CounterMetricFamily(
            "linx_cost_usd", "Cost of the answers in USD, as far as it is known.", labels=["provider", "model", "key"]
        )
        for name, counters in self._counters():
            for (model, key), used in counters.models.items():
                tokens.add_metric([name, model, "prompt", *_label(key)], used.prompt_tokens)
                tokens.add_metric([name, model, "completion", *_label(key)], used.completion_tokens)
                cost.add_metric([name, model, *_label(key)], used.cost_usd)
        yield from (tokens, cost)

    def _providers(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "linx_provider_state", "1 for the provider's state, 0 for the others.", labels=["provider", "state"]
        )
        active = GaugeMetricFamily("linx_provider_active", "Requests that run at the provider.", labels=["provider"])
        queued = GaugeMetricFamily(
            "linx_provider_queued", "Requests that wait for a place at the provider.", labels=["provider"]
        )
        now = trio.current_time()
        for provider in self._context.providers:
            is_now = provider.health.state(now)
            for name in STATES:
                state.add_metric([provider.name, name], name == is_now)
            active.add_metric([provider.name], provider.active)
            queued.add_metric([provider.name], provider.slots.waiting)
        yield from (state, active, queued)

    def _budgets(self) -> Iterator[Metric]:
        labels = ["scope", "name", "kind"]
        families = {
            "limit": GaugeMetricFamily("linx_budget_limit", "What may be spent, in USD or tokens.", labels=labels),
            "spent": GaugeMetricFamily("linx_budget_spent", "What was spent of it.", labels=labels),
            "reserved": GaugeMetricFamily("linx_budget_reserved", "What running requests may cost.", labels=labels),
        }
        for row in self._context.budgets.status():
            for name, family in families.items():
                family.add_metric([row["scope"], row["name"] or "", row["kind"]], row[name])
        yield from families.values()

    def _pool(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily("linx_upstream_connections", "Connections to providers.", labels=["state"])
        for state, count in self._context.pool.census().items():
            connections.add_metric([state], count)
        yield connections

    def _loop(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "linx_tasks", "Tasks of the event loop; two belong to each client connection.", _living_tasks()
        )

    def _counters(self) -> Iterator[tuple[str, Counters]]:
        """The counters of all providers, also of those no longer in the config, since a counter must never decrease."""
        yield from self._context.telemetry.providers.items()


def _label(key: str) -> list[str]:
    """The last label of a metric: a request without a key has none."""
    return [] if key == NOBODY else [key]


def _living_tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


def _add(family: HistogramMetricFamily, labels: Sequence[str], buckets: Buckets) -> None:
    bounds = [*(format(bound, "g") for bound in buckets.bounds), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(buckets.counts), strict=True)), buckets.total_s)
