"""The Anthropic Messages dialect, toward clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
from linx.dialects.anthropic import client_request as anthropic_request
from linx.dialects.anthropic import encoder as anthropic_stream
from linx.dialects.anthropic import errors as anthropic_errors
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class AnthropicFace:
    name = "anthropic"
    stream_type = b"text/event-stream"

    def parse(self, body: JsonObject) -> ChatRequest:
        hub_body = anthropic_request.hub_body(body)
        return ChatRequest(
            model=hub_body["model"],
            body=hub_body,
            stream=bool(fields.flag(body, "stream")),
            include_usage=True,
            dialect=self.name,
            native=body,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> anthropic_stream.AnthropicEncoder:
        return anthropic_stream.AnthropicEncoder(chat, stamp)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        return anthropic_stream.whole(chat, answer, stamp)

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return {"type": "error", "error": anthropic_errors.error_object(problem), "request_id": request_id}

    def status_of(self, problem: LinxError) -> int:
        """The HTTP status of a failure, which is not everywhere the one of the other faces."""
        return anthropic_errors.status_of(problem)

    def estimate_tokens(self, body: JsonObject) -> int:
        """The answer of count_tokens where no provider can count; raises BadRequest."""
        return anthropic_request.estimate_tokens(body)
