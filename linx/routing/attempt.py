"""One try at one candidate: send, read the head, decode until the first meaningful chunk.

An attempt ends in one of two ways, and no third: ``begin`` returns the first chunks, or
raises an AttemptError that carries the provider's name. After that ``more`` gives the
rest. Whoever holds the attempt calls ``finish`` or ``close``; both are synchronous, so a
loser of a race is dropped without a wait that could be cancelled.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, overload

import trio

from linx.core.chat import ModelTraits
from linx.core.errors import AttemptError, EmptyAnswer, Refused, Stalled
from linx.core.worker import beside
from linx.dialects.failures.meaning import failure, unsupported
from linx.dialects.openai import provider_request as openai_request
from linx.dialects.openai.splice import splice_between
from linx.providers.catalog import learn_model

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from linx.core.chat import ChatRequest, Chunk
    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Encoder
    from linx.dialects.openai.splice import Splice
    from linx.routing.candidate import Candidate
    from linx.upstream.pool import Exchange, Pool, Sending

LOADING_POLL_S = 0.25
LONGEST_LOADING_POLL_S = 1.0  # the whole prompt goes out each time, so it is asked less and less often
LONGEST_LOADING_S = 900.0  # a large model from a slow disk
_NO_SUCH_PATH = ("upstream_not_found", "upstream_error", "unsupported_feature")
MAX_ERROR_BODY = 64 * 1024  # bytes read of a provider's error answer


class Attempt:
    """One try at ``candidate``. ``record`` is filled as it goes.

    ``is_patient``: nobody else is left, so a model that is still loading is waited for.
    """

    __slots__ = (
        "_asked_otherwise", "_chat", "_decoder", "_exchange", "_has_slot", "_has_spoken", "_hop", "_is_patient",
        "_is_waiting", "_pool", "_redactor", "_way", "candidate", "done", "first", "received", "record",
    )  # fmt: skip

    def __init__(
        self,
        candidate: Candidate,
        chat: ChatRequest,
        pool: Pool,
        record: AttemptRecord,
        *,
        new_id: Callable[[], str],
        hop: bytes,
        redactor: Redactor,
        is_patient: bool = False,
    ) -> None:
        self.candidate = candidate
        self.record = record
        self.first: list[Chunk] = []
        self.done = False
        self.received = 0  # bytes of the answer since its first chunks
        self._chat = chat
        self._pool = pool
        self._hop = hop
        self._redactor = redactor
        self._is_patient = is_patient
        self._exchange: Exchange | None = None
        self._way = candidate.provider.way(chat)
        self._decoder = self._way.decoder(new_id)
        self._has_slot = False
        self._has_spoken = False
        self._is_waiting = False
        self._asked_otherwise = False

    def __repr__(self) -> str:
        return f"<Attempt {self.candidate.provider.name}/{self.candidate.model} {self.record.outcome or 'running'}>"

    @property
    def asked_at(self) -> float | None:
        """When it got its place at the provider; None while it waits for one."""
        return self.record.asked

    async def begin(self, timeout_s: float | None = None) -> list[Chunk]:
        """Chunks up to and with the first meaningful one; also kept in ``first``.

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
            raise self._failed(error) from None
        except BaseException:
            self._release("lost")
            raise
        self._has_spoken = True
        self.candidate.provider.health.spoke()
        return self.first

    def shortcut_to(self, encoder: Encoder) -> Splice | None:
        """For ``more``, where there can be one to what ``encoder`` writes."""
        return splice_between(self._decoder, encoder)

    @overload
    def more(self) -> Coroutine[None, None, list[Chunk] | None]: ...

    @overload
    def more(self, shortcut: Splice | None) -> Coroutine[None, None, list[Chunk] | bytes | None]: ...

    async def more(self, shortcut: Splice | None = None) -> list[Chunk] | bytes | None:
        """The next chunks (perhaps none yet), or None at the proper end of the answer.

        With a shortcut, it may be the client's frame instead; else the shortcut wants to ``learn``.
        """
        decoder, exchange = self._decoder, self._exchange
        if decoder.problem is not None:
            raise self._failed(decoder.problem)
        if self.done or exchange is None:
            return None
        try:
            data = await exchange.read()
        except AttemptError as error:
            raise self._failed(error) from None
        if shortcut is not None:
            frame = shortcut.try_frame(data)
            if frame is not None:
                return frame
            data = shortcut.data
        self.received += len(data)
        chunks = decoder.feed(data) if data else decoder.end()
        if decoder.problem is not None and not chunks:
            raise self._failed(decoder.problem)
        self.done = decoder.done
        return chunks

    def garbled(self, error: AttemptError) -> AttemptError:
        """The answer came whole and is still none that the client's dialect can carry.

        The model's fault and not the server's, so it is a failure of this attempt alone.
        """
        error.blames_provider = False
        return self._failed(error)

    def finish(self) -> None:
        """The answer is whole: the connection may serve the next request."""
        if self._exchange is not None:
            self._exchange.finish()
            self._exchange = None
        self._release("ok")

    def close(self, outcome: str = "lost") -> None:
        """At once, so that the provider stops generating. After ``finish`` it does nothing."""
        self._release(outcome)

    # --- within ---

    async def _begin(self) -> None:
        slots = self.candidate.provider.slots
        if not slots.has_room:
            self.record.entered("queued")
            self._wait()
        await slots.take()
        self._has_slot = True
        self._go_on()
        self.record.asked = now = self._pool.clock()
        self.record.entered("connecting")
        await self._gate(await self._open_patiently(now))

    async def _gate(self, exchange: Exchange) -> None:
        """Read up to what opens the gate, or raise."""
        decoder = self._decoder
        while True:
            self._wait()
            data = await exchange.read()
            self._go_on()
            chunks = decoder.feed(data) if data else decoder.end()
            self.first += chunks
            if any(chunk.is_meaningful for chunk in chunks):
                break
            if decoder.problem is not None:
                raise decoder.problem
            if decoder.done or not data:
                raise EmptyAnswer("ended its answer without saying anything")
        self.done = decoder.done

    async def _open_patiently(self, now: float) -> Exchange:
        """Open, and where nobody else is left, wait for a provider that still loads its model."""
        provider = self.candidate.provider
        give_up_at = now + LONGEST_LOADING_S
        pause_s = LOADING_POLL_S
        while True:
            was_starting = provider.is_starting()  # refused now, it may be up a moment later
            try:
                return await self._open(now)
            except AttemptError as error:
                if isinstance(error, Refused) and self._can_ask_otherwise(error):
                    continue
                if was_starting or provider.is_starting():
                    error.code, error.blames_provider = "loading", False
                if not (self._is_patient and error.code == "loading" and self._pool.clock() < give_up_at):
                    raise
                provider.health.failed(error, self._pool.clock())
            self._wait()
            await trio.sleep(pause_s)
            self._go_on()
            now = self._pool.clock()
            pause_s = min(pause_s * 1.5, LONGEST_LOADING_POLL_S)

    async def _open(self, now: float) -> Exchange:
        """The provider's turn lasts on after a 200, since the first read follows at once."""
        provider = self.candidate.provider
        sending = await self._sending(now)
        self._wait()
        exchange = self._exchange = await self._pool.open(provider.origin, sending, self._connected)
        if exchange.status == 200:
            return exchange
        try:
            body = await exchange.read_all(MAX_ERROR_BODY)
        except AttemptError:
            body = b""
        self._go_on()
        exchange.finish()
        self._exchange = None
        error = failure(exchange.status, body, _retry_after(exchange), now=time.time())
        if self._way.lacks is not None and exchange.status in (404, 405, 501) and error.code in _NO_SUCH_PATH:
            raise unsupported(f"does not support {self._way.lacks}")
        raise error

    async def _sending(self, now: float) -> Sending:
        """The request, and before it whatever must be known to write it."""
        provider = self.candidate.provider
        if provider.kind == "ollama" and self._way.may_think and self._wants_thinking():
            # Asking a model that cannot think to think is refused, so this must be known.
            self._wait()
            await learn_model(provider, self._pool, self.candidate.model)
            self._go_on()
        chat, model = self._chat, self.candidate.model
        if chat.weight is None:
            return provider.chat_sending(chat, model, now, self._hop)
        body = await beside(provider.large_body, chat, model, provider.traits(chat, model, now))
        return provider.chat_sending(chat, model, now, self._hop, body)

    def _wants_thinking(self) -> bool:
        mode = ModelTraits(thinking_mode=self.candidate.provider.config.thinking_mode)
        native = self._chat.native if self._chat.dialect == "ollama" else None
        return bool(openai_request.thinking(native if native is not None else self._chat.body, mode))

    def _can_ask_otherwise(self, error: Refused) -> bool:
        """A server that refuses ``stream_options`` is asked once more without it, and remembered."""
        if self._asked_otherwise or error.upstream_status not in (400, 422) or "stream_options" not in error.problem:
            return False
        self._asked_otherwise = True
        self.candidate.provider.takes_stream_options = False
        return True

    def _too_slow(self, timeout_s: float) -> Stalled:
        if self._has_slot:
            return Stalled(f"sent nothing meaningful within {timeout_s:g} s")
        stalled = Stalled(f"had no place free (max_concurrent) within {timeout_s:g} s")
        stalled.blames_provider = False
        return stalled

    # --- whose time is it? ---

    def _connected(self) -> None:
        self.record.entered("waiting")

    def _wait(self) -> None:
        """From here on the provider's time, not Linx's."""
        if not self._is_waiting and self.record.request is not None:
            self._is_waiting = True
            self.record.request.wait_begins(self._pool.clock())

    def _go_on(self) -> None:
        if self._is_waiting and self.record.request is not None:
            self._is_waiting = False
            self.record.request.wait_ends(self._pool.clock())

    def _failed(self, error: AttemptError) -> AttemptError:
        error.provider = self.candidate.provider.name
        error.problem = self._redactor.clean(error.problem)
        self.candidate.provider.counters.failures += 1
        self.candidate.provider.health.failed(error, self._pool.clock())
        self._release(error.outcome)
        return error

    def _release(self, outcome: str) -> None:
        self._go_on()
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None
        if self._has_slot:
            self._has_slot = False
            self.candidate.provider.slots.give_back()
        if self._has_spoken and outcome in ("ok", "lost"):
            self._has_spoken = False
            self.candidate.provider.health.succeeded()
        self.record.end(outcome, self._pool.clock())


def _retry_after(exchange: Exchange) -> str | None:
    """Seconds or a date; ``retry-after-ms`` wins, since it says the same more exactly."""
    in_ms = exchange.header("retry-after-ms")
    if in_ms is not None and in_ms.strip().isdecimal():
        return f"{int(in_ms) / 1000:.3f}"
    return exchange.header("retry-after")
