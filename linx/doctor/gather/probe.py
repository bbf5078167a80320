"""Finds out about one provider by free requests. Nothing is generated, and nothing costs money."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from linx.core import jsontext
from linx.core.addresses import host_and_port, is_near
from linx.core.attempt_errors import (
    AttemptError,
    ConnectFailed,
    ConnectTimeout,
    NameNotFound,
    Refused,
    Reset,
    Stalled,
    TLSFailed,
)
from linx.core.errors import quote
from linx.discovery.identify import identify
from linx.doctor.facts import PropsFacts, ProviderFacts, Trouble
from linx.doctor.gather.ask import Asker, stranger
from linx.providers.kind import Feature
from linx.providers.kinds import KINDS
from linx.providers.list_answers import UNREADABLE
from linx.providers.lists import Listed, Loading, Unlisted
from linx.providers.missing import missing_models, problems
from linx.providers.provider import Provider

if TYPE_CHECKING:
    from linx.config.model import ProviderConfig
    from linx.core.redaction import Redactor
    from linx.providers.credit import Credit
    from linx.providers.kind import Kind
    from linx.providers.lists import Ask
    from linx.upstream.pool import Pool

LIMIT_S = 4.0
"""For all that is asked of one provider."""
LISTENER_S = 0.5
IDENTIFY_S = 2.0
_KEYS = {401: Trouble.KEY, 402: Trouble.CREDIT, 403: Trouble.KEY, 429: Trouble.LIMIT}
_UNREADABLE = (jsontext.InvalidJSON, TypeError, ValueError, KeyError, AttributeError, RecursionError)
_LOOPBACK = ("127.0.0.1", "::1")


class _Draft:
    """What is known so far, so that a provider that falls silent loses none of it."""

    def __init__(self) -> None:
        self.listed: Listed | None = None
        self.trouble: Trouble | None = None
        self.problem = ""
        self.credit: Credit | None = None
        self.props: PropsFacts | None = None
        self.addresses: tuple[str, ...] = ()
        self.answering: tuple[str, ...] = ()
        self.speaks_plain = False
        self.really: Kind | None = None
        self.server = ""

    def fail(self, trouble: Trouble, problem: str) -> None:
        """The first trouble counts."""
        if self.trouble is None:
            self.trouble, self.problem = trouble, problem


async def probe(config: ProviderConfig, kind: Kind, pool: Pool, redactor: Redactor) -> ProviderFacts:
    """Everything that can be found out in LIMIT_S."""
    asker, draft = Asker(Provider(config, kind), pool), _Draft()
    with trio.move_on_after(LIMIT_S) as limit:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_look_up, config, draft)
            if is_near(config.origin.host) and urlsplit(config.root).path in ("", "/"):
                nursery.start_soon(_identify, config, draft)
            nursery.start_soon(_list, asker, draft, redactor, pool)
            if kind.show_credit is not None and not config.takes_client_key:
                nursery.start_soon(_ask_key, kind.show_credit, asker, draft, redactor)
    if limit.cancelled_caught:
        words = "answers, but its models could not be read" if asker.latency_s is not None else "did not answer"
        draft.fail(Trouble.SILENT, f"{config.origin.address} {words} within {LIMIT_S:g} seconds")
    provider, listed = asker.provider, draft.listed or Listed()
    shown = {name: model for name, model in listed.models.items() if not redactor.holds_secret(name)}
    provider.models = {**provider.models, **shown}
    if draft.listed is not None:
        provider.listed_at = trio.current_time()
        provider.memory.seen((listed.loaded or {}).values())
    provider.models_changed()
    missing = missing_models(provider)
    lacks = [line for line in problems(provider) if line not in map(str, missing)]
    return ProviderFacts(
        config=config,
        kind=kind,
        trouble=draft.trouble,
        problem=draft.problem,
        models=provider.models,
        has_list=draft.listed is not None,
        missing=missing,
        auto_problem=next(iter(lacks), ""),
        version=quote(listed.version, 40) if listed.version else None,
        loaded={name: one.context for name, one in (listed.loaded or {}).items()},
        skew_s=asker.skew_s,
        credit=draft.credit,
        props=draft.props,
        addresses=draft.addresses,
        answering=draft.answering,
        speaks_plain=draft.speaks_plain,
        really=draft.really,
        server=draft.server,
        elsewhere=asker.elsewhere,
        latency_s=asker.latency_s,
    )


async def _list(asker: Asker, draft: _Draft, redactor: Redactor, pool: Pool) -> None:
    config, kind = asker.provider.config, asker.provider.kind
    try:
        draft.listed = await kind.list_models(asker, Listed())
    except Loading:
        draft.fail(Trouble.LOADING, "is loading its model")
    except Unlisted as error:
        # Where the names are configured, no list is needed.
        if not (error.is_absent and (config.models or config.model_mappings)):
            draft.fail(*_told(error.failure, redactor))
    except AttemptError as error:
        if not asker.provider.lists_for_clients_alone(error):
            draft.fail(*_told(error, redactor))
            if draft.trouble is Trouble.KEY and _is_403(error) and Feature.DESCRIBES_MODELS in kind.features:
                # Ollama's guard against DNS rebinding: while it listens on loopback, it answers to names of its own
                # machine alone (its server/routes.go, allowedHostsMiddleware).
                draft.trouble = Trouble.HOST
            elif draft.trouble is Trouble.REFUSED and config.origin.host == "localhost":
                urls = {host: f"http://{host_and_port(host, config.origin.port)}" for host in _LOOPBACK}
                draft.answering = tuple([host for host in urls if await _is_there(urls[host], pool, is_http=False)])
            elif draft.trouble is Trouble.TLS:
                draft.speaks_plain = await _is_there(f"http://{config.origin.address}", pool, is_http=True)
    except _UNREADABLE:
        draft.fail(Trouble.SHAPE, UNREADABLE)
    else:
        if Feature.SERVES_FILES in kind.features:
            draft.props = await _props(asker, draft.listed)


def _told(error: AttemptError, redactor: Redactor) -> tuple[Trouble, str]:
    error.redact(redactor.clean)
    return trouble_of(error), error.problem


def _is_403(error: AttemptError) -> bool:
    return isinstance(error, Refused) and error.upstream_status == 403


def trouble_of(error: AttemptError) -> Trouble:
    """What an error of Linx's own means for its user."""
    if isinstance(error, Refused):
        status = error.upstream_status or error.status
        # xAI answers a wrong key with 400 "Incorrect API key provided" (continue#10778), Gemini with 400 "API key not
        # valid".
        if status == 400 and "api key" in error.words and ("incorrect" in error.words or "not valid" in error.words):
            return Trouble.KEY
        return _KEYS.get(status, Trouble.STATUS)
    return next((trouble for kind, trouble in _OF_ERRORS.items() if isinstance(error, kind)), Trouble.SHAPE)


