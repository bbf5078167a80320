"""Asks one address as Linx asks a provider, and notes what the heads of its answers tell.

The only file of the doctor that sends anything. An address that is in no config is asked like a provider of kind
openai, so that certificates, proxies and local names count as they do for every other request of Linx.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from linx.config.model import ProviderConfig
from linx.core.attempt_errors import NotLocal
from linx.providers.catalog import MAX_LIST
from linx.providers.kinds import OPENAI
from linx.providers.list_answers import json_of
from linx.providers.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import JsonObject
    from linx.providers.known_hosts import KnownHost
    from linx.providers.places import Places
    from linx.upstream.pool import Exchange, Pool, Sending


Made = TypeVar("Made")


def stranger(endpoint: str, key: str | None = None) -> Provider:
    """A provider for an address that is none of the config's. It is asked below the root of ``endpoint``."""
    return Provider(ProviderConfig(name="there", kind="openai", endpoint=endpoint, api_key=key), OPENAI)


class Asker:
    """A way to ask ``provider`` (see ``lists.Ask``) that remembers what the answers' heads said."""

    def __init__(self, provider: Provider, pool: Pool) -> None:
        self.provider = provider
        self.pool = pool
        self.skew_s: float | None = None
        """By how much the provider's clock is ahead of ours."""
        self.latency_s: float | None = None
        """The shortest time from a request to the head of its answer."""
        self.elsewhere = ""
        """Why the provider is not local, though it should be."""

    @property
    def places(self) -> Places:
        return self.provider.http.places

    @property
    def known(self) -> KnownHost:
        return self.provider.http.known

    async def get(self, path: str, *, under_api: bool = False, place: str | None = None) -> Any:
        return await self._fetch(self.provider.http.get(path, under_api=under_api, place=place))

    async def made_of(
        self, path: str, make: Callable[[Any], Made], *, under_api: bool = False, place: str | None = None
    ) -> Made:
        return make(await self.get(path, under_api=under_api, place=place))

    async def post(self, path: str, body: JsonObject) -> Any:
        return await self._fetch(self.provider.http.post(path, body))

    async def open(self, sending: Sending) -> Exchange:
        """An answer whose head has come; the caller must finish or close it. Raises AttemptError."""
        began = trio.current_time()
        permits = self.provider.permits
        try:
            exchange = await self.pool.open(permits.nearest, sending)
        except NotLocal as error:
            self.elsewhere = error.problem
            exchange = await self.pool.open(permits.open, sending)
        took = trio.current_time() - began
        self.latency_s = took if self.latency_s is None else min(took, self.latency_s)
        self.skew_s = skew_of(exchange.header("date"), time.time(), self.skew_s)
        return exchange

    async def _fetch(self, sending: Sending) -> Any:
        with await self.open(sending) as exchange:
            body = await exchange.read_all(MAX_LIST)
            exchange.finish()
        return json_of(exchange.status, body)


def skew_of(date: str | None, now: float, before: float | None) -> float | None:
    """By how many seconds ``date``, as HTTP writes it, is ahead of ``now``; ``before`` where it tells nothing."""
    if date is None:
        return before
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return before
