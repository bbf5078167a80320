"""What the providers have: their model lists, refreshed in the background by free requests.

One task a provider probes it: often while the provider is down, loading or unknown, seldom
while it is up. So a slow provider delays no other, and a provider that appears later is
found without being told of. How a kind is asked for its models is in ``lists``.
"""

from __future__ import annotations

import contextlib
import logging
import random
from dataclasses import dataclass
from itertools import islice
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from linx.core import jsontext
from linx.core.attempt_errors import MAX_WORDS, AttemptError, NotLocal
from linx.core.errors import quote
from linx.core.telemetry import MAX_KEPT
from linx.core.worker import in_thread
from linx.providers.list_answers import UNREADABLE, json_of
from linx.providers.lists import MOST_AT_ONCE, Listed, Loading, Unlisted, loaded_ollama
from linx.providers.missing import problems
from linx.providers.model import Model
from linx.providers.provider import index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linx.core.chat import JsonObject
    from linx.core.redaction import Redactor
    from linx.providers.kind import Kind
    from linx.providers.known_hosts import KnownHost
    from linx.providers.memory import InMemory
    from linx.providers.places import Places
    from linx.providers.provider import Provider
    from linx.upstream.permit import Permit
    from linx.upstream.pool import Pool, Sending

PROBE_TIMEOUT_S = 10.0
WATCH_S = 15.0  # between probes while the provider is down or unknown
CALM_S = 60.0  # between probes while the provider is up
LOADING_S = 1.0  # while the provider loads a model
LINX_S = 1.0  # that a request which must stay local waits to learn whether its provider is a Linx
CREDIT_S = 2.0  # that a probe waits to learn what is left of the credit
LOADED_S = 1.0  # that a request waits to learn what is loaded
LOOK_S = 15.0  # between two looks at what is loaded, where several Ollamas are compared by that
AGAIN_S = 2.0  # between two readings of a list for names that it lacks
JITTER = 0.1  # a pause is up to this share shorter
MAX_LIST = 16 * 1024 * 1024  # bytes; OpenRouter's list is about half a megabyte

HEALTH_PATH, FEATURES_HEADER = "/healthz", "x-linx-features"
LOCAL_ONLY = "local-only"  # among the features in the health answer of a Linx that understands x-linx-local-only

MAX_MODELS = 20_000  # of one provider

Made = TypeVar("Made")

log = logging.getLogger("linx.catalog")