_OF_ERRORS: Mapping[type[AttemptError], Trouble] = {
    NameNotFound: Trouble.NAME,
    TLSFailed: Trouble.TLS,
    ConnectTimeout: Trouble.SILENT,
    ConnectFailed: Trouble.REFUSED,
    Stalled: Trouble.SILENT,
    Reset: Trouble.STATUS,
}
"""The first that fits; whatever else came is not what such a provider answers."""


async def _identify(config: ProviderConfig, draft: _Draft) -> None:
    """What program answers there?"""
    found = await identify(config.origin, IDENTIFY_S)
    if found is None or (found.kind is None and not found.is_linx):
        return
    draft.server = found.title
    if found.kind is not None and found.kind != config.kind:
        draft.really = KINDS[found.kind]


async def _look_up(config: ProviderConfig, draft: _Draft) -> None:
    with contextlib.suppress(OSError, UnicodeError):
        found = await trio.socket.getaddrinfo(config.origin.host, config.origin.port)
        draft.addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))


async def _is_there(url: str, pool: Pool, *, is_http: bool) -> bool:
    """Does something listen there, and does it speak HTTP if it must? It is sent neither a key nor a prompt."""
    asker = Asker(stranger(url), pool)
    with trio.move_on_after(LISTENER_S):
        try:
            (await asker.open(asker.provider.http.get("/"))).close()
        except ConnectFailed:
            return False
        except AttemptError:
            return not is_http
        return True
    return False


async def _ask_key(
    show: Callable[[Ask], Awaitable[Credit | None]], asker: Asker, draft: _Draft, redactor: Redactor
) -> None:
    """OpenRouter's list is open to everybody, so the key is asked about by itself: ``GET /api/v1/key``.

    A wrong one is answered with 401 ``{"error":{"message":"User not found.","code":401}}``, none at all with 401 "No
    auth credentials found" (robin#103, claude-code-router#227).
    """
    try:
        draft.credit = await show(asker)
    except AttemptError as error:
        if trouble_of(error) in (Trouble.KEY, Trouble.CREDIT):
            draft.fail(*_told(error, redactor))
    except _UNREADABLE:
        pass


async def _props(asker: Asker, listed: Listed) -> PropsFacts | None:
    try:
        told = await asker.get("/props")
    except (AttemptError, *_UNREADABLE):
        return None
    settings = told.get("default_generation_settings") if isinstance(told, Mapping) else None
    context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
    if len(listed.models) != 1 or type(context) is not int or context <= 0:
        return None  # a router of several models, or something else
    entry = next(iter(listed.models.values())).listed
    meta = entry.get("meta")
    trained = meta.get("n_ctx_train") if isinstance(meta, Mapping) else None
    slots = told.get("total_slots")
    return PropsFacts(
        context, slots if type(slots) is int else None, trained if type(trained) is int and trained > 0 else None
    )
