"""The face of OpenAI's old completions. Editors still use it to complete a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Dialect
from linx.dialects.completions import client_request
from linx.dialects.completions.encoder import CompletionsEncoder, whole_answer

if TYPE_CHECKING:
    from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
    from linx.core.errors import LinxError


class CompletionsFace:
    """See ``base.Face``."""

    name = Dialect.COMPLETIONS
    stream_type = b"text/event-stream"
    is_failure_torn = False

    def parse(self, body: JsonObject) -> ChatRequest:
        return client_request.parse(body)

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> CompletionsEncoder:
        return CompletionsEncoder(chat, stamp)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        return whole_answer(chat, answer, stamp)

    def error_body(self, problem: LinxError, _request_id: str) -> JsonObject:
        return problem.openai_object()

    def status_of(self, problem: LinxError) -> int:
        return problem.status
