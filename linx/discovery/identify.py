"""Asks one address what it is: a model server that Linx can use, another Linx, or something else.

All questions are GETs that cost nothing: no model is loaded, no key is sent. All of them together take LIMIT_S at most,
and of all answers together MAX_BYTES are read and kept. The connections are closed at the end; none of them is one that
requests use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

import linx
from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, ConnectFailed
from linx.discovery.products import (
    HEALTH,
    MODELS,
    PRODUCTS,
    Answer,
    Product,
    at,
    listed,
    owner_of,
)
from linx.providers.permits import permit_to_ask
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool, Sending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.config.shape import Kind
    from linx.core.addresses import Origin

LIMIT_S = 3.0
MAX_BYTES = 2 << 20  # of all answers of one address; a list of thousands of models has some
MOST_MARKS = 80_000
"""Commas and brackets in all answers of one address: up to 7 MB of objects. All places are asked at the same time."""
FEATURES = "x-linx-features"
"""The header of a Linx's answer to HEALTH."""
STRANGER = "not a model server: "
"""How the title of such a program begins."""
MAX_BRIEF = 60  # characters of the header ``server`` of a stranger
_LOADING = b"Loading model"  # llama.cpp's 503, tools/server/server-http.cpp
_HEADERS = (
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", f"linx/{linx.__version__}".encode()),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What answers at an address.

    ``title`` is for people: "Ollama 0.33.0", "another Linx", "not a model server: nginx". ``name`` is what a provider
    there is called, "" where there can be none.
    """

    origin: Origin
    title: str
    name: str = ""
    kind: Kind | None = None
    version: str = ""
    models: tuple[str, ...] = ()
    loaded: Mapping[str, int] = field(default_factory=dict)
    """The tokens of context of each model in memory, 0 where they are not said."""
    is_linx: bool = False
    is_loading: bool = False
    """Does it load its model just now?"""
    needs_key: bool = False
    """Does it tell nothing without a key?"""
    lists_models: bool = False
    """Has it a list of models in OpenAI's shape? A program that is not known may still be asked by its protocol."""

    @property
    def endpoint(self) -> str:
        """The address as a config has it."""
        return str(self.origin)

    @property
    def is_usable(self) -> bool:
        """Can it be a provider as it is, without a key and without the user's word?"""
        return self.kind is not None and not self.needs_key


async def identify(origin: Origin, limit_s: float = LIMIT_S) -> Found | None:
    """What listens at ``origin``; None where nothing does. Raises nothing but a cancellation."""
    pool = Pool(Dialer({}))
    asking = _Asking(origin, pool)
    try:
        with trio.move_on_after(limit_s):
            return await _identify(asking)
        return _stranger(asking)
    except ConnectFailed:
        # A server that takes no further connection in the middle of the questions is there all the same.
        return _stranger(asking) if asking.answers else None
    finally:
        pool.close_idle()


async def _identify(asking: _Asking) -> Found:
    health = await asking.ask(HEALTH)
    if health.features is not None:
        return Found(asking.origin, "another Linx", is_linx=True)
    if "litellm" in health.server.lower():
        return _stranger(asking)
    await asking.ask(MODELS)
    for product in _likeliest_first(owner_of(asking.answers)):
        for path in product.paths:
            await asking.ask(path)
        version = product.recognise(asking.answers)
        if version is not None:
            for path in product.loaded_paths:
                await asking.ask(path)
            return _found(asking, product, version)
    return _stranger(asking)


def _likeliest_first(owner: str) -> Sequence[Product]:
    return sorted(PRODUCTS, key=lambda product: not owner or product.owner != owner)


def _found(asking: _Asking, product: Product, version: str) -> Found:
    answers = asking.answers
    models = listed(answers)
    told = at(answers, MODELS)
    return Found(
        asking.origin,
        " ".join([product.title, *([version] if version else [])]),
        product.name,
        product.kind,
        version,
        tuple(models),
        product.loaded(answers),
        is_loading=any(one.status == 503 and _LOADING in one.body for one in answers.values()),
        needs_key=told.status in (401, 403),
        lists_models=isinstance(told.get("data"), list),
    )


def _stranger(asking: _Asking) -> Found:
    answers, origin = asking.answers, asking.origin
    models = listed(answers)
    said = next((one.server for one in answers.values() if one.server), "")
    brief = "".join(char for char in said if char.isprintable())[:MAX_BRIEF].strip()
    if models:
        title = f"an OpenAI-compatible server{f' ({brief})' if brief else ''}"
        return Found(origin, title, models=tuple(models), lists_models=True)
    if not answers:
        brief = asking.problem or "it does not answer"
    return Found(origin, f"{STRANGER}{brief or 'it does not say what it is'}")


class _Asking:
    """The questions to one address. ``answers`` has what came, by path; ``problem`` why nothing did."""

    def __init__(self, origin: Origin, pool: Pool) -> None:
        self.origin = origin
        self.answers: dict[str, Answer] = {}
        self.problem = ""
        self._pool = pool
        self._permit = permit_to_ask(origin)
        self._bytes_left, self._marks_left = MAX_BYTES, MOST_MARKS

    async def ask(self, path: str) -> Answer:
        """Raises ConnectFailed."""
        if path not in self.answers:
            try:
                self.answers[path] = await self._ask(path)
            except ConnectFailed:
                raise
            except AttemptError:
                self.problem = "it does not speak HTTP as a server should"
        return at(self.answers, path)

    async def _ask(self, path: str) -> Answer:
        exchange = await self._pool.open(self._permit, Sending(b"GET", path.encode("ascii"), _HEADERS))
        with exchange:
            head = Answer(exchange.status, exchange.header("server") or "", exchange.header(FEATURES))
            try:
                body = await exchange.read_all(self._bytes_left)
            except AttemptError:
                return head  # it is too long or torn, so that nothing is read from it
            exchange.finish()
        self._bytes_left -= len(body)
        return Answer(head.status, head.server, head.features, body, self._json(body))

    def _json(self, body: bytes) -> object:
        try:
            jsontext.check_weight(body, self._marks_left)
            value = jsontext.loads(body)
        except (jsontext.InvalidJSON, jsontext.TooManyValues):
            return None
        self._marks_left -= sum(map(body.count, (b",", b"[", b"{")))
        return value
