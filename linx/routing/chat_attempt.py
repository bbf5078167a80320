"""An attempt at a chat answer, or at anything else that is asked for and read as chat is.

It is written in the provider's dialect and read as chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import ChatBody, ModelTraits, TextCompletion
from linx.core.jsontext import LARGE
from linx.core.worker import in_thread
from linx.dialects.adaptation.quoted import in_own_words
from linx.dialects.adaptation.restoring import RestoringDecoder
from linx.dialects.adaptation.table import BY_NAME, adapt, next_adaptation
from linx.dialects.failures.lacks import lacks_of
from linx.dialects.openai.thinking import thinking
from linx.dialects.shared.needs import needs_of
from linx.providers.catalog import learn_loaded, learn_model
from linx.routing.answered_calls import answered_calls
from linx.routing.attempt import Attempt
from linx.routing.chunk_reader import ChunkReader
from linx.routing.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.attempt_errors import Refused
    from linx.core.chat import Adapted, ChatRequest
    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.adaptation.row import Restore
    from linx.dialects.base import Decoder
    from linx.routing.candidate import Candidate
    from linx.routing.roles import Timed
    from linx.upstream.pool import Pool, Sending

QUICK = 64 * 1024  # bytes of a request that may be compared with a refusal in the event loop
MAX_ASKS = 4  # of one attempt: each refusal may bring to light one more thing that the provider does not take


def chat_attempt(
    candidate: Candidate,
    chat: ChatRequest,
    pool: Pool,
    record: AttemptRecord,
    *,
    new_id: Callable[[], str],
    hop: bytes,
    redactor: Redactor,
    is_patient: bool = False,
) -> Attempt[ChunkReader]:
    """A try at ``candidate`` for the answer to ``chat``."""
    writer = ChatWriter(candidate, chat, pool, hop, new_id)
    calls = answered_calls(candidate, chat, writer.request, pool.clock)
    look_at = None if calls is None else calls.look_at
    reader = ChunkReader(writer.decoder, look_at, has_one_choice=_has_one_choice(chat))
    return Attempt(candidate, writer, reader, pool, record, redactor, is_patient=is_patient)


def _has_one_choice(chat: ChatRequest) -> bool:
    asked = chat.asked
    if isinstance(asked, TextCompletion):
        return asked.count == len(asked.prompts) == 1
    return not isinstance(asked, ChatBody) or asked.get("n", 1) == 1


class ChatWriter:
    """See ``attempt.RequestWriter``."""

    __slots__ = (
        "_asked_at", "_asks", "_candidate", "_chat", "_hop", "_new_id", "_place", "_pool", "_restores", "_steps",
        "adapted", "request",
    )  # fmt: skip

    may_repeat = True

    def __init__(
        self, candidate: Candidate, chat: ChatRequest, pool: Pool, hop: bytes, new_id: Callable[[], str]
    ) -> None:
        self.request = candidate.provider.request(chat)
        self.adapted: tuple[Adapted, ...] = ()  # what changed the body that was written last
        self._steps = Steps(candidate.provider.adaptations.of(candidate.model))
        self._candidate = candidate
        self._chat = chat
        self._pool = pool
        self._hop = hop
        self._new_id = new_id
        self._asks = 1
        self._place: str | None = None  # where the API was not, so that this attempt looks for it elsewhere
        self._asked_at: tuple[bytes, ...] = ()
        self._restores: list[Restore] = []

    @property
    def lacks(self) -> str | None:
        return self.request.lacks

    async def write(self, now: float, timed: Timed) -> Sending:
        """The request, and before it whatever must be known to write it."""
        provider, model, chat, request = self._candidate.provider, self._candidate.model, self._chat, self.request
        if provider.kind.show_model is not None and request.may_think and self._wants_thinking():
            # Asking a model that cannot think to think is refused, so this must be known.
            await timed(learn_model(provider, self._pool, model))
        if provider.cuts_prompts and provider.must_look(chat, model, now):
            await timed(learn_loaded(provider, self._pool))
        traits = provider.traits(chat, model, now)
        if self._steps.applied:
            body = await self._write_adapted(traits)
        elif chat.facts.size <= LARGE:
            body = request.write(chat, model, traits)
        else:
            body = await in_thread(request.write, chat, model, traits)
        sending = provider.http.ask(request, model, body, self._hop, chat.headers, self._place)
        sending.is_last = not chat.stream and provider.pace.wants_close
        return sending

    async def _write_adapted(self, traits: ModelTraits) -> bytes:
        restores: list[Restore] = []
        used: list[Adapted] = []
        arguments = (self._chat, self._candidate.model, traits, self._steps.applied, restores, used)
        if self._chat.facts.size <= LARGE:
            body = self.request.write(*arguments)
        else:
            body = await in_thread(self.request.write, *arguments)
        self._restores, self.adapted = restores, tuple(used)
        return body

    def next_place(self, target: bytes) -> bool:
        """Each place is asked once. Another attempt may have found the right one in the meantime."""
        http, request, model = self._candidate.provider.http, self.request, self._candidate.model
        self._asked_at = (*self._asked_at, target)
        if request.under_api:
            for place in http.places.in_order()[: 1 if http.places.is_sure else None]:
                if http.target(request.path(model), model, place) not in self._asked_at:
                    self._place = place
                    return True
        if request.lacks is None:
            http.places.is_sure = True  # until the next look for the list
        return False

    def place_found(self) -> None:
        if self._place is not None:
            self._candidate.provider.http.places.found(self._place)

    def decoder(self) -> Decoder:
        """For the answer to what was written last."""
        decoder = self.request.decoder(self._new_id)
        return RestoringDecoder(decoder, self._restores) if self._restores else decoder

    async def adapt(self, refusal: Refused) -> bool:
        """Does a row of the table of adaptations fit the refusal?"""
        size = self._chat.facts.size
        step, is_own, lack = self._look_at(refusal) if size <= QUICK else await in_thread(self._look_at, refusal)
        provider, model = self._candidate.provider, self._candidate.model
        if lack is not None and lack in needs_of(self._chat):
            # The next request that needs it is asked elsewhere first.
            provider.learn_lack(model, lack, self._pool.clock())
        if step is None:
            return False
        self._asks += 1
        self._learn(self._steps.add(step, refusal.words, is_own=is_own))
        return True

    def _look_at(self, refusal: Refused) -> tuple[Adapted | None, bool, str | None]:
        """What to change, whether the provider has asked for it in words of its own, and what the model lacks."""
        lack = lacks_of(refusal.words)
        may_ask = self._asks < MAX_ASKS
        if not may_ask and lack is None:
            return None, False, None
        provider, model, chat, request = self._candidate.provider, self._candidate.model, self._chat, self.request
        traits = provider.traits(chat, model, self._pool.clock())
        body = adapt(request.body(chat, model, traits), self._steps.applied, [], request.format)
        tried = self._steps.tried
        step = next_adaptation(refusal, request.format, body, tried) if may_ask else None
        if step is None and lack is None:
            return None, False, None
        own = in_own_words(refusal, body)
        own_step = step if own is refusal or not may_ask else next_adaptation(own, request.format, body, tried)
        return own_step or step, own_step is not None, lacks_of(own.words)

    def taken(self) -> None:
        self._learn(self._steps.proven())

    def _learn(self, proven: Sequence[Adapted]) -> None:
        adaptations = self._candidate.provider.adaptations
        for step in proven:
            if not BY_NAME[step.name].is_lasting:
                continue
            adaptations.learn(self._candidate.model, step, was_undone=self._steps.was_known(step))

    def _wants_thinking(self) -> bool:
        asked = self._chat.asked
        mode = ModelTraits(thinking_mode=self._candidate.provider.config.thinking_mode)
        return isinstance(asked, ChatBody) and bool(thinking(asked, mode))
