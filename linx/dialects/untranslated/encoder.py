"""Passes a provider's own events on to a client of the same dialect; only the model's name is replaced.

The first chunks show whether the answer comes from a provider that speaks the dialect. Until then, and for the answer
of any other provider, the dialect's usual encoder is used, called the translator here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from linx.core import jsontext
from linx.core.chat import ChatBody

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import ChatRequest, Chunk, JsonObject
    from linx.core.errors import LinxError
    from linx.dialects.base import Encoder

_COMMENT = b": linx\n\n"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


class Events(Protocol):
    """What must be known about a dialect's events to pass them on."""

    heartbeat: bytes
    may_begin_before: bool
    """May the translator begin the stream before the provider does? The provider's first event is then left out."""

    def admit(self, event: JsonObject, is_begun: bool, /) -> bool:
        """Put the client's name for the model into ``event``. Returns False if the event must be left out, because the
        translator has begun the stream."""

    def error_events(self, problem: LinxError, /) -> tuple[JsonObject, ...]:
        """The events that end an answer which failed."""


class MessagesEvents:
    """Anthropic's Messages."""

    heartbeat = _PING
    may_begin_before = True

    def __init__(self, model: str, error_object: Callable[[LinxError], JsonObject]) -> None:
        self._model = model
        self._error_object = error_object

    def admit(self, event: JsonObject, is_begun: bool) -> bool:
        if event["type"] != "message_start":
            return True
        _rename(event.get("message"), self._model)
        return not is_begun

    def error_events(self, problem: LinxError) -> tuple[JsonObject, ...]:
        return ({"type": "error", "error": self._error_object(problem)},)


class ResponsesEvents:
    """OpenAI's Responses: events are numbered, and a failure contains the response as far as it is known."""

    heartbeat = _COMMENT
    may_begin_before = False  # the first event has the response's id, which the provider gives

    def __init__(self, model: str, _error_object: Callable[[LinxError], JsonObject]) -> None:
        self._model = model
        self._response: JsonObject = {}
        self._next_number = 0

    def admit(self, event: JsonObject, _is_begun: bool) -> bool:
        response = event.get("response")
        if isinstance(response, dict):
            _rename(response, self._model)
            self._response = response
        number = event.get("sequence_number")
        self._next_number = (number if type(number) is int else self._next_number) + 1
        return True

    def error_events(self, problem: LinxError) -> tuple[JsonObject, ...]:
        # The first event is what SDKs raise, the second what clients wait for; see ``responses.encoder``.
        code, number = problem.code or "server_error", self._next_number
        error = {"code": code, "message": problem.message}
        response = {**self._response, "status": "failed", "error": error}
        return (
            {"type": "error", "sequence_number": number, "error": {**problem.fields(), "code": code}},
            {"type": "response.failed", "sequence_number": number + 1, "response": response},
        )


class UntranslatedEncoder:
    """See ``base.Encoder``. ``translator`` makes the dialect's usual encoder; it is called at most once."""

    def __init__(self, chat: ChatRequest, translator: Callable[[], Encoder], events: Events) -> None:
        self._dialect = chat.dialect
        # A body that Linx could not translate can only be answered by a provider that speaks the dialect.
        self._may_translate = isinstance(chat.asked, ChatBody)
        self._make_translator = translator
        self._translator: Encoder | None = None
        self._events = events
        self._is_untranslated: bool | None = None  # None until the first chunks have come
        self._is_over = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if self._is_untranslated is None and chunks:
            self._is_untranslated = chunks[0].dialect == self._dialect
        if not self._is_untranslated:
            return self._translated().frames(chunks)
        events, is_begun = self._events, self._translator is not None
        parts: list[bytes] = []
        for chunk in chunks:
            event = chunk.source
            if event is not None and events.admit(event, is_begun):
                name = event["type"].encode("utf-8", "replace")
                parts += (b"event: ", name, b"\ndata: ", jsontext.dumps(event), b"\n\n")
        return b"".join(parts)

    def heartbeat(self) -> bytes:
        if self._is_over:
            return b""
        if self._is_untranslated:
            return self._events.heartbeat
        if self._is_untranslated is False or (self._events.may_begin_before and self._may_translate):
            return self._translated().heartbeat()
        return _COMMENT

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        if not self._is_untranslated and self._may_translate:
            return self._translated().error(problem)
        self._is_over = True
        return b"".join(map(_frame, self._events.error_events(problem)))

    def end(self) -> bytes:
        return b"" if self._is_untranslated or self._is_over else self._translated().end()

    def _translated(self) -> Encoder:
        if self._translator is None:
            self._translator = self._make_translator()
        return self._translator


def _frame(event: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode("utf-8", "replace"), jsontext.dumps(event))


def _rename(holder: Any, model: str) -> None:
    if isinstance(holder, dict) and "model" in holder:
        holder["model"] = model
