"""One configured provider: what it is called, what it has, how it is asked.

What sort of service it is, its ``Kind``, is handed in. Nothing here waits: the catalogue
fills ``models`` in the background, attempts take and give back ``slots``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio

import linx
from linx.core import jsontext
from linx.core.addresses import is_loopback
from linx.core.chat import ChatRequest, Dialect, ModelTraits
from linx.core.telemetry import Counters, Histogram
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens
from linx.providers import prices, requests
from linx.providers.health import Health
from linx.providers.model import Model
from linx.providers.slots import Slots
from linx.upstream.pool import Sending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from linx.config.model import ProviderConfig
    from linx.providers.kind import Headers, Kind
    from linx.providers.requests import ProviderRequest

SMALLEST_CONTEXT = 4096  # tokens; where num_ctx "auto" begins
DEFAULT_ANSWER_TOKENS = 1024  # tokens reserved for an answer whose length the client does not limit
FORGET_CONTEXT_S = 300.0  # Ollama unloads an idle model after five minutes by default
HOP_HEADER = b"x-linx-hop"
KEPT_MODELS = 512  # with first-token times of their own; a llama.cpp answers to any name


def never() -> bool:
    """For a provider of which Linx cannot know whether it is about to come up."""
    return False


class Provider:
    """A provider as configured, and what is known of it now.

    A reload makes new ones; ``inherit`` carries over what was learnt of an unchanged one.
    """

    def __init__(
        self,
        config: ProviderConfig,
        kind: Kind,
        counters: Counters | None = None,
        *,
        starting: Callable[[], bool] = never,
    ) -> None:
        self.config = config
        self.name = config.name
        self.kind = kind
        self.local = config.is_local
        root, api = urlsplit(config.root), urlsplit(config.api)
        self.origin = config.origin
        host = self.origin.host
        self.server = ("localhost" if is_loopback(host) else host, self.origin.port)
        """Equal for two providers that are the same machine's same port."""
        self.root_path = root.path.rstrip("/")
        self.api_path = api.path.rstrip("/")
        self.health = Health()
        self.counters = counters or Counters()
        self.models: dict[str, Model] = {name: Model(name) for name in config.models}
        self.listed_at: float | None = None
        self.slots = Slots(config.max_concurrent)
        self.relaying = 0
        """Requests that take no place: a pull does not keep a model from answering."""
        self.takes_stream_options = True
        self.version: str | None = None
        """What an Ollama says it is."""
        self.first_token: dict[str, Histogram] = {}
        self.probed = trio.Event()
        """Set when the first probe came back."""
        self.is_starting = starting
        """Does Linx itself know that it is about to come up?"""
        self._canonical: dict[str, str] = {}
        self._contexts: dict[str, tuple[int, float]] = {}
        self._own = {**requests.UNTRANSLATED, **kind.own} if config.native else kind.own
        self._prices = prices.configured(config.price)
        self._headers = self._base_headers()
        self.models_changed()

    def __repr__(self) -> str:
        return f"<Provider {self.name} ({self.kind.name}) {len(self.models)} models, {self.active} active>"

    def inherit(self, old: Provider) -> None:
        """Take over what ``old`` learnt, if it is the same service under the same name."""
        self.counters = old.counters
        if old.kind is not self.kind or (old.origin, old.api_path) != (self.origin, self.api_path):
            return
        if old.config.api_key == self.config.api_key:
            self.health = old.health
        self.first_token = old.first_token
        self.slots = old.slots  # with the requests that still run and wait there
        self.slots.resize(self.config.max_concurrent)
        self.takes_stream_options = old.takes_stream_options
        self.version = old.version
        listed = {name: model for name, model in old.models.items() if model.listed or name in self.config.models}
        self.models = {**self.models, **listed}
        self.listed_at = old.listed_at
        self.probed = old.probed
        self._contexts = old._contexts
        self.models_changed()

    @property
    def active(self) -> int:
        """Requests running there."""
        return self.slots.active + self.relaying

    # --- names ---

    def models_changed(self) -> None:
        """To be called after ``models`` was replaced: builds the index of names."""
        canonical, short = self.kind.canonical_name, self.kind.short_name
        self._canonical = {canonical(short(name)): name for name in self.models}
        self._canonical.update({canonical(name): name for name in self.models})

    def mapped(self, name: str) -> str | None:
        """The model that ``model_mappings`` gives ``name``; ``default`` is no name."""
        mappings = self.config.model_mappings
        if name == "default":
            return None
        return mappings.get(name) or mappings.get(name.removesuffix(":latest"))

    def listed(self, name: str) -> str | None:
        """The provider's own name of the model ``name``, if its list has it."""
        if name in self.models:
            return name
        return self._canonical.get(self.kind.canonical_name(name))

    def find(self, name: str) -> Model | None:
        listed = self.listed(name)
        return self.models[listed] if listed is not None else None

    # --- what is known of a model ---

    def price(self, model: str) -> prices.Price | None:
        if self._prices:
            configured = self._prices.get(model) or self._prices.get("*")
            if configured is not None:
                return configured
        if self.local or model.endswith(":free"):
            return prices.FREE
        known = self.find(model)
        return known.price if known is not None else None

    def observe_first_token(self, model: str, seconds: float) -> None:
        """One more first-token time of a model, for ``hedge.after: "auto"``."""
        samples = self.first_token.get(model)
        if samples is None:
            if len(self.first_token) >= KEPT_MODELS:
                return
            samples = self.first_token[model] = Histogram()
        samples.add(seconds)

    def context_length(self, model: str) -> int | None:
        known = self.find(model)
        return known.context_length if known is not None else None

    def traits(self, chat: ChatRequest, model: str, now: float) -> ModelTraits:
        known = self.find(model)
        context = known.context_length if known is not None else None
        can_think = None
        if known is not None and known.capabilities is not None:
            can_think = "thinking" in known.capabilities
        num_ctx = self.config.num_ctx
        if num_ctx == "auto":
            num_ctx = self._auto_context(chat, model, context, now)
        return ModelTraits(
            thinking_mode=self.config.thinking_mode,
            can_think=can_think,
            context_length=context,
            num_ctx=num_ctx,
            keep_alive=self.config.keep_alive,
            takes_stream_options=self.takes_stream_options,
            listed=known.listed if known is not None else None,
        )

    def _auto_context(self, chat: ChatRequest, model: str, most: int | None, now: float) -> int:
        """The smallest power of two that holds prompt and answer, never shrinking while loaded."""
        needed = prompt_tokens(chat) + (answer_tokens(chat) or DEFAULT_ANSWER_TOKENS)
        context = SMALLEST_CONTEXT
        while context < needed:
            context *= 2
        before, used_at = self._contexts.get(model, (0, now))
        if now - used_at < FORGET_CONTEXT_S:
            context = max(context, before)
        if most is not None:
            context = min(context, most)
        self._contexts[model] = (context, now)
        return context

    # --- requests ---

    def request(self, chat: ChatRequest) -> ProviderRequest:
        """How it is asked for what ``chat`` wants: in the client's own words where it speaks them, else by the task.

        Raises Refused where its kind has no request for the task.
        """
        if chat.client_body is not None:
            own = self._own.get(chat.dialect)
            if own is not None:
                return own
        return self.kind.request(chat.task)

    def speaks(self, dialect: Dialect) -> bool:
        """Is a client of ``dialect`` served in its own words?"""
        return dialect in self._own

    def chat_sending(self, chat: ChatRequest, model: str, now: float, hop: bytes, body: bytes | None = None) -> Sending:
        """The HTTP request that asks for this answer. Raises what the body's writer refuses.

        ``body`` is what ``large_body`` made, where the request is a large one.
        """
        request = self.request(chat)
        if body is None:
            body = jsontext.dumps(request.body(chat, model, self.traits(chat, model, now)))
        base = self.api_path if request.under_api else self.root_path
        headers = (*self._headers, (b"accept", request.accept), (HOP_HEADER, hop))
        if request.takes_headers:
            headers = tuple({**dict(headers), **dict(chat.headers)}.items())
        return Sending(b"POST", (base + request.path(model)).encode("ascii"), headers, body)

    def large_body(self, chat: ChatRequest, model: str, traits: ModelTraits) -> bytes:
        """Its body, to be written beside the event loop: nothing here is changed."""
        body = self.request(chat).body(chat, model, traits)
        is_huge = chat.facts.size > jsontext.HUGE
        return jsontext.dumps_in_pieces(body) if is_huge else jsontext.dumps(body)

    def get(self, path: str, *, under_api: bool = False) -> Sending:
        """A request for one of the provider's lists."""
        base = self.api_path if under_api else self.root_path
        return Sending(b"GET", (base + path).encode("ascii"), (*self._headers, (b"accept", b"application/json")), b"")

    def post(self, path: str, body: Any, *, under_api: bool = False) -> Sending:
        base = self.api_path if under_api else self.root_path
        headers = (*self._headers, (b"accept", b"application/json"))
        return Sending(b"POST", (base + path).encode("ascii"), headers, jsontext.dumps(body))

    def relayed(
        self,
        method: bytes,
        path: str,
        hop: bytes,
        body: bytes = b"",
        *,
        stream: AsyncIterator[bytes] | None = None,
        length: int | None = None,
        content_type: bytes = b"application/json",
        under_api: bool = False,
    ) -> Sending:
        """A request below its root that a client caused; ``stream`` and ``length`` as for a Sending."""
        headers = dict(self._headers) | {b"content-type": content_type, b"accept": b"*/*", HOP_HEADER: hop}
        target = ((self.api_path if under_api else self.root_path) + path).encode("ascii")
        return Sending(method, target, tuple(headers.items()), body, stream, length)

    def _base_headers(self) -> Headers:
        headers = {
            b"content-type": b"application/json",
            b"accept-encoding": b"identity",
            b"user-agent": f"linx/{linx.__version__}".encode(),
        }
        headers.update(self.kind.headers)
        if self.config.api_key:
            headers.update(self.kind.auth(self.config.api_key.encode("ascii")))
        for name, value in self.config.headers.items():
            headers[name.lower().encode("ascii")] = value.encode("latin-1")
        return tuple(headers.items())
