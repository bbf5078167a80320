"""The OpenAI Responses dialect, toward clients; stateless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Answer, ChatRequest, JsonObject, Stamp
from linx.dialects.responses import client_request as responses_request
from linx.dialects.responses import encoder as responses_stream
from linx.dialects.shared import fields

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class ResponsesFace:
    name = "responses"
    stream_type = b"text/event-stream"

    def parse(self, body: JsonObject) -> ChatRequest:
        hub_body = responses_request.chat_body(body)
        return ChatRequest(
            model=hub_body["model"],
            body=hub_body,
            stream=bool(fields.flag(body, "stream")),
            include_usage=True,
            dialect=self.name,
            native=body,
        )

    def chat_body(self, body: JsonObject) -> JsonObject:
        """A chat body of a Responses-shaped one, as Cursor posts it to the chat path."""
        return responses_request.chat_body(body)

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> responses_stream.ResponsesEncoder:
        return responses_stream.ResponsesEncoder(chat, stamp)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        return responses_stream.whole(chat, answer, stamp)

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return problem.openai_object()

    def status_of(self, problem: LinxError) -> int:
        return problem.status
