"""One try at one candidate: a place there, the request, the head of the answer, and the way to the gate.

What varies is handed in: a writer makes the request, a reader makes something of the
answer (chunks, or bytes to be relayed) and says when the gate is open. The try itself is
the same for all: the provider's place, its health, the record, and whose time it is.

``begin`` returns when the gate is open, or raises an AttemptError that carries the
provider's name. An attempt that has begun ends in exactly one of three ways: ``finish``
(the answer is whole), ``failed`` (it is not) or ``close`` (it is not wanted any more). All
three are synchronous, so a loser of a race is dropped without a wait that could be
cancelled. ``with attempt:`` chooses by how its block ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, Self

import trio

from linx.core.attempt_errors import AttemptError, ConnectFailed, Fallback, PauseScope, Refused, Stalled
from linx.core.telemetry import NOBODY
from linx.dialects.failures.meaning import failure, unsupported
from linx.dialects.failures.retry_after import wait_until
from linx.providers.kind import Feature
from linx.providers.late_costs import answer_id_of
from linx.routing.metered import Metered
from linx.routing.roles import R, T
from linx.upstream.response_head import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord
    from linx.providers.provider import Provider
    from linx.routing.candidate import Candidate
    from linx.routing.metered import Source
    from linx.routing.roles import RequestWriter
    from linx.upstream.pool import Exchange, Pool

LOADING_POLL_S = 0.25
LONGEST_LOADING_POLL_S = 1.0  # the whole prompt goes out each time, so the provider is asked less and less often
LONGEST_LOADING_S = 900.0  # a large model from a slow disk
MAX_ERROR_BODY = 64 * 1024  # bytes read of a provider's error answer
_NO_SUCH_PATH = ("upstream_not_found", "upstream_error", "unsupported_feature")


class Attempt(Generic[R]):
    """One try at ``candidate``. ``record`` is filled as it goes.

    ``is_patient``: no other candidate is left, so a model that is still loading is waited for.
    """

    __slots__ = (
        "_exchange", "_has_slot", "_is_past_gate", "_is_patient", "_is_waiting", "_pool", "_redactor", "_writer",
        "candidate", "reader", "record",
    )  # fmt: skip

    def __init__(
        self,
        candidate: Candidate,
        writer: RequestWriter,
        reader: R,
        pool: Pool,
        record: AttemptRecord,
        redactor: Redactor,
        *,
        is_patient: bool = False,
    ) -> None:
        self.candidate = candidate
        self.reader = reader
        self.record = record
        self._writer = writer
        self._pool = pool
        self._redactor = redactor
        self._is_patient = is_patient
        self._exchange: Exchange | None = None
        self._has_slot = False
        self._is_past_gate = False
        self._is_waiting = False

    def __repr__(self) -> str:
        return f"<Attempt {self.candidate.provider.name}/{self.candidate.model} {self.record.outcome or 'running'}>"

    @property
    def asked_at(self) -> float | None:
        """When the attempt got its place at the provider (trio's clock); None while it waits for one."""
        return self.record.asked

    async def begin(self, timeout_s: float | None = None) -> None:
        """Ask, and read up to what opens the gate.

        Raises AttemptError, after the failure was counted against the provider's health.
        """
        try:
            if timeout_s is None:
                await self._begin()
            else:
                with trio.move_on_after(timeout_s) as limit:
                    await self._begin()
                if limit.cancelled_caught:
                    raise self._too_slow(timeout_s)
        except AttemptError as error:
            raise self.failed(error) from None
        except BaseException:
            self._release("lost")
            raise
        self._is_past_gate = True
        self.candidate.provider.health.first_chunk_seen()

    # --- how it ends ---

    def finish(self) -> None:
        """The answer is whole: the connection may serve the next request."""
        if self._exchange is not None:
            self._exchange.finish()
            self._exchange = None
        self._release("ok")

    def failed(self, error: AttemptError) -> AttemptError:
        """The same error with the provider's name, counted. An attempt that has ended counts nothing more."""
        provider = self.candidate.provider
        error.redact(self._redactor.clean)
        if self.record.outcome:
            return error
        error.provider = provider.name
        if not self._writer.may_repeat:
            error.fallback = Fallback.NO
        if provider.local and isinstance(error, Refused) and not self.candidate.is_local:
            # The Ollama is well: its cloud has refused, so a pause is not that of the models that run here.
            error.blames_provider, error.pause_scope = False, PauseScope.MODEL
        if error.code == "model_not_found":
            provider.lost(self.candidate.model)
        provider.counters.failures += 1
        self.candidate.failed(error, self._pool.clock())
        provider.turn_away(error)
        self._release(error.outcome)
        return error

    def close(self, outcome: str = "lost") -> None:
        """At once, so that the provider stops generating. After ``finish`` it does nothing."""
        self._release(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        elif isinstance(error, AttemptError):
            self.failed(error)
        else:
            self.close()

    # --- the way to the gate ---

    async def _begin(self) -> None:
        record = self.record
        await self._take_place()
        record.asked = now = self._pool.clock()
        record.entered("connecting")
        while True:
            exchange = await self._open_patiently(now)
            try:
                await self.reader.gate(self._source(exchange), self._timed)
            except Refused as error:  # an error inside a 200
                if not await self._adapts(error):
                    raise
                exchange.close()
                self._exchange = None
                now = record.asked
            else:
                break
        if record.adapted:
            self._writer.taken()

    async def _take_place(self) -> None:
        """Take a place at the provider, or wait for one. Raises ConnectFailed where it goes down meanwhile."""
        provider, record = self.candidate.provider, self.record
        slots, request = provider.slots, record.request
        if slots.most is None:
            slots.active += 1
            self._has_slot = True
            return
        key = NOBODY if request is None else request.key
        try:
            self._has_slot = await slots.take(
                key, provider.to_load(self.candidate.model), self._queued, may_leave=not self._is_patient
            )
        finally:
            if request is not None:
                request.place = None
        self._go_on()
        if not self._has_slot:
            raise _down(provider)

    def _queued(self, place: Callable[[], int | None]) -> None:
        self.record.entered("queued")
        self._wait()
        if self.record.request is not None:
            self.record.request.queued(place)

    async def _open_patiently(self, now: float) -> Exchange:
        """Open, and where no other candidate is left, wait for a provider that still loads its model."""
        provider = self.candidate.provider
        give_up_at = now + LONGEST_LOADING_S
        pause_s = LOADING_POLL_S
        while True:
            was_starting = provider.is_starting()  # refused now, it may be up a moment later
            try:
                return await self._open(now)
            except AttemptError as error:
                if isinstance(error, Refused) and await self._adapts(error):
                    now = self._pool.clock()
                    continue
                if was_starting or provider.is_starting():
                    error.code, error.blames_provider = "loading", False
                if not (self._is_patient and error.code == "loading" and self._pool.clock() < give_up_at):
                    raise
                self.candidate.failed(error, self._pool.clock())
            self._wait()
            await trio.sleep(pause_s)
            self._go_on()
            now = self._pool.clock()
            pause_s = min(pause_s * 1.5, LONGEST_LOADING_POLL_S)

    async def _open(self, now: float) -> Exchange:
        """Send the request and read the head.

        Where an answer follows, it stays the provider's time: the first read is next.
        """
        sending = await self._writer.write(now, self._timed)
        self.record.adapted = self._writer.adapted
        request = self.record.request
        if request is not None and request.kept is not None:
            request.kept.note_asked(self.record, sending, is_stream=sending.stream is not None)
        self._wait()
        permit = await self.candidate.permit(self._pool)
        exchange = self._exchange = await self._pool.open(permit, sending, self._connected)
        if exchange.status in ANSWERS:
            return exchange
        try:
            body = await exchange.read_all(MAX_ERROR_BODY)
        except AttemptError:
            body = b""
        self._go_on()
        exchange.finish()
        self._exchange = None
        error = failure(exchange.status, body, _retry_after(exchange), now=time.time())
        is_elsewhere = exchange.status in (404, 405) and error.code in _NO_SUCH_PATH
        if is_elsewhere and self._writer.next_place(sending.target):
            return await self._open_elsewhere(now)
        lacks = self._writer.lacks
        if lacks is not None and exchange.status in (404, 405, 501) and error.code in _NO_SUCH_PATH:
            raise unsupported(f"does not support {lacks}")
        raise error

    async def _open_elsewhere(self, now: float) -> Exchange:
        """Open where the same provider's API may be as well, and have the place kept if it is there."""
        try:
            exchange = await self._open(now)
        except Refused as error:
            if error.upstream_status not in (None, 404, 405) or error.code not in _NO_SUCH_PATH:
                self._writer.place_found()
            raise
        self._writer.place_found()
        return exchange

    async def _adapts(self, refusal: Refused) -> bool:
        """Is the provider asked once more, in another way? Its silence is then counted anew."""
        if not await self._writer.adapt(refusal):
            return False
        self._go_on()
        self.record.asked = self._pool.clock()
        return True

    def _source(self, exchange: Exchange) -> Source:
        """What the reader reads: counted, where a budget must know how much came."""
        meter = None if self.record.stake is None else self.record.stake.meter
        return exchange if meter is None else Metered(exchange, meter)

    def _too_slow(self, timeout_s: float) -> Stalled:
        if self._has_slot:
            return Stalled(f"sent nothing meaningful within {timeout_s:g} s")
        stalled = Stalled(f"had no place free (max_concurrent) within {timeout_s:g} s")
        stalled.blames_provider = False
        return stalled

    def _release(self, outcome: str) -> None:
        self._go_on()
        if self._exchange is not None:
            if Feature.TELLS_COSTS_LATER in self.candidate.provider.kind.features:
                self.record.answer_id = answer_id_of(self._exchange)
            self._exchange.close()
            self._exchange = None
        if self._has_slot:
            self._has_slot = False
            self.candidate.provider.slots.give_back()
        if self._is_past_gate and outcome in ("ok", "lost"):
            self._is_past_gate = False
            self.candidate.provider.health.succeeded()
        self.record.end(outcome, self._pool.clock())

    # --- whose time is it? ---

    def _connected(self) -> None:
        record = self.record
        record.entered("waiting")
        if record.stake is not None:
            record.stake.is_sent = True

    async def _timed(self, waiting: Awaitable[T], /) -> T:
        """See ``Timed``. After an exception the time is counted up to the end of the attempt."""
        self._wait()
        result = await waiting
        self._go_on()
        return result

    def _wait(self) -> None:
        """From here on the provider's time, not Linx's."""
        if not self._is_waiting and self.record.request is not None:
            self._is_waiting = True
            self.record.request.wait_begins(self._pool.clock())

    def _go_on(self) -> None:
        if self._is_waiting and self.record.request is not None:
            self._is_waiting = False
            self.record.request.wait_ends(self._pool.clock())


def _down(provider: Provider) -> ConnectFailed:
    """For a request that has never been sent. What brought the provider down has been counted already."""
    error = ConnectFailed(f"is down, and the request still waited for a place there: {provider.health.last_error}")
    error.blames_provider = False
    return error


def _retry_after(exchange: Exchange) -> str | None:
    """Seconds or a date; ``retry-after-ms`` wins, since it says the same more exactly."""
    in_ms = exchange.header("retry-after-ms")
    if in_ms is not None and in_ms.strip().isdecimal():
        return f"{int(in_ms) / 1000:.3f}"
    header = exchange.header("retry-after")
    if header is None and exchange.status == 429:
        wait_s = wait_until(exchange.header("x-ratelimit-reset"), time.time())  # OpenRouter's
        header = None if wait_s is None else f"{wait_s:.3f}"
    return header
