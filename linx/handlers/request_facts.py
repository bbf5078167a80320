"""Reads a request before any provider is asked: its body, its hops, its conversation, whether it must stay local."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from linx.core import jsontext, known_tools, worker
from linx.core.chat import ChatBody, ChatRequest, TextCompletion
from linx.core.errors import BadRequest, BodyTooLarge, LoopDetected, UnsupportedEncoding
from linx.dialects.shared.tokens import prompt_tokens
from linx.providers.http_requests import HOP_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linx.core.chat import JsonObject
    from linx.handlers.context import Context
    from linx.server.request import Request

Parsed = TypeVar("Parsed", bound=ChatRequest | tuple[ChatRequest, Any])

SESSION_HEADERS = (
    b"x-claude-code-session-id",
    b"x-claude-session-id",
    b"session_id",
    b"session-id",
    b"x-opencode-session",
    b"x-session-id",
    b"x-amp-thread-id",
    b"x-openwebui-chat-id",
    b"x-litellm-session-id",
)
_CHARSET = re.compile(rb";[ \t]*charset[ \t]*=[ \t]*\"?([^\";, \t]+)", re.IGNORECASE)
_HOP = re.compile(rb"[A-Za-z0-9._-]{1,64}")
MAX_NAME = 512  # characters of a model's name
MAX_HOPS = 32  # names of earlier Linx processes that are kept in the hop header
SESSION_FIELDS = ("conversation_id", "session_id", "prompt_cache_key")
_NAMING_HEADERS, _NAMING_FIELDS = frozenset(SESSION_HEADERS), frozenset((*SESSION_FIELDS, "metadata"))
"""One of these is there where a request names its conversation; most requests have none."""


def check_charset(request: Request) -> None:
    """Refuse a body that is declared in another encoding than UTF-8, before it is read."""
    match = _CHARSET.search(request.header(b"content-type") or b"")
    if match is not None and match[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise UnsupportedEncoding("The body must be JSON in UTF-8.")


def read_object(body: bytes) -> JsonObject:
    """The JSON object in a request body. Raises BadRequest or BodyTooLarge."""
    if not body.strip():
        raise BadRequest("The request has no body; it must be a JSON object.", code="invalid_json")
    try:
        value = known_tools.loads(body)
    except jsontext.TooManyValues as error:
        raise BodyTooLarge(f"The body is larger than Linx can read: {error}.") from None
    except jsontext.InvalidJSON as error:
        raise BadRequest(f"The body is not valid JSON: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    return value


async def read_chat(request: Request, parse: Callable[[JsonObject], Parsed], *, is_large: bool = False) -> Parsed:
    """Read the body with ``parse``, which returns a ChatRequest, or a tuple that begins with a ChatRequest.

    A large body, or one that refers to much text (``is_large``), is parsed in a thread, and all
    facts about it are computed there too. A small body is parsed in the event loop.
    """
    check_charset(request)
    if request.named_model:
        parse = partial(_parse_named, request.named_model, parse)
    body = await request.body()
    if is_large or len(body) > jsontext.LARGE:
        return await worker.in_thread(_read_large, body, parse)
    return _read(body, parse)


def _parse_named(model: str, parse: Callable[[JsonObject], Parsed], body: JsonObject) -> Parsed:
    """For a path that names the model, as Azure's does: the body need not, and the path counts before it."""
    return parse({**body, "model": model})


def _read(body: bytes, parse: Callable[[JsonObject], Parsed]) -> Parsed:
    parsed = parse(read_object(body))
    chat = _chat_in(parsed)
    check_name(chat.model)
    chat.facts.size = len(body)
    return parsed


def check_name(model: str) -> None:
    """Raise BadRequest for a name that is longer than any model's: names are kept in many places."""
    if len(model) > MAX_NAME:
        raise BadRequest(f"model: a name has at most {MAX_NAME} characters", param="model")


def _read_large(body: bytes, parse: Callable[[JsonObject], Parsed]) -> Parsed:
    parsed = _read(body, parse)
    chat = _chat_in(parsed)
    prompt_tokens(chat)
    opening(chat)
    return parsed


def _chat_in(parsed: ChatRequest | tuple[ChatRequest, Any]) -> ChatRequest:
    return parsed[0] if isinstance(parsed, tuple) else parsed


async def object_of(request: Request) -> JsonObject:
    """The request's body, which must be a JSON object. Raises BadRequest or BodyTooLarge."""
    body = await request.body()
    return read_object(body) if len(body) <= jsontext.LARGE else await worker.in_thread(read_object, body)


def is_local_only(request: Request) -> bool:
    """Does the client's key, or the header ``x-linx-local-only``, demand a local provider?

    An unknown value of the header counts as yes.
    """
    if request.key.local_only:
        return True
    values = request.header_values(b"x-linx-local-only")
    return bool(values) and any(value.strip().lower() not in (b"", b"false", b"0") for value in values)


def next_hop(context: Context, request: Request) -> bytes:
    """The hop header for requests to providers. Raises LoopDetected if this Linx is already in it.

    This is the only header of a client that is passed on. Parts of it that no Linx writes are
    dropped, since with them a client could make the request to the provider invalid.
    """
    values = request.header_values(HOP_HEADER)
    if not values:
        return context.instance
    given = b",".join(values)
    hops = b", ".join([hop for part in given.split(b",") if _HOP.fullmatch(hop := part.strip())][-MAX_HOPS:])
    if context.instance in hops.split(b", "):
        raise LoopDetected(
            "This request came back to the Linx that sent it: the endpoint of a provider leads to Linx itself. "
            "Set that endpoint to the real server in config.json."
        )
    return hops + b", " + context.instance if hops else context.instance


def conversation_of(request: Request, chat: ChatRequest) -> str | None:
    """A key that stays the same over the turns of one conversation; None if the conversation cannot be recognised."""
    return _named_conversation(request, chat) or opening(chat) or None


def _named_conversation(request: Request, chat: ChatRequest) -> str | None:
    if request.has_any(_NAMING_HEADERS):
        for name in SESSION_HEADERS:
            header = request.header(name)
            if header:
                return _digest(header)
    body: JsonObject = chat.client_body or (chat.asked if isinstance(chat.asked, ChatBody) else {})
    if _NAMING_FIELDS.isdisjoint(body):
        return None
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    for value in (*map(body.get, SESSION_FIELDS), user):
        if isinstance(value, str) and value:
            return _digest(value.encode("utf-8", "replace"))
    return None


def opening(chat: ChatRequest) -> str:
    """A digest of the messages up to the user's first one; empty if there is none. Computed once for a request."""
    facts = chat.facts
    if facts.opening is None:
        facts.opening = _opening(chat, jsontext.dumps_in_pieces if facts.size > jsontext.HUGE else jsontext.dumps)
    return facts.opening


def _messages(chat: ChatRequest) -> Iterable[JsonObject]:
    asked = chat.asked
    if isinstance(asked, ChatBody):
        messages: list[JsonObject] = asked.get("messages", [])
        return messages
    prompts = asked.prompts if isinstance(asked, TextCompletion) else ()
    return ({"role": "user", "content": prompt} for prompt in prompts if isinstance(prompt, str))


def _opening(chat: ChatRequest, write: Callable[[Any], bytes]) -> str:
    messages = []
    for message in _messages(chat):
        messages.append(write([message.get("role"), message.get("content")]))
        if message.get("role") == "user":
            return _digest(*messages)
    return ""


def _digest(*parts: bytes) -> str:
    """A short digest, since the router keeps thousands of them."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
