"""An attempt at a chat answer, or at anything else that is asked for and read as chat is.

It is written in the provider's dialect and read as chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import ChatBody, ModelTraits
from linx.core.jsontext import LARGE
from linx.core.worker import in_thread
from linx.dialects.openai.thinking import thinking
from linx.providers.catalog import learn_model
from linx.routing.attempt import Attempt
from linx.routing.chunk_reader import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import ChatRequest
    from linx.core.errors import Refused
    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord
    from linx.routing.attempt import Timed
    from linx.routing.candidate import Candidate
    from linx.upstream.pool import Pool, Sending


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
    writer = ChatWriter(candidate, chat, pool, hop)
    reader = ChunkReader(writer.request.decoder(new_id))
    return Attempt(candidate, writer, reader, pool, record, redactor, is_patient=is_patient)


class ChatWriter:
    """See ``attempt.RequestWriter``."""

    __slots__ = ("_candidate", "_chat", "_hop", "_is_adapted", "_pool", "request")

    may_repeat = True

    def __init__(self, candidate: Candidate, chat: ChatRequest, pool: Pool, hop: bytes) -> None:
        self.request = candidate.provider.request(chat)
        self._candidate = candidate
        self._chat = chat
        self._pool = pool
        self._hop = hop
        self._is_adapted = False

    @property
    def lacks(self) -> str | None:
        return self.request.lacks

    async def write(self, now: float, timed: Timed) -> Sending:
        """The request, and before it whatever must be known to write it."""
        provider, model, chat = self._candidate.provider, self._candidate.model, self._chat
        if provider.kind.show_model is not None and self.request.may_think and self._wants_thinking():
            # Asking a model that cannot think to think is refused, so this must be known.
            await timed(learn_model(provider, self._pool, model))
        traits = provider.traits(chat, model, now)
        if chat.facts.size <= LARGE:
            body = self.request.write(chat, model, traits)
        else:
            body = await in_thread(self.request.write, chat, model, traits)
        return provider.http.ask(self.request, model, body, self._hop, chat.headers)

    def adapt(self, refusal: Refused) -> bool:
        """A server that refuses ``stream_options`` is asked once more without it, and remembered."""
        says_so = refusal.upstream_status in (400, 422) and "stream_options" in refusal.problem
        if self._is_adapted or not says_so:
            return False
        self._is_adapted = True
        self._candidate.provider.takes_stream_options = False
        return True

    def _wants_thinking(self) -> bool:
        asked = self._chat.asked
        mode = ModelTraits(thinking_mode=self._candidate.provider.config.thinking_mode)
        return isinstance(asked, ChatBody) and bool(thinking(asked, mode))
