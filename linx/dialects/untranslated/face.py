"""The face of a dialect if a provider may answer in the same dialect.

It wraps the dialect's usual face, which translates, and uses it for everything that is not passed on unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.untranslated.decoder import ANTHROPIC, RESPONSES
from linx.dialects.untranslated.encoder import MessagesEvents, ResponsesEvents, UntranslatedEncoder
from linx.dialects.untranslated.fold import whole_message, whole_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
    from linx.core.errors import LinxError
    from linx.dialects.base import Encoder, Face
    from linx.dialects.untranslated.encoder import Events

_EVENTS: Mapping[str, Callable[[str, Callable[[LinxError], JsonObject]], Events]] = {
    ANTHROPIC: MessagesEvents,
    RESPONSES: ResponsesEvents,
}
_FOLDS = {ANTHROPIC: whole_message, RESPONSES: whole_response}


class UntranslatedFace:
    """See ``base.Face``."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self.name = face.name
        self.stream_type = face.stream_type
        self.is_failure_torn = face.is_failure_torn

    def parse(self, body: JsonObject) -> ChatRequest:
        return self._face.parse(body)

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> UntranslatedEncoder:
        def translator() -> Encoder:
            return self._face.encoder(chat, stamp)

        def error_object(problem: LinxError) -> JsonObject:
            error: JsonObject = self._face.error_body(problem, stamp.id)["error"]
            return error

        return UntranslatedEncoder(chat, translator, _EVENTS[self.name](chat.model, error_object))

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        if answer.dialect != self.name:
            return self._face.whole(chat, answer, stamp)
        return {**_FOLDS[self.name](answer.sources), "model": chat.model}

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return self._face.error_body(problem, request_id)

    def status_of(self, problem: LinxError) -> int:
        return self._face.status_of(problem)
