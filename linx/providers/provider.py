"""One configured provider: its names, its models, its requests.

What sort of service it is, its ``Kind``, is handed in. Nothing here waits: the catalogue
fills ``models`` in the background, attempts take and give back ``slots``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.core.addresses import is_loopback
from linx.core.chat import ChatRequest, Dialect, ModelTraits
from linx.core.telemetry import Counters, Histogram
from linx.dialects.failures.lacks import TOOLS, VISION
from linx.dialects.openai.model_list import plain_name
from linx.dialects.shared.needs import NOTHING
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens
from linx.providers import prices, requests
from linx.providers.adaptations import Adaptations
from linx.providers.health import Health
from linx.providers.http_requests import HttpRequests
from linx.providers.model import Model
from linx.providers.signatures import Signatures
from linx.providers.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from linx.config.model import ProviderConfig
    from linx.providers.kind import Kind
    from linx.providers.requests import ProviderRequest

SMALLEST_CONTEXT = 4096  # tokens; where num_ctx "auto" begins
DEFAULT_ANSWER_TOKENS = 1024  # reserved for an answer whose length the client does not limit
FORGET_LACK_S = 3600.0  # a model may be replaced by one of the same name, or get its projector
FORGET_CONTEXT_S = 300.0  # Ollama unloads an idle model after five minutes by default
KEPT_MODELS = 512  # whose first-token times are kept; a llama.cpp answers to any name
_MAY_BE_NEEDED = frozenset((TOOLS, VISION))


def never() -> bool:
    """For a provider that Linx did not start itself."""
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
        self.origin = config.origin
        host = self.origin.host
        self.server = ("localhost" if is_loopback(host) else host, self.origin.port)
        """Equal for two providers that are the same machine's same port."""
        self.http = HttpRequests(config, kind)
        self.health = Health()
        self.counters = counters or Counters()
        self.models: dict[str, Model] = {name: Model(name) for name in config.models}
        self.listed_at: float | None = None
        self.slots = Slots(config.max_concurrent)
        self.relaying = 0
        """Running requests that take no slot: a pull does not keep a model from answering."""
        self.adaptations = Adaptations(host)
        self.signatures = Signatures()
        self.version: str | None = None
        """The version that an Ollama says it is."""
        self.first_token: dict[str, Histogram] = {}
        self.probed = trio.Event()
        """Set when the first probe came back."""
        self.is_starting = starting
        """Is this a server that Linx itself has started, and that will be up soon?"""
        self._canonical: dict[str, str] = {}
        self._contexts: dict[str, tuple[int, float]] = {}
        self._lacks: dict[str, dict[str, float]] = {}
        self._own = {**requests.UNTRANSLATED, **kind.own} if config.native else kind.own
        self._prices = prices.configured(config.price)
        self.models_changed()

    def __repr__(self) -> str:
        return f"<Provider {self.name} ({self.kind.name}) {len(self.models)} models, {self.active} active>"

    def inherit(self, old: Provider) -> None:
        """Take over what ``old`` learnt, if it is the same service under the same name."""
        self.counters = old.counters
        if old.kind is not self.kind or (old.origin, old.http.api_path) != (self.origin, self.http.api_path):
            return
        if old.config.api_key == self.config.api_key:
            self.health = old.health
        self.first_token = old.first_token
        self.slots = old.slots  # with the requests that still run and wait there
        self.slots.resize(self.config.max_concurrent)
        self.adaptations = old.adaptations
        self.signatures = old.signatures
        self.version = old.version
        listed = {name: model for name, model in old.models.items() if model.listed or name in self.config.models}
        self.models = {**self.models, **listed}
        self.listed_at = old.listed_at
        self.probed = old.probed
        self._contexts = old._contexts
        self._lacks = old._lacks
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
        return mappings.get(name) or mappings.get(plain_name(name).removesuffix(":latest"))

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

    def lacks(self, model: str, now: float) -> Collection[str]:
        """The capabilities that a request may need and ``model`` has not, by its list or by what it has refused."""
        known = self.models.get(model)
        has = known.capabilities if known is not None else None
        missing = _MAY_BE_NEEDED - has if has else NOTHING
        refused = self._lacks.get(model) if self._lacks else None
        if refused is None:
            return missing
        return {*missing, *(one for one, since in refused.items() if now - since < FORGET_LACK_S)}

    def learn_lack(self, model: str, capability: str, now: float) -> None:
        """A request was refused since ``model`` lacks the capability."""
        if model not in self._lacks and len(self._lacks) >= KEPT_MODELS:
            del self._lacks[next(iter(self._lacks))]
        self._lacks.setdefault(model, {})[capability] = now

    def traits(self, chat: ChatRequest, model: str, now: float) -> ModelTraits:
        """What the writer of a body must know of ``model``."""
        config, known = self.config, self.find(model)
        traits = ModelTraits(thinking_mode=config.thinking_mode, keep_alive=config.keep_alive)
        traits.signed = self.signatures.known(now)
        if known is not None:
            traits.context_length, traits.listed = known.context_length, known.listed
            if known.capabilities is not None:
                traits.can_think = "thinking" in known.capabilities
        if config.num_ctx == "auto":
            traits.num_ctx = self._auto_context(chat, model, traits.context_length, now)
        else:
            traits.num_ctx = config.num_ctx
        return traits

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
        """How the provider is asked for what ``chat`` wants: in the client's dialect if it speaks it, else by task.

        Raises Refused where the kind has no request for the task.
        """
        if chat.client_body is not None:
            own = self._own.get(chat.dialect)
            if own is not None:
                return own
        return self.kind.request(chat.task)

    def speaks(self, dialect: Dialect) -> bool:
        """Is a client of ``dialect`` served in its own words?"""
        return dialect in self._own
