"""The Anthropic Messages dialect, toward clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Answer, ChatRequest, Dialect, JsonObject, Stamp
from linx.dialects.anthropic import client_request, errors
from linx.dialects.anthropic.encoder import AnthropicWriter
from linx.dialects.anthropic.message import whole_message
from linx.dialects.shared import chat_body, fields
from linx.dialects.shared.block_encoder import BlockEncoder

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class AnthropicFace:
    """See ``base.Face``."""

    name = Dialect.ANTHROPIC
    stream_type = b"text/event-stream"
    is_failure_torn = False

    def parse(self, body: JsonObject) -> ChatRequest:
        chat = client_request.to_chat_body(body)
        return ChatRequest(
            model=chat["model"],
            asked=chat,
            stream=bool(fields.flag(body, "stream")),
            include_usage=True,
            dialect=self.name,
            client_body=body,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> BlockEncoder:
        return BlockEncoder(AnthropicWriter(chat, stamp), chat_body.used_ids(chat.chat_body))

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        return whole_message(chat, answer, stamp)

    def error_body(self, problem: LinxError, request_id: str) -> JsonObject:
        return {"type": "error", "error": errors.error_object(problem), "request_id": request_id}

    def status_of(self, problem: LinxError) -> int:
        """The HTTP status of a failure: an overload and a prompt that is too long have this dialect's own."""
        return errors.status_of(problem)
