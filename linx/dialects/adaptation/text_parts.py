"""Contents that are lists of texts, at servers that take one text only. A picture among them stays where it is.

The texts are joined by a line break, as llama.cpp (common/chat.cpp) and vLLM (chat_utils.py) join them for templates
that take one text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.tools import map_field, map_list

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_WANTS_TEXT = re.compile(
    r"content\W*(?: value)? must be a string|content\W*: (?:input should be a valid string|str type expected)"
    r"|messages\[\d+\]: invalid type: sequence, expected a string|can only concatenate str \(not .list.\) to str"
)


def _refuses_parts(refusal: Refused, _body: JsonObject) -> str | None:
    return "" if _WANTS_TEXT.search(refusal.words) else None


def _as_text(body: JsonObject, _detail: str) -> JsonObject:
    return map_field(body, "messages", lambda messages: map_list(messages, _in_message))


def _in_message(message: Any) -> Any:
    return map_field(message, "content", _joined) if isinstance(message, dict) else message


def _joined(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    known = [text for text in texts if isinstance(text, str)]
    return "\n".join(known) if len(known) == len(content) else content


TEXT_PARTS = Row(
    name="text_parts",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refuses_parts,
    change=_as_text,
)
