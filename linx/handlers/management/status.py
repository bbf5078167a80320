"""The status of Linx and its providers, and reading the config again."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import trio

import linx
from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.handlers.request_facts import object_of
from linx.providers.catalog import FEATURES_HEADER, LOCAL_ONLY
from linx.providers.missing import missing_models
from linx.routing.limits import PROVIDER, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.config.model import ProviderConfig
    from linx.core.chat import JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.providers.provider import Provider
    from linx.server.reply import Reply
    from linx.server.request import Request


MOST_PRICED = 8
"""Models of a provider whose price is looked for, to say whether prices are known."""
MOST_MISSING = 100  # mappings without their model, of a provider, that the status shows
MOST_KEYS = 1000  # that the status shows
_HEALTH_HEADERS = ((FEATURES_HEADER.encode(), LOCAL_ONLY.encode()),)


async def healthz(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /healthz``: says that Linx answers, and 503 when it ends soon; it says nothing about the providers.

    A Linx in front of this one recognises it by the header, and passes ``x-linx-local-only`` on.
    """
    status, body = (503, b'{"status":"ending"}') if context.is_leaving else (200, b'{"status":"ok"}')
    await reply.whole(status, body, headers=_HEALTH_HEADERS)


async def providers_status(context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``GET /v1/providers/status``."""
    await reply.whole(200, jsontext.dumps(status(context)))


def status(context: Context) -> JsonObject:
    """The state of the config and of every provider."""
    now = trio.current_time()
    return {
        "object": "list",
        "version": linx.__version__,
        "uptime_s": round(now - context.started, 3),
        "longest_stall_ms": _ms(context.watchdog.longest_s(now)),
        "config": config_status(context),
        "ledger": context.ledger.status(),
        "budget": context.budgets.status(),
        "secrets": {"mode": context.config.routing.secrets, "found": sum(context.telemetry.secrets.values())},
        **({"keys": key_rows(context)} if context.config.server.api_keys else {}),
        "data": [row for _name, row in provider_rows(context)],
    }


def key_rows(context: Context) -> list[JsonObject]:
    """Each configured key: its name, its limits, what runs and waits with it, and its requests since the start."""
    running = Counter(record.key for record in context.telemetry.running.values())
    requests: Counter[str] = Counter()
    for (_phase, _status, name), count in context.telemetry.ended.items():
        requests[name] += count
    rows = []
    for key in context.config.server.client_keys()[:MOST_KEYS]:
        waiting = context.key_uses.waiting(key.name)
        row = {"name": key.name, "limited": key.is_limited, "models": list(key.models), "local_only": key.local_only}
        row |= {"max_concurrent": key.max_concurrent, "requests_per_minute": key.requests_per_minute}
        row |= {"running": running[key.name] - waiting, "waiting": waiting, "requests": requests[key.name]}
        rows.append(row)
    return rows


def config_status(context: Context) -> JsonObject:
    """Which config is in force, and the mistake for which a newer one is not."""
    return {
        "path": context.config.path,
        "loaded_at": context.config_loaded_at,
        "problem": context.config_problem,
    }


def provider_rows(context: Context) -> Iterator[tuple[str, JsonObject]]:
    """The row of every provider, by name, made one by one."""
    for provider in context.providers:
        yield provider.name, _provider(context, provider, trio.current_time())
    for config in context.config.providers:
        if not config.enabled:
            yield config.name, _disabled(context, config)


def _provider(context: Context, provider: Provider, now: float) -> JsonObject:
    health, counters = provider.health, provider.counters
    retry_at = health.retry_at(now)
    paused = health.pauses.shown(now)
    checked = health.last_checked
    adapted = provider.adaptations.as_json()
    passed_on = [name for name in provider.models if not provider.is_local(name)] if provider.local else []
    return {
        "name": provider.name,
        "kind": provider.kind.name,
        "enabled": True,
        "state": health.state(now),
        "endpoint": context.redactor.clean(provider.config.endpoint),
        "local": provider.permits.is_local,
        "models": list(provider.models),
        "last_error": health.last_error,
        "last_checked": None if checked is None else context.at(checked),
        "consecutive_failures": health.consecutive_failures,
        "retry_at": None if retry_at is None else context.at(retry_at),
        **({"paused_models": {name: context.at(until) for name, until in paused.items()}} if paused else {}),
        "active": provider.active,
        "queued": provider.slots.waiting,
        "loaded": [{"model": name, "context": tokens} for name, tokens in provider.contexts.all_loaded().items()],
        "price_known": any(provider.price(name) is not None for name in islice(provider.models, MOST_PRICED)),
        "requests": counters.requests,
        "failures": counters.failures,
        "hedges": counters.hedges,
        "first_token_ms": {
            "p50": _ms(counters.first_token.percentile(0.5)),
            "p95": _ms(counters.first_token.percentile(0.95)),
        },
        "tokens": {"prompt": counters.prompt_tokens, "completion": counters.completion_tokens},
        "cost_usd": round(counters.cost_usd, 9),
        "budget": context.budgets.status(Scope(PROVIDER, provider.name)),
        **({"remote_models": passed_on} if passed_on else {}),
        **({"missing_models": missing} if (missing := _missing(provider)) else {}),
        **({"adapted": adapted} if adapted else {}),
        **({"warning": provider.permits.warning} if provider.permits.warning else {}),
    }


def _missing(provider: Provider) -> list[JsonObject]:
    """The mappings that are not in force, with the command that gets their models."""
    return [one._asdict() for one in islice(missing_models(provider), MOST_MISSING)]


def _disabled(context: Context, config: ProviderConfig) -> JsonObject:
    return {
        "name": config.name,
        "kind": config.kind,
        "enabled": False,
        "state": "disabled",
        "endpoint": context.redactor.clean(config.endpoint),
        "local": config.is_local,
        "models": [],
        "last_error": None,
        "last_checked": None,
        "consecutive_failures": 0,
        "retry_at": None,
        "active": 0,
        "queued": 0,
        "loaded": [],
        "price_known": False,
        "requests": 0,
        "failures": 0,
        "hedges": 0,
        "first_token_ms": {"p50": None, "p95": None},
        "tokens": {"prompt": 0, "completion": 0},
        "cost_usd": 0,
        "budget": [],
    }


async def reload_config(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """``POST /linx/reload``: read the config again now. Takes no fields."""
    body = await request.body()
    if body.strip() and await object_of(request):
        raise BadRequest("This path takes no fields.")
    await context.reload()
    await reply.whole(200, jsontext.dumps(config_status(context)))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
