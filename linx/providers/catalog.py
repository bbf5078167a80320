"""What the providers have: their model lists, refreshed in the background by free requests.

One task per provider probes it: often while it is down, loading or unknown, seldom while
it is up. So a slow provider delays nobody, and one that appears later is found by itself.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.core.errors import AttemptError, Garbled
from linx.dialects.failures.meaning import failure
from linx.providers import prices
from linx.providers.provider import Model, Provider

if TYPE_CHECKING:
    from linx.core.redaction import Redactor
    from linx.upstream.pool import Pool, Sending

PROBE_TIMEOUT_S = 10.0
WATCH_S = 15.0  # between probes while something is down or unknown
CALM_S = 60.0
LOADING_S = 1.0  # while it loads a model
JITTER = 0.1  # a pause is up to this share shorter
MAX_LIST = 16 * 1024 * 1024  # bytes; OpenRouter's list is about half a megabyte
SHOWN_AT_ONCE = 4  # Ollama models asked about side by side

log = logging.getLogger("linx.catalog")


class Loading(Exception):
    """llama.cpp is up and still loads its model."""


async def watch(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    """Probe one provider for as long as it is configured."""
    health = provider.health
    while True:
        start = trio.current_time()
        before = health.state(start)
        await refresh(provider, pool, redactor)
        after = health.state(trio.current_time())
        if after != before != "unknown":  # the first state stands in the summary of the start
            problem = f": {health.last_error}" if health.last_error and after in ("down", "cooling") else ""
            log.info("%s is %s%s", provider.name, after, problem)
        # From start to start, and the jitter only shortens: so it is found within WATCH_S.
        share = 1 - JITTER * random.random()
        due = start + share * CALM_S
        while (now := trio.current_time()) < due:
            if health.loading:
                due = min(due, max(start, now - LOADING_S) + share * LOADING_S)
            elif health.needs_watching(now):
                due = min(due, max(start, now - WATCH_S) + share * WATCH_S)
            with trio.move_on_at(due):
                await health.alarm.wait()


async def refresh(provider: Provider, pool: Pool, redactor: Redactor) -> None:
    """One probe: is it there, and what does it have? Never raises but for cancellation."""
    problem: str | None = None
    loading = False
    with trio.move_on_after(PROBE_TIMEOUT_S) as limit:
        try:
            models = await LISTERS[provider.kind](provider, pool)
        except Loading:
            problem, loading = "is loading its model", True
        except AttemptError as error:
            problem = redactor.clean(error.problem)
        except (jsontext.InvalidJSON, TypeError, ValueError, KeyError, AttributeError) as error:
            problem = redactor.clean(f"its model list cannot be read: {error}")
        else:
            _replace_models(provider, models)
    if problem is not None and provider.is_starting():
        problem, loading = "is loading its model", True
    if limit.cancelled_caught:
        problem = f"did not answer a probe within {PROBE_TIMEOUT_S:g} s"
    provider.health.probed(trio.current_time(), problem, loading=loading)
    provider.probed.set()


def _replace_models(provider: Provider, models: list[Model]) -> None:
    named = {name: Model(name) for name in provider.config.models}
    provider.models = {**named, **{model.name: model for model in models}}
    provider.listed_at = trio.current_time()
    provider.models_changed()


async def learn_model(provider: Provider, pool: Pool, name: str) -> None:
    """Ask an Ollama what ``name`` can do, unless that is known. Raises AttemptError."""
    known = provider.find(name)
    if known is not None and known.capabilities is not None:
        return
    shown = await fetch_json(provider, pool, provider.post("/api/show", {"model": name}))
    if known is None:
        known = provider.models[name] = Model(name)
        provider.models_changed()
    _read_show(known, shown)


# --- one function a kind: what models does it have? -----------------------------------


async def _list_ollama(provider: Provider, pool: Pool) -> list[Model]:
    tags = await fetch_json(provider, pool, provider.get("/api/tags"))
    models = []
    for entry in tags.get("models") or []:
        name = entry.get("name") or entry.get("model")
        model = Model(str(name), listed=entry)
        before = provider.models.get(model.name)
        if before is not None and before.listed.get("digest") == entry.get("digest"):
            model.capabilities, model.context_length = before.capabilities, before.context_length
        models.append(model)
    unknown = iter([model for model in models if model.capabilities is None])

    async def ask() -> None:
        for model in unknown:
            try:
                _read_show(model, await fetch_json(provider, pool, provider.post("/api/show", {"model": model.name})))
            except (AttemptError, jsontext.InvalidJSON):
                continue  # one odd model must not hide the others

    async def ask_version() -> None:
        try:
            version = (await fetch_json(provider, pool, provider.get("/api/version"))).get("version")
        except (AttemptError, AttributeError):
            return  # not every server that speaks this dialect has one
        provider.version = version if isinstance(version, str) else None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_version)
        for _ in range(SHOWN_AT_ONCE):
            nursery.start_soon(ask)
    return models


def _read_show(model: Model, shown: Mapping[str, Any]) -> None:
    capabilities = shown.get("capabilities")
    model.capabilities = frozenset(str(one) for one in capabilities) if isinstance(capabilities, list) else frozenset()
    info = shown.get("model_info")
    if isinstance(info, Mapping):
        length = info.get(f"{info.get('general.architecture')}.context_length")
        model.context_length = length if isinstance(length, int) else None


async def _list_llamacpp(provider: Provider, pool: Pool) -> list[Model]:
    try:
        await fetch_json(provider, pool, provider.get("/health"))
    except AttemptError as error:
        if error.status == 503:
            raise Loading from None
        raise
    models = await _list_openai(provider, pool)
    try:
        props = await fetch_json(provider, pool, provider.get("/props"))
    except (AttemptError, jsontext.InvalidJSON):
        return models  # switched off, or behind a key of its own
    settings = props.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
    modalities = props.get("modalities")
    sees = isinstance(modalities, Mapping) and bool(modalities.get("vision"))
    capabilities = frozenset({"completion", "tools", *(["vision"] if sees else [])})
    for model in models:
        model.capabilities = capabilities
        if isinstance(context, int) and context > 0 and len(models) == 1:
            model.context_length = context  # of one slot: what a request can really use
    return models


async def _list_openai(provider: Provider, pool: Pool) -> list[Model]:
    listed = await fetch_json(provider, pool, provider.get("/models", under_api=True))
    entries = listed.get("data") if isinstance(listed, Mapping) else listed
    models = []
    for entry in entries or []:
        name = entry.get("id")
        if not isinstance(name, str) or not name:
            continue
        created = entry.get("created")
        models.append(
            Model(
                name,
                context_length=_context_of(entry),
                capabilities=_capabilities_of(entry),
                price=prices.from_list(entry.get("pricing")),
                created=created if isinstance(created, int) else None,
                listed=entry,
            )
        )
    return models


def _context_of(entry: Mapping[str, Any]) -> int | None:
    """The context length under the names that servers give it, in tokens."""
    meta = entry.get("meta")
    places = (
        entry.get("context_length"),
        entry.get("max_model_len"),
        entry.get("context_window"),
        meta.get("n_ctx_train") if isinstance(meta, Mapping) else None,
    )
    return next((value for value in places if isinstance(value, int) and value > 0), None)


def _capabilities_of(entry: Mapping[str, Any]) -> frozenset[str] | None:
    """Ollama's words for what an OpenRouter entry says a model can do."""
    parameters = entry.get("supported_parameters")
    if not isinstance(parameters, list):
        return None
    found = {"completion"}
    if "tools" in parameters:
        found.add("tools")
    if "reasoning" in parameters:
        found.add("thinking")
    architecture = entry.get("architecture")
    if isinstance(architecture, Mapping) and "image" in (architecture.get("input_modalities") or ()):
        found.add("vision")
    return frozenset(found)


LISTERS: Mapping[str, Callable[[Provider, Pool], Awaitable[list[Model]]]] = {
    "ollama": _list_ollama,
    "llamacpp": _list_llamacpp,
    "openrouter": _list_openai,
    "openai": _list_openai,
}


async def fetch_json(provider: Provider, pool: Pool, sending: Sending) -> Any:
    """One small JSON answer. Raises AttemptError for any status but 200."""
    exchange = await pool.open(provider.origin, sending)
    with exchange:
        body = await exchange.read_all(MAX_LIST)
        exchange.finish()
    if exchange.status != 200:
        raise failure(exchange.status, body, None)
    try:
        return jsontext.loads(body)
    except jsontext.InvalidJSON:
        raise Garbled("answered a list with something that is not JSON") from None
