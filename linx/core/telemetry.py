"""What Linx remembers about its requests: counters, times to the first token, the last records.

All of it is in memory and bounded. Recording is synchronous and never waits for a reader.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from linx.core.durations import Buckets, Histogram
from linx.core.kept_bodies import Keeper, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.chat import Adapted, Usage
    from linx.core.errors import LinxError, NotAsked

KEPT_REQUESTS = 500
KEPT_MODELS = 256  # of one provider that get counters of their own, since a llama.cpp answers to any model name
KEPT_ENDS = 4096
"""Ways in which requests end, with statuses and keys, that are counted apart; keys come and go with the config."""
MAX_KEPT = 400  # characters of a name or path from outside
MAX_METHOD = 32
NOBODY = "-"
"""The client without a name, and the key where none was sent."""
OK, CANCELLED, FAILED = "ok", "cancelled", "failed"
OTHER_MODELS = "(others)"  # the name under which all further models are counted
OTHER_KEYS = "(others)"  # and all further keys
FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
ADDED_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)


def kept(name: str) -> str:
    """A name from outside as it is kept in records and shown in labels and headers."""
    return name if len(name) <= MAX_KEPT else name[: MAX_KEPT - 1] + "…"


@dataclass(slots=True)
class Used:
    """How many answers a provider, or one of its models, gave, and the usage that the provider reported for them."""

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def add(self, usage: Usage, cost_usd: float | None) -> None:
        self.answers += 1
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.cost_usd += cost_usd or 0.0


@dataclass(slots=True)
class Counters(Used):
    """What one provider has done since Linx started."""

    requests: int = 0
    failures: int = 0
    hedges: int = 0
    hedges_won: int = 0
    wasted: int = 0
    """Attempts at this provider that lost a race. They were cut short, so what they cost is unknown."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """The number of ended attempts by outcome, in the words of ``x-linx-attempts``."""
    first_token: Histogram = field(default_factory=Histogram)
    first_token_buckets: Buckets = field(default_factory=lambda: Buckets(FIRST_TOKEN_BOUNDS))
    models: dict[tuple[str, str], Used] = field(default_factory=dict)
    """By model and by the name of the client's key."""

    def first_chunk_seen(self, seconds: float) -> None:
        """Count the time from an attempt's request to its first chunk."""
        self.first_token.add(seconds)
        self.first_token_buckets.add(seconds)

    def count_answer(self, usage: Usage, cost_usd: float | None, model: str = "", key: str = NOBODY) -> None:
        """Add an answer's usage to the provider's counters, and to those of its model and the client's key."""
        self.add(usage, cost_usd)
        used = self.models.get((model, key))
        if used is None:
            used = self.models.setdefault(self._kept_as(model, key), Used())
        used.add(usage, cost_usd)

    def _kept_as(self, model: str, key: str) -> tuple[str, str]:
        """Under what a pair is counted that is new: the first KEPT_MODELS by themselves, then by key alone."""
        if len(self.models) < KEPT_MODELS:
            return model, key
        is_known = (OTHER_MODELS, key) in self.models or len(self.models) < 2 * KEPT_MODELS
        return OTHER_MODELS, key if is_known else OTHER_KEYS


class Counted(NamedTuple):
    """What budgets have counted for an attempt."""

    day: int
    """That of the request, such as 20260131."""
    usd: float
    tokens: int
    is_reported: bool
    """Did the provider report it, so that it stands in the row of the request? Otherwise it is an estimate."""


class Meter(Protocol):
    """Counts an answer as it comes."""

    def count(self, data: bytes) -> None: ...


class Stake(Protocol):
    """The part of the budgets that an attempt holds while it runs."""

    is_sent: bool
    """Was the prompt sent, as far as is known?"""

    reported: Usage | None
    """What the provider has reported so far."""

    @property
    def meter(self) -> Meter | None:
        """None where the answer need not be counted."""

    def settle(self, record: AttemptRecord, usage: Usage | None, cost_usd: float | None) -> None:
        """Say what the provider has reported of the whole answer; None for nothing. Later calls change nothing."""

    def ended(self, record: AttemptRecord) -> None:
        """The attempt has ended; called once."""


class Progress(Keeper, Protocol):
    """An answer on its way to the client."""

    sends: int
    """How often some of the body has been sent."""
    sent: int
    """Bytes of the body."""


