"""Fields that tell who asks: which of them leave the house, and in which form.

Rule: a field that a client's program adds by itself, to know its own user again, stays here. A field that a client
of OpenAI's dialect has set for a provider of that dialect goes on, but only as an opaque id that every provider
takes: an e-mail address, an account of Google's or a whole JSON object becomes a digest, which stays the same.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

OF_PROGRAMS = frozenset(
    (
        # Codex: installation, session, window and turn (codex-rs, core/src/client.rs).
        "client_metadata",
        # Of gateways in front of Linx.
        *("litellm_metadata", "litellm_session_id", "litellm_trace_id"),
    )
)
"""Fields of a body that no provider gets."""
MAX_ID = 64
"""Characters. OpenAI refuses a longer user, safety_identifier and prompt_cache_key (bifrost#1000, llmgateway#3110);
OpenRouter takes 128 of user (claude-code-provider-proxy#11), Zhipu and Doubao too (axonhub#1669)."""
_IDS = ("user", "safety_identifier", "prompt_cache_key", "session_id")
_OF_CURSOR = ("cursorConversationId", "cursorRequestId")
_OF_CLAUDE_CODE = ("user_id",)  # 150 characters of a device, an account and a session (axonhub#1669)
# Neither "@", as in an address, nor "|", as in Cursor's google-oauth2|user_01HZX, nor a brace.
_OPAQUE = re.compile(rf"[A-Za-z0-9_.:-]{{1,{MAX_ID}}}")


def hide_identity(body: JsonObject) -> None:
    """Change the fields of ``body`` that tell who asks; ``body`` is new, and its values are shared."""
    for name in _IDS:
        value = body.get(name)
        if isinstance(value, str) and _OPAQUE.fullmatch(value) is None:
            if value:
                body[name] = blake2b(value.encode("utf-8", "replace"), digest_size=16).hexdigest()
            else:
                del body[name]
    _without_labels(body, _OF_CURSOR)


def hide_user_of_messages(body: JsonObject) -> None:
    """The same for a Messages body, whose ``metadata`` has no other field today; null is none at all."""
    if not isinstance(body.get("metadata"), dict):
        body.pop("metadata", None)
    _without_labels(body, _OF_CLAUDE_CODE)


def _without_labels(body: JsonObject, names: tuple[str, ...]) -> None:
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and not metadata.keys().isdisjoint(names):
        kept = {name: value for name, value in metadata.items() if name not in names}
        if kept:
            body["metadata"] = kept
        else:
            del body["metadata"]
