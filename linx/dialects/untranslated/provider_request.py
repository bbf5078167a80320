"""The client's own body for a provider that speaks the client's dialect: Messages or Responses.

The body is passed on as it came, except that it always asks for a stream and that the model's
name is replaced. What Linx has put into the history when it translated an answer is taken out,
since only Linx can read it. So is the line that Claude Code changes with each request, since
it would make every prompt cache useless.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.openai.provider_request import without_destinations
from linx.dialects.shared import opaque_reasoning
from linx.dialects.shared.identity import hide_user_of_messages

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject, ModelTraits

_BILLING = "x-anthropic-billing-header"
_OWN_ID = re.compile(r"rs_[0-9a-f]{32}_[0-9]+")
"""The ids of reasoning items in Linx's own answers."""


def messages_body(chat: ChatRequest, model: str, _traits: ModelTraits) -> JsonObject:
    """The body for a provider's own /messages."""
    return {**clean_messages(chat.client_body or {}), "model": model, "stream": True}


def messages_body_with_thoughts(chat: ChatRequest, model: str, _traits: ModelTraits) -> JsonObject:
    """The same for a provider that verifies no signatures: its model gets its thoughts back."""
    return {**clean_messages(chat.client_body or {}, is_verified=False), "model": model, "stream": True}


def clean_messages(body: JsonObject, *, is_verified: bool = True) -> JsonObject:
    """A Messages body without what Linx has put into it; also used for counting its tokens.

    ``is_verified``: does the provider verify the signatures of thoughts?
    """
    clean = without_destinations(body)
    hide_user_of_messages(clean)
    if clean.get("system") is not None:
        clean["system"] = _system(clean["system"])
        if not clean["system"]:
            del clean["system"]
    if "messages" in clean:
        drop = opaque_reasoning.without_own_thoughts if is_verified else opaque_reasoning.without_packed_thoughts
        clean["messages"] = drop(clean["messages"])
    return clean


def responses_body(chat: ChatRequest, model: str, _traits: ModelTraits) -> JsonObject:
    """The body for a provider's own /responses."""
    body = {**without_destinations(chat.client_body or {}), "model": model, "stream": True}
    items = body.get("input")
    if isinstance(items, list):
        body["input"] = [item for item in items if not _is_own_reasoning(item)]
    return body


def _system(system: Any) -> Any:
    if isinstance(system, str):
        return _without_billing(system)
    if not isinstance(system, list):
        return system
    kept = []
    for block in system:
        text = block.get("text") if isinstance(block, dict) else None
        if isinstance(text, str) and text.startswith(_BILLING):
            block = {**block, "text": _without_billing(text)}
            if not block["text"]:
                continue
        kept.append(block)
    return kept


def _without_billing(text: str) -> str:
    return text.partition("\n")[2].lstrip("\n") if text.startswith(_BILLING) else text


def _is_own_reasoning(item: Any) -> bool:
    """Is the item reasoning that Linx itself has packed or numbered?

    OpenAI looks up a reasoning item without ``encrypted_content`` by its id: "Item with id 'rs_…' not found".
    """
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    packed, item_id = item.get("encrypted_content"), item.get("id")
    if isinstance(packed, str):
        return bool(opaque_reasoning.unpack(packed))
    return isinstance(item_id, str) and _OWN_ID.fullmatch(item_id) is not None