class AttemptRecord(msgspec.Struct):
    """One attempt in the records. Times are seconds of trio's clock."""

    provider: str
    model: str
    started: float
    ended: float | None = None
    outcome: str = ""
    """"" while the attempt runs; then one of the words of ``x-linx-attempts``."""
    is_hedge: bool = False
    is_local: bool = True
    """Does the prompt stay on machines of the user's own?"""
    asked: float | None = None
    """When the attempt got its place at the provider; None while it waits for one."""
    adapted: tuple[Adapted, ...] = ()
    """What was changed in the body so that the provider takes it."""
    request: RequestRecord | None = None
    """The request that the attempt serves; the attempt updates its phase and its waiting times."""
    first: float | None = None
    """When the first meaningful chunk of its answer came; None where another attempt was faster, or none came."""
    counters: Counters | None = None
    """The counters in which the outcome is counted."""
    stake: Stake | None = None
    """While it runs, where budgets count it."""
    counted: Counted | None = None
    """Afterwards, where budgets have counted it."""
    answer_id: str | None = None
    """By which the provider can be asked what the answer has cost, where it was cut short."""

    def for_part(self, now: float) -> AttemptRecord:
        """A record for one of several requests that this attempt sends; its outcome is not counted by itself."""
        return AttemptRecord(self.provider, self.model, now, request=self.request)

    def entered(self, phase: str) -> None:
        if self.request is not None and self.request.phase != "streaming":
            self.request.phase = phase

    def end(self, outcome: str, now: float) -> None:
        """Note how the attempt ended. Later calls change nothing."""
        if self.outcome:
            return
        self.outcome = outcome
        self.ended = now
        if self.counters is not None:
            self.counters.outcomes[outcome] = self.counters.outcomes.get(outcome, 0) + 1
        if self.stake is not None:
            self.stake.ended(self)


class RequestRecord(msgspec.Struct):
    """One request of a client, while it runs and afterwards. Times are seconds of trio's clock."""

    id: str
    started_at: float
    """Seconds since 1970."""
    started: float
    method: str
    path: str
    model: str = ""
    served_model: str | None = None
    provider: str | None = None
    phase: str = "connecting"
    """queued, connecting, waiting or streaming; in the end done, failed or cancelled."""
    attempts: list[AttemptRecord] = []
    not_asked: tuple[NotAsked, ...] = ()
    """What rules have said before the first attempt; see ``left_out``."""
    status: int | None = None
    first_token: float | None = None
    ended: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    adapted: tuple[Adapted, ...] = ()
    """Those of the attempt that answers."""
    upstream_s: float = 0.0
    """Seconds in which at least one attempt waited for its provider, or for a place in the provider's queue."""
    waits: int = 0
    """The number of attempts that wait now."""
    waiting_since: float = 0.0
    stop: Callable[[LinxError], None] | None = None
    """Cancels the request while it runs, and tells its client why."""
    answer: Progress | None = None
    """How far the answer has come; None before the answer is prepared, and when the request is over."""
    bytes_sent: int = 0
    """Of the answer's body, in the end."""
    sends: int = 0
    """How often some of the answer was sent, in the end."""
    is_streamed: bool = False
    """Does the client get the answer as it comes?"""
    reads: int = 0
    """Of an answer that is collected before it is sent: how often some of it has been read from the provider."""
    counted_tokens: int = 0
    """Of the answer, those that the charts have counted."""
    kept: Kept | None = None
    """What was kept of its bodies for the dashboard."""
    replay_of: str | None = None
    """The id of the request that is asked again by this one."""
    face: str = ""
    """The dialect of the client."""
    client: str = NOBODY
    """The client's program, from its User-Agent."""
    key: str = NOBODY
    """The name of the key that the client sent; never the key itself."""
    queue: int | None = None
    """The place in a provider's queue when the request came there, 1 for the next; None: it has never waited."""
    place: Callable[[], int | None] | None = None
    """Says the place that it has now; None while it does not wait for one."""
    is_local: bool | None = None
    """Did the answer come from a machine of the user's own? None without an answer."""
    outcome: str = ""
    """"" while the request runs; then ok, cancelled, or the reason of its failure in a word."""
    is_model_path: bool = True
    """False for a request that was refused on a path that no model is asked on."""
    is_admitted: bool = True
    """False for a request that was refused for its key, its host or its origin."""

    def bound(self) -> None:
        """Keep no more of what the client chose than can be shown: hundreds of records stay in memory."""
        if len(self.path) > MAX_KEPT or len(self.model) > MAX_KEPT or len(self.method) > MAX_METHOD:
            self.method, self.path, self.model = self.method[:MAX_METHOD], kept(self.path), kept(self.model)

    def wait_begins(self, now: float) -> None:
        if not self.waits:
            self.waiting_since = now
        self.waits += 1

    def wait_ends(self, now: float) -> None:
        self.waits -= 1
        if not self.waits:
            self.upstream_s += now - self.waiting_since

    def own_s(self, now: float) -> float:
        """Seconds since the request came in which no attempt waited: the time that Linx itself took."""
        waited = self.upstream_s + (now - self.waiting_since if self.waits else 0.0)
        return max(0.0, now - self.started - waited)

    def queued(self, place: Callable[[], int | None]) -> None:
        """An attempt has to wait for a place at its provider."""
        self.queue, self.place = place(), place

    def place_now(self) -> int | None:
        """The place in a provider's queue; None while the request waits in none."""
        return None if self.place is None else self.place()

    def left_out(self) -> list[NotAsked]:
        """Those of ``not_asked`` that no attempt has asked after all; one that is put last may be asked in the end."""
        asked = {attempt.provider for attempt in self.attempts}
        return [one for one in self.not_asked if one.provider not in asked]

    def attempts_header(self) -> bytes:
        """The value of ``x-linx-attempts``: ``paid=not_asked(budget), ollama=connect_failed, openrouter=ok``.

        First those that a rule has left out, then the attempts in the order of their start. An attempt without an
        outcome still runs. Once the request has a provider, that attempt is the winner and stands as ``ok``; before
        that it is left out.
        """
        if len(self.attempts) == 1 and self.provider is not None and self.provider.isascii() and not self.not_asked:
            return f"{self.provider}={self.attempts[0].outcome or 'ok'}".encode()  # the commonest case
        unended = "" if self.provider is None else "ok"
        named = [(attempt.provider, attempt.outcome or unended) for attempt in self.attempts]
        told = [f"{name}=not_asked({reason})" for name, reason in self.left_out()] if self.not_asked else []
        told += [f"{name}={outcome}" for name, outcome in named if outcome]
        return ", ".join(told).encode("ascii", "replace")


