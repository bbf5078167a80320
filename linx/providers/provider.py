"""One configured provider: its names, its models, its requests.

What sort of service it is, its ``Kind``, is handed in. Nothing here waits: the catalogue
fills ``models`` in the background, attempts take and give back ``slots``.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import trio

from linx.core.addresses import is_loopback
from linx.core.attempt_errors import ConnectFailed, NotLocal
from linx.core.chat import ChatRequest, Dialect, ModelTraits, Task
from linx.core.durations import Histogram
from linx.core.errors import quote
from linx.core.telemetry import Counters
from linx.dialects.failures.lacks import TOOLS, VISION
from linx.dialects.failures.meaning import too_long
from linx.dialects.ollama.provider_request import given_context, is_load, is_unload, wants_cut
from linx.dialects.shared.needs import NOTHING
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens
from linx.providers import prices, requests
from linx.providers.adaptations import Adaptations
from linx.providers.auto import ANY_CHAT, AUTO, choose
from linx.providers.client_credential import KeyPauses
from linx.providers.contexts import SMALLEST_CONTEXT, Contexts
from linx.providers.health import Health
from linx.providers.http_requests import HttpRequests
from linx.providers.kind import Feature
from linx.providers.list_answers import LongAnswers
from linx.providers.loaded import Loaded
from linx.providers.mappings import DEFAULT, Mappings
from linx.providers.memory import Memory
from linx.providers.model import Model
from linx.providers.pace import Pace
from linx.providers.permits import Permits
from linx.providers.signatures import Signatures
from linx.providers.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from linx.config.model import ProviderConfig
    from linx.core.attempt_errors import AttemptError
    from linx.providers.auto import Wanted
    from linx.providers.credit import Credit
    from linx.providers.kind import Kind
    from linx.providers.requests import ProviderRequest
    from linx.upstream.permit import Permit

DEFAULT_ANSWER_TOKENS = 1024  # reserved for an answer whose length the client does not limit
CLEARLY = 1.5  # times the context: so much larger must an estimate be before a prompt is refused unasked
FORGET_LARGE_S = 600.0  # other programs give memory back
FORGET_LACK_S = 3600.0  # a model may be replaced by one of the same name, or get its projector
KEPT_USED = 8  # models that have answered last; the last chat model stays among them, whatever embeds
KEPT_MODELS = 512  # whose first-token times are kept; a llama.cpp answers to any name
_MAY_BE_NEEDED = frozenset((TOOLS, VISION))

log = logging.getLogger("linx.catalog")


def never() -> bool:
    """For a provider that Linx did not start itself."""
    return False


def _least(one: int | None, other: int | None) -> int | None:
    """The smaller of two limits, of which each may be unknown."""
    return other if one is None else one if other is None else min(one, other)


def _needed(chat: ChatRequest) -> int:
    """Tokens of the prompt and the answer, about."""
    return prompt_tokens(chat) + (answer_tokens(chat) or DEFAULT_ANSWER_TOKENS)


def index_of(kind: Kind, models: Iterable[str]) -> dict[str, str]:
    """The models' own names, by the forms in which they are looked for."""
    canonical, short = kind.canonical_name, kind.short_name
    index = {canonical(short(name)): name for name in models}
    index.update({canonical(name): name for name in models})
    return index


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
        self.cuts_prompts = Feature.DESCRIBES_MODELS in kind.features
        """Does it cut a prompt that is too long, instead of refusing it? An Ollama does, unless it is told not to."""
        self.http = HttpRequests(config, kind)
        self.permits = Permits(config)
        self.pace = Pace(may_close=config.is_local and config.origin.scheme == "http")
        self.key_pauses = KeyPauses()
        """Of clients' own keys."""
        self._family = kind.family if config.takes_client_key and not config.models else ""
        """Without a key of Linx's own nobody can read its list."""
        self.health = Health()
        self.counters = counters or Counters()
        self.models: Mapping[str, Model] = {name: Model(name) for name in config.models}
        """By name. It is replaced as a whole and never changed, see ``model``."""
        self.credit: Credit | None = None
        """What is left to its key, where it tells that."""
        self.long_answers = LongAnswers()
        """Its lists, as far as they are long."""
        self.listed_at: float | None = None
        self.read_at = -math.inf
        """When the last reading of its list began (trio's clock)."""
        self.reading: trio.Event | None = None
        """Set when the reading that runs now is done."""
        self.is_stale = False
        """Has its list probably changed since it was read? The task that probes then reads it at once."""
        self.loaded = Loaded()
        """Which models are in its memory, if it is a server of the user's own."""
        self.memory = Memory(is_here=is_loopback(host))
        """How much it can hold."""
        self.used: tuple[str, ...] = ()
        """The models that have answered last, the latest first."""
        self.slots = Slots(config.max_concurrent, self.loaded)
        self.relaying = 0
        """Running requests that take no slot: a pull does not keep a model from answering."""
        self.adaptations = Adaptations(host, config.name)
        self.signatures = Signatures()
        self.version: str | None = None
        """The version that an Ollama says it is."""
        self.first_token: dict[str, Histogram] = {}
        self.probed = trio.Event()
        """Set when the first probe came back."""
        self.is_starting = starting
        """Is this a server that Linx itself has started, and that will be up soon?"""
        self._canonical: dict[str, str] = {}
        self.mappings = Mappings(config.model_mappings, self._may_have)
        """Those that hold now."""
        self._too_large: dict[str, float] = {}
        """Models for which there was not enough memory, and when."""
        self._here: Mapping[str, Model] | None = None
        """Its models without those of a cloud, once somebody has asked."""
        self._able: str | None = None
        """A model that may be chosen for any chat, and lacks nothing that one may need."""
        self.contexts = Contexts()
        """With which contexts its models are loaded (Ollama)."""
        self._lacks: dict[str, dict[str, float]] = {}
        self.has_gaps = False
        """Does any of its models lack something that a request may need? Else nobody has to ask for one model."""
        self.has_contexts = False
        """Is the context of any of its models known?"""
        untranslated = requests.UNVERIFIED if Feature.VERIFIES_NOTHING in kind.features else requests.UNTRANSLATED
        self._own = {**untranslated, **kind.own} if config.native else kind.own
        self._prices = prices.configured(config.price)
        self.models_changed()

    def __repr__(self) -> str:
        return f"<Provider {self.name} ({self.kind.name}) {len(self.models)} models, {self.active} active>"

    def inherit(self, old: Provider) -> None:
        """Take over what ``old`` learnt, if it is the same service under the same name."""
        self.counters = old.counters
        if (
            old.kind is not self.kind
            or old.origin != self.origin
            or old.http.places.possible != self.http.places.possible
        ):
            return
        self.http.places = old.http.places
        self.permits.inherit(old.permits)
        self.pace = old.pace
        self.key_pauses = old.key_pauses
        if old.config.api_key == self.config.api_key:
            self.health = old.health
            self.credit = old.credit
            self.signatures = old.signatures  # of that account's conversations
        self.first_token = old.first_token
        self.memory, self.used = old.memory, old.used
        self.loaded, self.slots = old.loaded, old.slots  # with the requests that still run and wait there
        self.slots.resize(self.config.max_concurrent)
        self.adaptations = old.adaptations
        self.version = old.version
        listed = {name: model for name, model in old.models.items() if model.listed or name in self.config.models}
        self.models = {**self.models, **listed}
        self.listed_at, self.long_answers = old.listed_at, old.long_answers
        self.probed = old.probed
        self.contexts = old.contexts
        self._lacks, self._too_large = old._lacks, old._too_large
        self.models_changed()

    @property
    def active(self) -> int:
        """Requests running there."""
        return self.slots.active + self.relaying

    @property
    def was_never_there(self) -> bool:
        """Has it been down since the start, so that nothing is known of it?"""
        return self.health.reachable is False and self.listed_at is None

    def lists_for_clients_alone(self, failure: AttemptError) -> bool:
        """Has a probe shown no more than that the list is there for the clients' own keys?"""
        return self.config.takes_client_key and self.key_pauses.is_of_key(failure)

    def turn_away(self, problem: AttemptError | None) -> None:
        """After ``problem`` was counted: where the provider is down, requests do not wait on for a place there.

        Those with another candidate go on to that. Those without wait on where the provider may only be busy, and fail
        where no connection can be made: each would fail in the same way, one after the other.
        """
        if self.slots.waiting and self.health.reachable is False:
            self.slots.turn_away(everybody=isinstance(problem, ConnectFailed) and problem.blames_provider)

    # --- names ---

    def models_changed(self) -> None:
        """To be called after ``models`` was replaced: builds the index of names."""
        self.take_models(self.models, index_of(self.kind, self.models))

    def take_models(self, models: Mapping[str, Model], index: dict[str, str] | None) -> None:
        """Have ``models`` with their index; None where they and their index are the same as before."""
        self.models = models
        if index is not None:
            self._canonical = index
        self.mappings = Mappings(self.config.model_mappings, self._may_have)
        self._able = self._here = None
        known = self.models.values()
        self.has_gaps = bool(self._lacks) or any(
            one.capabilities and _MAY_BE_NEEDED - one.capabilities for one in known
        )
        self.has_contexts = self.cuts_prompts or any(one.context_length is not None for one in known)

    def _may_have(self, model: str) -> bool:
        """May it have the model? An Ollama whose list was read has no other than those in it, but for its cloud's."""
        if model == AUTO or self.listed_at is None or Feature.LISTS_ALL not in self.kind.features:
            return True
        is_cloud_name = self.kind.is_cloud_name
        return self.listed(model) is not None or (is_cloud_name is not None and is_cloud_name(model))

    def mapped(self, name: str, wanted: Wanted = ANY_CHAT) -> str | None:
        """The model that ``model_mappings`` gives ``name`` now; ``default`` is no name.

        A pattern gives no model for a name that the provider has itself.
        """
        mappings = self.mappings
        if not mappings or name == DEFAULT:
            return None
        model = mappings.exact(name)
        if model is None and self.listed(name) is None:
            model = mappings.by_pattern(name)
        return model if model != AUTO else self.auto(name, wanted)

    def default(self, name: str, wanted: Wanted = ANY_CHAT) -> str | None:
        """The model of the ``default`` mapping, for a ``name`` that no provider has."""
        model = self.mappings.default
        return model if model != AUTO else self.auto(name, wanted)

    def auto(self, name: str, wanted: Wanted) -> str | None:
        """The model that ``"auto"`` stands for now.

        As long as no list is known that is ``name``: a server with a single model takes any.
        """
        if not wanted.embeds and self._able is not None:
            latest = self.loaded.latest or (self.used[0] if self.used else None)
            if latest == self._able:
                return latest  # nearly always
        if not self.models and self.listed_at is None:
            return name
        models = self._here
        if models is None:
            models = self._here = self._without_clouds()
        if not models:
            return None
        if not self.local and not self.used and len(models) > 1:
            return None  # which of many remote models, of any price, is the user's to say
        recent = (*self.loaded.latest_first(), *self.used)
        is_told = Feature.DESCRIBES_MODELS in self.kind.features
        chosen = choose(models, recent, self.memory.room(), wanted, self._lacks_now, is_told=is_told)
        if chosen is not None and not wanted.embeds and not self.lacks(chosen, -math.inf):
            self._able = chosen
        return chosen

    def _without_clouds(self) -> Mapping[str, Model]:
        """The models that run there themselves; without those that did not fit of late, if there are others."""
        is_cloud_name = self.kind.is_cloud_name
        if is_cloud_name is None:
            return self.models
        here = {name: one for name, one in self.models.items() if not (one.is_remote or is_cloud_name(name))}
        if not self._too_large:
            return here
        now = trio.current_time()
        large = {name for name, since in self._too_large.items() if now - since < FORGET_LARGE_S}
        return {name: one for name, one in here.items() if name not in large} or here

    def learn_too_large(self, model: str, now: float) -> None:
        """There was not enough memory for ``model``, so ``"auto"`` stands for a smaller one for a while."""
        if len(self._too_large) < KEPT_MODELS:
            self._too_large[self.listed(model) or model] = now
        self._able = self._here = None

    def _lacks_now(self, model: str) -> Collection[str]:
        return self.lacks(model, trio.current_time() if self._lacks else 0.0)

    def waits_for_list(self, name: str) -> bool:
        """Will only the first list tell which model ``"auto"`` stands for?"""
        return not self.probed.is_set() and self.mappings.exact(name) == AUTO

    def answered(self, model: str) -> None:
        """A request for ``model`` is being answered."""
        if self.used[:1] != (model,):
            self.used = (model, *(one for one in self.used if one != model))[:KEPT_USED]

    def listed(self, name: str) -> str | None:
        """The provider's own name of the model ``name``, if its list has it."""
        if name in self.models:
            return name
        found = self._canonical.get(self.kind.canonical_name(name))
        return name if found is None and self._family and name.startswith(self._family) else found

    def find(self, name: str) -> Model | None:
        listed = self.listed(name)
        return self.models.get(listed) if listed is not None else None

    def list_has_changed(self) -> None:
        """Its list is to be read again at once."""
        self.is_stale = True
        self.health.raise_alarm()

    def lost(self, model: str) -> None:
        """It says that it has no such model. Only an Ollama means that: elsewhere a right may be missing."""
        if Feature.DESCRIBES_MODELS not in self.kind.features:
            return
        listed = self.listed(model)
        if listed is not None and listed not in self.config.models:
            self.models = {name: known for name, known in self.models.items() if name != listed}
            self.models_changed()
            self.list_has_changed()

    # --- what is known of a model ---

    def to_load(self, model: str) -> str:
        """What must be in its memory for a request for ``model``; "" where no model takes the place of another.

        So it is elsewhere than on the user's own machines, and at a server with a single model.
        """
        if len(self.models) < 2 or not self.is_local(model):
            return ""
        return self.listed(model) or model

    def has_loaded(self, model: str) -> bool:
        """Has an Ollama the model in its memory?"""
        return self.cuts_prompts and self.loaded.has(self.listed(model) or model)

    def is_local(self, model: str) -> bool:
        """Do the prompts for ``model`` stay on machines of the user's own? A cloud model of a local Ollama's do not."""
        if not self.permits.is_local:
            return False
        is_cloud_name = self.kind.is_cloud_name
        if is_cloud_name is None:
            return True
        known = self.find(model)
        return not (is_cloud_name(model) or (known is not None and known.is_remote))

    def keeps_local(self, model: str) -> bool:
        """May a prompt for ``model`` that must stay local be sent there? In doubt it may not.

        An Ollama passes a copy of a cloud model on under any name, and only its list tells which names those are.
        ``""`` stands for no model: the server itself is asked.
        """
        is_known = not model or self.kind.is_cloud_name is None or self.find(model) is not None
        return is_known and self.is_local(model)

    def price(self, model: str) -> prices.Price | None:
        if self._prices:
            configured = self._prices.get(model) or self._prices.get("*")
            if configured is not None:
                return configured
        if model.endswith(":free") or self.is_local(model):
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
        """Tokens that the model can really hold; None where nothing is known of that.

        The least of what it was trained for, what its Modelfile and the config say and, where Linx may not change
        that, of what is loaded now.
        """
        known, config = self.find(model), self.config
        least = known.context_length if known is not None else None
        if self.cuts_prompts:
            least = _least(least, known.set_context if known is not None else None)
            if config.num_ctx != "auto":
                least = _least(_least(least, config.num_ctx), self.contexts.loaded(self.listed(model) or model))
        return least

    def _trained(self, model: str) -> int | None:
        known = self.find(model)
        return known.context_length if known is not None else None

    def must_look(self, chat: ChatRequest, model: str, now: float) -> bool:
        """Must it be known what an Ollama has loaded, before the request is written?

        Raises Refused where the prompt is clearly too long for the model, which would cut it silently.
        """
        if chat.task is Task.EMBED:
            return False  # Ollama's clients know that it cuts inputs, unless they say ``truncate: false``
        given = given_context(chat)
        limit = self.context_length(model) if given is None else _least(given, self._trained(model))
        if limit is not None and prompt_tokens(chat) > CLEARLY * limit and not wants_cut(chat):
            raise too_long(prompt_tokens(chat), limit)
        if self.config.num_ctx != "auto" or given is not None:
            return False
        if is_load(chat) or not self.is_local(model):
            return False
        return self.contexts.is_unsure(now)

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
        self._able = None
        self.has_gaps = True

    def traits(self, chat: ChatRequest, model: str, now: float) -> ModelTraits:
        """What the writer of a body must know of ``model``."""
        config, known = self.config, self.find(model)
        traits = ModelTraits(thinking_mode=config.thinking_mode, keep_alive=config.keep_alive)
        traits.signed = self.signatures.known(now)
        if known is not None:
            traits.context_length, traits.listed = self.context_length(model), known.listed
            if known.capabilities is not None:
                traits.can_think = "thinking" in known.capabilities
        traits.num_ctx = None if config.num_ctx == "auto" else config.num_ctx
        if self.cuts_prompts:
            self._set_context(traits, chat, model, now)
        return traits

    def _set_context(self, traits: ModelTraits, chat: ChatRequest, model: str, now: float) -> None:
        """Which context an Ollama is asked for, and whether it may cut the prompt to that."""
        if not self.is_local(model):
            return
        name = self.listed(model) or model
        if is_unload(chat):
            self.loaded.unloaded(name)
        else:
            self.loaded.asked(name, now)
        if chat.task is Task.EMBED or is_load(chat):
            if self.config.num_ctx == "auto":
                traits.num_ctx = self.contexts.again(name, now)
            return
        most, given = traits.context_length, given_context(chat)
        if given is not None:
            most = _least(given, self._trained(model)) or given  # as Ollama bounds it
            self.contexts.asked(name, most, now)
        elif self.config.num_ctx == "auto":
            before = self.contexts.current(name, now)
            traits.num_ctx = self.contexts.choose(name, _needed(chat), most, now)
            if before is not None and traits.num_ctx not in (None, before):
                log.info(
                    "%s loads %s anew: its context grows from %d to %d for a prompt of about %d tokens",
                    *(self.name, model, before, traits.num_ctx, prompt_tokens(chat)),
                )
            most = traits.num_ctx or before
        # So short a prompt fits also where the model was unloaded meanwhile; any other is refused rather than cut.
        traits.may_cut = prompt_tokens(chat) * 2 <= min(most or SMALLEST_CONTEXT, SMALLEST_CONTEXT)

    # --- requests ---

    def permit(self, model: str, *, is_private: bool) -> Permit:
        """Leave to ask for ``model`` now. Raises NotLocal where the prompt must stay local and would not."""
        if not is_private:
            return self.permits.open
        if not self.keeps_local(model):
            raise NotLocal(f"{quote(model)!r} is not answered on a machine of the user's own, as the prompt demands")
        return self.permits.private()

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
