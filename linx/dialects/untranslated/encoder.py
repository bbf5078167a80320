"""A client's own dialect on both sides: Anthropic's Messages or OpenAI's Responses, untranslated.

For providers with ``native: true``. Each event of the provider becomes one chunk, which
says as much of it as the gate, the counters and the records need, and holds the event
itself; to the client it goes out as it came, but for the model's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.dialects.anthropic.errors import error_object
from linx.dialects.untranslated.decoder import ANTHROPIC
from linx.dialects.untranslated.fold import whole_message, whole_response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import Answer, ChatRequest, Chunk, JsonObject, Stamp
    from linx.core.errors import LinxError
    from linx.dialects.base import Encoder, Face


_COMMENT = b": linx\n\n"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


# --- what an event says ---------------------------------------------------------------


# --- toward the client ----------------------------------------------------------------


class NativeFace:
    """A face whose answers may come from a provider of the same dialect; all else is ``face``'s."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.name = face.name
        self.stream_type = face.stream_type

    def parse(self, body: JsonObject) -> ChatRequest:
        return self.face.parse(body)

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> NativeEncoder:
        return NativeEncoder(chat, lambda: self.face.encoder(chat, stamp))

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        if answer.dialect != self.name:
            return self.face.whole(chat, answer, stamp)
        fold = whole_message if self.name == ANTHROPIC else whole_response
        return {**fold(answer.sources), "model": chat.model}

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return self.face.error_body(problem, request_id)

    def status_of(self, problem: LinxError) -> int:
        return self.face.status_of(problem)


class NativeEncoder:
    """See ``base.Encoder``. Who answers is known with the first chunks, and only then how."""

    def __init__(self, chat: ChatRequest, translator: Callable[[], Encoder]) -> None:
        self._model = chat.model
        self._dialect = chat.dialect
        self._may_translate = bool(chat.body.get("messages"))
        self._make = translator
        self._translator: Encoder | None = None
        self._is_native: bool | None = None
        self._response: JsonObject = {}
        self._sequence = 0
        self._is_over = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if self._is_native is None and chunks:
            self._is_native = chunks[0].dialect == self._dialect
        if not self._is_native:
            return self._translated().frames(chunks)
        out = []
        for chunk in chunks:
            event = chunk.source or {}
            kind = event["type"]
            if self._dialect == ANTHROPIC:
                if kind == "message_start":
                    if self._translator is not None:
                        continue  # a heartbeat has sent one
                    self._rename(event.get("message"))
            else:
                self._look(event)
            out.append(b"event: %b\ndata: %b\n\n" % (kind.encode("utf-8", "replace"), jsontext.dumps(event)))
        return b"".join(out)

    def heartbeat(self) -> bytes:
        if self._is_over:
            return b""
        if self._is_native is False or (self._dialect == ANTHROPIC and self._may_translate and not self._is_native):
            return self._translated().heartbeat()
        if self._is_native and self._dialect == ANTHROPIC:
            return _PING
        # The beginning of a response may still come from the provider, with an id of its own.
        return _COMMENT

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        if not self._is_native and self._may_translate:
            return self._translated().error(problem)
        self._is_over = True
        if self._dialect == ANTHROPIC:
            event: JsonObject = {"type": "error", "error": error_object(problem)}
        else:
            error = {"code": problem.code or "server_error", "message": problem.message}
            response = {**self._response, "status": "failed", "error": error}
            event = {"type": "response.failed", "sequence_number": self._sequence, "response": response}
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), jsontext.dumps(event))

    def end(self) -> bytes:
        return b"" if self._is_native or self._is_over else self._translated().end()

    def _translated(self) -> Encoder:
        if self._translator is None:
            self._translator = self._make()
        return self._translator

    def _look(self, event: JsonObject) -> None:
        response = event.get("response")
        self._rename(response)
        if isinstance(response, dict):
            self._response = response
        number = event.get("sequence_number")
        self._sequence = number + 1 if type(number) is int else self._sequence + 1

    def _rename(self, holder: Any) -> None:
        if isinstance(holder, dict) and "model" in holder:
            holder["model"] = self._model