async def watch(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    """Probe one provider for as long as it is configured."""
    health = provider.health
    told: tuple[str, ...] = ()
    while True:
        start = trio.current_time()
        provider.is_stale = False
        before = health.state(start)
        await refresh(provider, pool, redactor)
        after = health.state(trio.current_time())
        if after != before != "unknown":  # the first state stands in the summary of the start
            problem = f": {health.last_error}" if health.last_error and after in ("down", "cooling") else ""
            log.info("%s is %s%s", provider.name, after, problem)
        told = _tell_missing(provider, told)
        # Pauses run from start to start, and the jitter only shortens them: a provider is found within WATCH_S.
        share = 1 - JITTER * random.random()
        due = start + share * CALM_S
        while (now := trio.current_time()) < due and not provider.is_stale:
            if health.loading:
                due = min(due, max(start, now - LOADING_S) + share * LOADING_S)
            elif health.needs_watching(now):
                due = min(due, max(start, now - WATCH_S) + share * WATCH_S)
            with trio.move_on_at(due):
                await health.alarm.wait()


def _tell_missing(provider: Provider, told: tuple[str, ...]) -> tuple[str, ...]:
    """Log which mappings have no model, where that is not as it was told last. Returns what is told now."""
    found = problems(provider)
    for problem in found:
        if problem not in told:
            log.warning("%s: %s", provider.name, problem)
    if told and not found:
        log.info("%s has the models of all its mappings now", provider.name)
    return found


async def refresh(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    """One probe: is the provider there, and what models does it have? Raises nothing but a cancellation."""
    read = provider.reading = trio.Event()
    provider.read_at = trio.current_time()
    try:
        await _refresh(provider, pool, redactor)
    finally:
        read.set()
        if provider.reading is read:
            provider.reading = None


async def look_again(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    """Read the list once more, since it lacks a name that a client asks for. Returns when it is read.

    A reading that has just begun will do, and so does the last one for AGAIN_S, unless the list is known to change.
    """
    is_recent = trio.current_time() - provider.read_at < AGAIN_S
    if provider.reading is not None and is_recent:
        await provider.reading.wait()
    elif not is_recent or provider.is_stale or provider.relaying:
        provider.is_stale = False
        await refresh(provider, pool, redactor)


async def _refresh(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    problem: str | None = None
    failed: AttemptError | None = None
    loading = is_up = False
    with trio.move_on_after(PROBE_TIMEOUT_S) as limit:
        try:
            before = Listed(provider.models, provider.version)
            listed = await provider.kind.list_models(Asking(provider, pool), before)
        except Loading:
            problem, loading = "is loading its model", True
        except Unlisted as error:
            # Where the names are configured, no list is needed.
            is_up = bool(provider.config.models or provider.config.model_mappings)
            error.failure.redact(redactor.clean)
            is_keyless = provider.lists_for_clients_alone(error.failure)
            is_up = is_up or is_keyless
            problem = None if is_keyless or (is_up and error.is_absent) else error.failure.problem
            provider.http.places.reopen()
        except AttemptError as error:
            error.redact(redactor.clean)
            is_up = provider.lists_for_clients_alone(error)
            if not is_up:
                failed = error
                problem = error.problem  # with the provider's words: a probe has no prompt that they could repeat
        except (jsontext.InvalidJSON, TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            problem = UNREADABLE
            log.debug("the model list of %s: %s", provider.name, quote(redactor.clean(repr(error)), MAX_WORDS))
        else:
            await _take_over(provider, listed, redactor)
            if provider.permits.was_asked and provider.permits.is_linx is None:
                await learn_linx(provider, pool)
            await learn_credit(provider, pool)
    if problem is not None and provider.is_starting():
        problem, loading = "is loading its model", True
    if limit.cancelled_caught:
        problem = f"did not answer a probe within {PROBE_TIMEOUT_S:g} s"
    if problem is not None and not loading and not is_up:
        provider.permits.forget_linx()
    provider.health.probed(trio.current_time(), problem, loading=loading, is_up=is_up)
    provider.turn_away(failed)
    provider.probed.set()


async def _take_over(provider: Provider, listed: Listed, redactor: Redactor) -> None:
    found = (provider.config.models, provider.kind, listed.models, provider.models, redactor)
    models, index = _taken(*found) if len(listed.models) <= MOST_AT_ONCE else await in_thread(_taken, *found)
    provider.version = listed.version
    provider.adaptations.version_is(listed.version)
    places = provider.http.places
    if listed.is_proof:
        places.found(places.current)
    else:
        places.reopen()
    provider.listed_at = trio.current_time()
    provider.take_models(models, index)
    if listed.loaded is not None:
        _see_loaded(provider, listed.loaded)


def _taken(
    configured: Iterable[str],
    kind: Kind,
    listed: Mapping[str, Model],
    before: Mapping[str, Model],
    redactor: Redactor,
) -> tuple[Mapping[str, Model], dict[str, str] | None]:
    """The models that the provider has by its list, and their index; the very same as ``before`` and no index where
    they are those that it had."""
    models = {name: Model(name) for name in configured} | _without_secrets(_of_fair_size(listed), redactor)
    if list(models) == list(before) and all(map(is_, models.values(), before.values())):
        return before, None
    return models, index_of(kind, models)


def _of_fair_size(models: Mapping[str, Model]) -> dict[str, Model]:
    """The first MAX_MODELS of ``models``, but for those whose names are longer than a client may ask for."""
    if len(models) <= MAX_MODELS and max(map(len, models), default=0) <= MAX_KEPT:
        return dict(models)
    fair = ((name, model) for name, model in models.items() if len(name) <= MAX_KEPT)
    return dict(islice(fair, MAX_MODELS))


def _without_secrets(models: dict[str, Model], redactor: Redactor) -> dict[str, Model]:
    """``models`` but for those whose names hold a secret: names are shown to every client."""
    if not redactor.holds_secret("\n".join(models)):
        return models
    return {name: model for name, model in models.items() if not redactor.holds_secret(name)}


def _see_loaded(provider: Provider, loaded: Mapping[str, InMemory]) -> None:
    named = {provider.listed(name) or name: one for name, one in loaded.items()}
    now = trio.current_time()
    provider.loaded.seen(named, now)
    provider.memory.seen(named.values())
    provider.contexts.seen({name: one.context for name, one in named.items() if one.context}, now)


async def learn_loaded(provider: Provider, pool: Pool) -> None:
    """Look at what an Ollama has loaded. Where it does not say so in time, what was known stays known."""
    with trio.move_on_after(LOADED_S), contextlib.suppress(AttemptError):
        _see_loaded(provider, await loaded_ollama(Asking(provider, pool)))


async def learn_credit(provider: Provider, pool: Pool) -> None:
    """Ask what is left to the provider's key. Where it does not say so in time, what was known stays known."""
    show = provider.kind.show_credit
    if show is None or provider.config.takes_client_key:
        return
    with trio.move_on_after(CREDIT_S), contextlib.suppress(AttemptError, jsontext.InvalidJSON):
        provider.credit = await show(Asking(provider, pool))


async def watch_loaded(provider: Provider, pool: Pool) -> None:
    """Look often at what an Ollama has loaded: a model is unloaded after minutes, or loaded by others than Linx."""
    while True:
        await trio.sleep(LOOK_S * (1 - JITTER * random.random()))
        if provider.health.reachable and provider.permits.is_local:
            await learn_loaded(provider, pool)


async def learn_model(provider: Provider, pool: Pool, name: str) -> None:
    """Ask what model ``name`` can do, unless that is known or the kind cannot tell. Raises AttemptError."""
    show = provider.kind.show_model
    known = provider.find(name)
    if show is None or (known is not None and known.capabilities is not None):
        return
    model = await show(Asking(provider, pool), known or Model(name))
    if provider.find(name) is known:  # otherwise the list was read meanwhile, and knows better
        provider.models = {**provider.models, model.name: model}
        provider.models_changed()


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks ``provider`` for what its lists are made of; see ``lists.Ask``."""

    provider: Provider
    pool: Pool

    @property
    def places(self) -> Places:
        return self.provider.http.places

    @property
    def known(self) -> KnownHost:
        return self.provider.http.known

    async def get(self, path: str, *, under_api: bool = False, place: str | None = None) -> Any:
        sending = self.provider.http.get(path, under_api=under_api, place=place)
        return json_of(*await _fetch_nearest(self.provider, self.pool, sending))

    async def made_of(
        self, path: str, make: Callable[[Any], Made], *, under_api: bool = False, place: str | None = None
    ) -> Made:
        sending = self.provider.http.get(path, under_api=under_api, place=place)
        status, body = await _fetch_nearest(self.provider, self.pool, sending)
        return await self.provider.long_answers.made_of(sending.target, status, body, make)

    async def post(self, path: str, body: JsonObject) -> Any:
        return json_of(*await _fetch_nearest(self.provider, self.pool, self.provider.http.post(path, body)))


async def _fetch_nearest(provider: Provider, pool: Pool, sending: Sending) -> tuple[int, bytes]:
    """One answer for Linx itself, over a local connection if the provider has local addresses."""
    permits = provider.permits
    try:
        answer = await _fetch(permits.nearest, pool, sending)
    except NotLocal as error:
        if permits.elsewhere is None:
            log.warning("%s does not count as local: %s", provider.name, error.problem)
        permits.elsewhere = error.problem
        return await _fetch(permits.open, pool, sending)
    permits.elsewhere = None
    return answer


async def learn_linx(provider: Provider, pool: Pool) -> None:
    """Ask the server's health path whether it is a Linx, which must be told what is to stay local."""
    permits = provider.permits
    permits.was_asked = True
    with trio.move_on_after(LINX_S), contextlib.suppress(AttemptError):
        with await pool.open(permits.nearest, provider.http.get(HEALTH_PATH)) as exchange:
            exchange.finish()
        if exchange.status < 500:  # a llama.cpp that loads its model answers every path with 503
            permits.is_linx = LOCAL_ONLY in (exchange.header(FEATURES_HEADER) or "").split()


async def fetch_json(permit: Permit, pool: Pool, sending: Sending) -> Any:
    """One small JSON answer. Raises AttemptError for a status that is none of an answer's."""
    return json_of(*await _fetch(permit, pool, sending))


async def _fetch(permit: Permit, pool: Pool, sending: Sending) -> tuple[int, bytes]:
    """The status and the body of one answer."""
    exchange = await pool.open(permit, sending)
    with exchange:
        body = await exchange.read_all(MAX_LIST)
        exchange.finish()
    return exchange.status, body