class Telemetry:
    """The running requests, the last finished requests, and the counters of each provider."""

    def __init__(self) -> None:
        self.running: dict[str, RequestRecord] = {}
        self.finished: deque[RequestRecord] = deque(maxlen=KEPT_REQUESTS)
        self.providers: dict[str, Counters] = {}
        self.ended: dict[tuple[str, int, str], int] = {}
        """The number of finished requests by last phase, by status sent (0: none was sent), and by the key's name."""
        self.secrets: dict[str, int] = {}
        """The number of prompts in which a secret was found, by its kind (see ``core.secret_shapes``)."""
        self.added = Buckets(ADDED_BOUNDS)
        """The time that Linx itself took before an answer began."""
        self.watchers: list[Watcher] = []
        """Called with every request that ends, in the event loop; none may wait or raise."""

    def counters(self, provider: str) -> Counters:
        counters = self.providers.get(provider)
        if counters is None:
            counters = self.providers[provider] = Counters()
        return counters

    def begin(self, record: RequestRecord) -> None:
        self.running[record.id] = record

    def end(self, record: RequestRecord, phase: str, now: float) -> None:
        """A request that a provider was asked for, or would have been, is over: keep its record."""
        record.stop = None
        answer = record.answer
        if answer is not None:
            record.bytes_sent, record.sends, record.answer = answer.sent, answer.sends, None
        self.running.pop(record.id, None)
        for attempt in record.attempts:
            # The request refers to its attempts. Without this the 500 kept records would be reference cycles.
            attempt.request = None
        self.finished.append(record)
        self.note(record, phase, now)

    def note(self, record: RequestRecord, phase: str, now: float) -> None:
        """A request that was refused, or needed no race, is over: count it and tell the watchers, but keep nothing."""
        record.phase = phase
        record.ended = now
        record.outcome = record.outcome or _OUTCOMES[phase]
        how = (phase, record.status or 0, record.key)
        if how not in self.ended and len(self.ended) >= KEPT_ENDS:
            how = (phase, record.status or 0, OTHER_KEYS)
        self.ended[how] = self.ended.get(how, 0) + 1
        for watcher in self.watchers:
            watcher(record)

    def keep(self, record: RequestRecord) -> None:
        """Keep the record of a request that was refused before any provider was asked."""
        self.finished.append(record)

    def find(self, request_id: str) -> RequestRecord | None:
        """A request that runs, or one of the last."""
        running = self.running.get(request_id)
        return running or next((record for record in reversed(self.finished) if record.id == request_id), None)

    def newest(self) -> Iterator[RequestRecord]:
        yield from reversed(self.running.values())
        yield from reversed(self.finished)


Watcher = Callable[[RequestRecord], None]
_OUTCOMES = {"done": OK, "cancelled": CANCELLED, "failed": FAILED}
"""The outcome of a request for which no reason was given, by its last phase."""
