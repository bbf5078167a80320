"""All checks, in the order in which people read them. Rule: a check is a pure function of the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.doctor.checks import environment, models, money, network, providers, running, servers, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.doctor.facts import Facts
    from linx.doctor.finding import Finding


class Check(NamedTuple):
    """``name`` is what people and programs see beside each of its findings."""

    name: str
    look: Callable[[Facts], Iterable[Finding]]


CHECKS: tuple[Check, ...] = (
    Check("config", settings.config_file),
    Check("config", settings.config_warnings),
    Check("linx", running.listening),
    Check("service", running.service),
    Check("provider", providers.reachable),
    Check("kind", providers.kinds),
    Check("version", providers.versions),
    Check("credit", providers.credit),
    Check("servers", servers.unlisted),
    Check("context", models.contexts),
    Check("mapping", models.mappings),
    Check("tools", models.tools),
    Check("clock", network.clock),
    Check("tls", network.certificates),
    Check("local", network.locality),
    Check("environment", environment.environment),
    Check("keys", money.keys),
    Check("ledger", money.ledger),
    Check("budget", money.budgets),
    Check("tunnel", running.tunnel),
)


class Found(NamedTuple):
    """A finding, and the check that made it."""

    check: str
    finding: Finding


def findings(facts: Facts) -> list[Found]:
    return [Found(check.name, finding) for check in CHECKS for finding in check.look(facts)]
