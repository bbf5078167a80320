"""``POST /v1/completions`` over every kind of provider.

One request may hold many prompts, and ask for several answers to each. Where a provider
takes them all at once it gets them all; where it takes one at a time, a Series asks for
them one after the other, and looks to the race like one attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import trio

from linx.core.chat import Chunk, Usage, total
from linx.core.errors import AttemptError
from linx.core.jsontext import LARGE
from linx.dialects.completions.face import prompts_of
from linx.handlers.answers.generation import Generation
from linx.handlers.request_facts import check_charset, read_large, read_object
from linx.routing.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linx.core.chat import ChatRequest
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Encoder, Face
    from linx.handlers.context import Context
    from linx.providers.requests import ProviderRequest
    from linx.routing.candidate import Candidate
    from linx.server.request import Reply, Request


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /v1/completions``."""
    check_charset(request)
    body = await request.body()
    chat = face.parse(read_object(body)) if len(body) <= LARGE else await read_large(body, face.parse)
    await Completion(context, face, request, reply, chat).run()


class Completion(Generation):
    """One request for completions."""

    __slots__ = ()

    def _attempt(
        self, candidate: Candidate, record: AttemptRecord, is_last: bool, chat: ChatRequest | None = None
    ) -> Attempt:
        ask = super()._attempt
        parts = parts_for(candidate.provider.request(self.chat), self.chat)
        if len(parts) == 1 and not parts[0].leads:
            return ask(candidate, record, is_last)

        def make(part: ChatRequest) -> Attempt:
            return ask(candidate, record.part(trio.current_time()), is_last, part)

        return Series(candidate, record, parts, make)


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked for in one go. Its first choice is number ``index`` of the whole answer.

    ``leads`` are prompts that the client wants to see before what was made of them
    (``echo``), by the number of their choice.
    """

    chat: ChatRequest
    index: int = 0
    leads: tuple[tuple[int, str], ...] = ()


def parts_for(request: ProviderRequest, chat: ChatRequest) -> Sequence[Part]:
    """How a provider that takes ``request`` is asked for all that ``chat`` wants."""
    if request.has_echo and request.takes_lists:
        return [Part(chat)]
    native: dict[str, Any] = chat.native or {}
    prompts = prompts_of(native.get("prompt"))
    count = native.get("n") or 1
    leads = [prompt for prompt in prompts for _ in range(count)] if native.get("echo") else []
    named = tuple((index, lead) for index, lead in enumerate(leads) if isinstance(lead, str))
    if request.takes_lists:
        return [Part(chat, leads=named)]
    if len(prompts) * count == 1:
        return [Part(chat, leads=named)]
    parts = []
    seed = native.get("seed")
    for index in range(len(prompts) * count):
        own = {**native, "prompt": prompts[index // count], "n": 1}
        if own.get("best_of") == count:
            del own["best_of"]  # says no more than n
        if seed is not None:
            own["seed"] = seed + index % count  # the same seed would give the same answer again
        parts.append(Part(replace(chat, native=own), index, named[index : index + 1]))
    return parts


class Series(Attempt):
    """Attempts at one candidate, one after the other, as one. The gate is that of the first."""

    __slots__ = ("_ask", "_counted_before", "_inner", "_now", "_part", "_rest")

    def __init__(
        self,
        candidate: Candidate,
        record: AttemptRecord,
        parts: Sequence[Part],
        ask: Callable[[ChatRequest], Attempt],
    ) -> None:
        # Everything else that an Attempt has is in the inner ones.
        self.candidate = candidate
        self.record = record
        self.first = []
        self.done = False
        self.received = 0
        self._ask = ask
        self._part = parts[0]
        self._rest = list(parts[1:])
        self._counted_before = Usage()
        self._now: Usage | None = None
        self._inner: Attempt | None = ask(parts[0].chat)

    @property
    def asked_at(self) -> float | None:
        return self._inner.asked_at if self._inner is not None else None

    async def begin(self, timeout_s: float | None = None) -> list[Chunk]:
        self.first = await self._begin_part(timeout_s)
        return self.first

    def shortcut_to(self, _encoder: Encoder) -> None:
        """None: the indices of the choices are changed on the way."""

    async def more(self, _shortcut: object = None) -> list[Chunk] | None:
        inner = self._inner
        if inner is None or self.done:
            return None
        if inner.done:
            inner.finish()
            self._part, self._inner = self._rest[0], self._ask(self._rest[0].chat)
            del self._rest[0]
            if self._now is not None:
                self._counted_before, self._now = total([self._counted_before, self._now]), None
            return await self._begin_part(None)
        before = inner.received
        try:
            chunks = await inner.more()
        except AttemptError as error:
            self._end(error.outcome)
            raise
        self.received += inner.received - before
        self.done = inner.done and not self._rest
        return self._taken(chunks or [])

    def garbled(self, error: AttemptError) -> AttemptError:
        assert self._inner is not None  # it is asked while the answer is being read
        error = self._inner.garbled(error)
        self._end(error.outcome)
        return error

    def finish(self) -> None:
        if self._inner is not None:
            self._inner.finish()
        self._end("ok")

    def close(self, outcome: str = "lost") -> None:
        if self._inner is not None:
            self._inner.close(outcome)
        self._end(outcome)

    # --- within ---

    async def _begin_part(self, timeout_s: float | None) -> list[Chunk]:
        inner = self._inner
        assert inner is not None
        try:
            chunks = await inner.begin(timeout_s)
        except AttemptError as error:
            self._end(error.outcome)
            raise
        except BaseException:
            self._end("lost")
            raise
        self.done = inner.done and not self._rest
        leads = [Chunk(text=lead, index=index) for index, lead in self._part.leads]
        return leads + self._taken(chunks)

    def _taken(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        taken = list(chunks)
        for chunk in taken:
            chunk.index += self._part.index
            if chunk.usage is not None:
                self._now = chunk.usage
                if self._part.index or self._rest:
                    chunk.usage = total([self._counted_before, self._now])
        return taken

    def _end(self, outcome: str) -> None:
        self._inner = None
        self.record.end(outcome, trio.current_time())
