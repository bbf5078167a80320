"""One try at one candidate: send, read the head, decode until the first meaningful chunk.

An attempt ends in one of two ways, and no third: ``begin`` returns the first chunks, or
raises an AttemptError that carries the provider's name. After that ``more`` gives the
rest. Whoever holds the attempt calls ``finish`` or ``close``; both are synchronous, so a
loser of a race is dropped without a wait that could be cancelled.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from linx.chat import ModelTraits
from linx.dialects import openai_request
from linx.dialects.failures import failure
from linx.dialects.ollama_images import unsupported
from linx.errors import AttemptError, EmptyAnswer, Refused, Stalled
from linx.routing.catalog import learn_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.chat import ChatRequest, Chunk
    from linx.redaction import Redactor
    from linx.routing.provider import Candidate
    from linx.telemetry import AttemptRecord
    from linx.upstream.pool import Exchange, Pool

LOADING_POLL_S = 0.25
LONGEST_LOADING_S = 900.0  # a large model from a slow disk
_NO_SUCH_PATH = ("upstream_not_found", "upstream_error", "unsupported_feature")
MAX_ERROR_BODY = 64 * 1024  # bytes read of a provider's error answer


class Attempt:
    """One try at ``candidate``. ``record`` is filled as it goes.

    ``is_patient``: nobody else is left, so a model that is still loading is waited for.
    """

    __slots__ = (
        "_chat", "_counted", "_decoder", "_exchange", "_has_slot", "_hop", "_is_patient", "_pool", "_redactor",
        "_way", "candidate", "done", "first", "record", "waited_s",
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
        self.waited_s = 0.0
        """Time spent waiting for the provider up to the first meaningful chunk."""
        self._chat = chat
        self._pool = pool
        self._hop = hop
        self._redactor = redactor
        self._is_patient = is_patient
        self._exchange: Exchange | None = None
        self._way = candidate.provider.way(chat)
        self._decoder = self._way.decoder(new_id)
        self._counted = False
        self._has_slot = False

    def __repr__(self) -> str:
        return f"<Attempt {self.candidate.provider.name}/{self.candidate.model} {self.record.outcome or 'running'}>"

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
                    raise Stalled(f"sent nothing meaningful within {timeout_s:g} s")
        except AttemptError as error:
            raise self._failed(error) from None
        except BaseException:
            self._release("lost")
            raise
        self.candidate.provider.health.succeeded()
        return self.first

    async def more(self) -> list[Chunk] | None:
        """The next chunks (perhaps none yet), or None at the proper end of the answer."""
        decoder, exchange = self._decoder, self._exchange
        if decoder.problem is not None:
            raise self._failed(decoder.problem)
        if self.done or exchange is None:
            return None
        try:
            data = await exchange.read()
        except AttemptError as error:
            raise self._failed(error) from None
        chunks = decoder.feed(data) if data else decoder.end()
        if decoder.problem is not None and not chunks:
            raise self._failed(decoder.problem)
        self.done = decoder.done
        return chunks

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
        provider = self.candidate.provider
        if provider.slots is not None:
            await provider.slots.acquire()
            self._has_slot = True
        provider.active += 1
        self._counted = True
        exchange = await self._open_patiently()
        decoder = self._decoder
        while True:
            start = trio.current_time()
            data = await exchange.read()
            self.waited_s += trio.current_time() - start
            chunks = decoder.feed(data) if data else decoder.end()
            self.first += chunks
            if any(chunk.is_meaningful for chunk in chunks):
                break
            if decoder.problem is not None:
                raise decoder.problem
            if decoder.done or not data:
                raise EmptyAnswer("ended its answer without saying anything")
        self.done = decoder.done

    async def _open_patiently(self) -> Exchange:
        """Open, and where nobody else is left, wait for a provider that still loads its model."""
        provider = self.candidate.provider
        give_up_at = trio.current_time() + LONGEST_LOADING_S
        while True:
            try:
                return await self._open()
            except AttemptError as error:
                if isinstance(error, Refused) and self._can_ask_otherwise(error):
                    continue
                is_loading = error.code == "loading" or provider.is_starting()
                if not (self._is_patient and is_loading and trio.current_time() < give_up_at):
                    raise
            provider.health.loading = True
            await trio.sleep(LOADING_POLL_S)
            self.waited_s += LOADING_POLL_S

    async def _open(self) -> Exchange:
        provider = self.candidate.provider
        start = trio.current_time()
        if provider.kind == "ollama" and self._way.may_think and self._wants_thinking():
            # Asking a model that cannot think to think is refused, so this must be known.
            await learn_model(provider, self._pool, self.candidate.model)
        sending = provider.chat_sending(self._chat, self.candidate.model, start, self._hop)
        exchange = self._exchange = await self._pool.open(provider.origin, sending)
        self.waited_s += trio.current_time() - start
        if exchange.status == 200:
            return exchange
        try:
            body = await exchange.read_all(MAX_ERROR_BODY)
        except AttemptError:
            body = b""
        exchange.finish()
        self._exchange = None
        error = failure(exchange.status, body, _retry_after(exchange), now=time.time())
        if self._way.lacks is not None and exchange.status in (404, 405, 501) and error.code in _NO_SUCH_PATH:
            raise unsupported(f"does not support {self._way.lacks}")
        raise error

    def _wants_thinking(self) -> bool:
        mode = ModelTraits(thinking_mode=self.candidate.provider.config.thinking_mode)
        native = self._chat.native if self._chat.dialect == "ollama" else None
        return bool(openai_request.thinking(native if native is not None else self._chat.body, mode))

    def _can_ask_otherwise(self, error: Refused) -> bool:
        """A server that refuses ``stream_options`` is asked once more without it, and remembered."""
        provider = self.candidate.provider
        if provider.takes_stream_options and error.upstream_status in (400, 422) and "stream_options" in error.problem:
            provider.takes_stream_options = False
            return True
        return False

    def _failed(self, error: AttemptError) -> AttemptError:
        error.provider = self.candidate.provider.name
        error.problem = self._redactor.clean(error.problem)
        self.candidate.provider.counters.failures += 1
        self.candidate.provider.health.failed(error, trio.current_time())
        self._release(error.outcome)
        return error

    def _release(self, outcome: str) -> None:
        if self._exchange is not None:
            self._exchange.close()
        if self._counted:
            self._counted = False
            self.candidate.provider.active -= 1
        if self._has_slot and self.candidate.provider.slots is not None:
            self._has_slot = False
            self.candidate.provider.slots.release()
        if not self.record.outcome:
            self.record.outcome = outcome
            self.record.ended = trio.current_time()


def _retry_after(exchange: Exchange) -> str | None:
    """Seconds or a date; ``retry-after-ms`` wins, since it says the same more exactly."""
    in_ms = exchange.header("retry-after-ms")
    if in_ms is not None and in_ms.strip().isdecimal():
        return f"{int(in_ms) / 1000:.3f}"
    return exchange.header("retry-after")
