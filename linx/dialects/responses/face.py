"""The face of OpenAI's Responses dialect.

It keeps no state between requests. Where an answer has a place in a conversation, or is to be kept, its handler makes a
face for this one answer, with that place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Answer, ChatRequest, Dialect, JsonObject, Stamp
from linx.dialects.responses.client_request import to_chat_body
from linx.dialects.responses.encoder import ResponsesWriter
from linx.dialects.responses.response import ALONE, Place, whole_response
from linx.dialects.shared import chat_body, fields
from linx.dialects.shared.block_encoder import BlockEncoder

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class ResponsesFace:
    """See ``base.Face``."""

    name = Dialect.RESPONSES
    stream_type = b"text/event-stream"
    is_failure_torn = False

    def __init__(self, place: Place = ALONE) -> None:
        self._place = place

    def parse(self, body: JsonObject) -> ChatRequest:
        chat = to_chat_body(body)
        return ChatRequest(
            model=chat["model"],
            asked=chat,
            stream=bool(fields.flag(body, "stream")),
            include_usage=True,
            dialect=self.name,
            client_body=body,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> BlockEncoder:
        return BlockEncoder(ResponsesWriter(chat, stamp, self._place), chat_body.used_ids(chat.chat_body))

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        return whole_response(chat, answer, stamp, self._place)

    def error_body(self, problem: LinxError, _request_id: str) -> JsonObject:
        return problem.openai_object()

    def status_of(self, problem: LinxError) -> int:
        return problem.status
