"""``POST /v1/responses``: replaces references to earlier answers, and keeps the answer for later requests.

A request may name an answer that it continues (``previous_response_id``), or items of earlier answers
(``item_reference``). What Linx keeps for the client's key is put in their place, so every provider can answer, and no
provider is told an id of Linx's. An id that Linx does not keep is the provider's own or stands for nothing. It stays as
it is, so only a provider that speaks Responses itself (``native``) can be asked; if there is none, the client is told
that there is no such answer.

A text that had to stay on local providers (``x-linx-local-only``, ``routing.local_only``) stays there also in a later
request that refers to it, whatever that request says: the client does not send the text again, Linx does.

Linx keeps the answers that it has written itself. What a native provider answers is kept by that provider, under
its own id.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import trio

from linx.access import presented_key
from linx.core import jsontext
from linx.core.errors import BadRequest, quote
from linx.dialects.responses import stored as items
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.responses.response import Place
from linx.dialects.untranslated.face import UntranslatedFace
from linx.handlers.answers.generation import Generation
from linx.handlers.answers.plan import chat_plan
from linx.handlers.answers.untranslated import read_either, untranslated_route
from linx.handlers.request_facts import read_chat
from linx.handlers.response_store import StoredResponse

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest, JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.handlers.response_store import ResponseStore
    from linx.server.reply import Reply
    from linx.server.request import Request


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """Answer a request of the Responses API, translated or not."""
    is_native = any(provider.speaks(face.name) for provider in context.router.providers)
    owner = context.responses.owner(presented_key(request, request.path_key))
    references, chat, problem = await read_request(context, face, request, owner, is_native=is_native)
    plan = chat_plan(context.router, request, chat)
    if references.is_private:
        plan = msgspec.structs.replace(plan, demand=msgspec.structs.replace(plan.demand, local_only=True))
    if problem is not None:
        plan = msgspec.structs.replace(plan, route=partial(untranslated_route, face.name, problem))
    keep = None
    if (chat.client_body or {}).get("store") is not False:
        local_only = plan.demand.local_only or context.router.is_private(chat.model)
        wanted = StoredResponse("", owner, await request.body(), b"", references.previous, 0.0, local_only)
        keep = partial(_keep, context.responses, wanted)
    placed: Face = ResponsesFace(Place(references.previous, keep))
    shown = UntranslatedFace(placed) if is_native else placed
    await Generation(context, shown, request, reply, chat, plan).run()


async def read_request(
    context: Context, face: Face, request: Request, owner: bytes, *, is_native: bool
) -> tuple[References, ChatRequest, BadRequest | None]:
    """The request with its references replaced; and why it cannot be translated, or None if it can.

    Raises that reason where no provider is asked untranslated.
    """
    now, held = trio.current_time(), 0

    def read(most: float, body: JsonObject) -> tuple[ChatRequest, tuple[References, BadRequest | None]]:
        references = References(context.responses, owner, now, most)
        body = references.replaced(body)
        chat, problem = read_either(face, body) if is_native else (face.parse(body), None)
        return chat, (references, problem)

    try:
        chat, (references, problem) = await read_chat(request, partial(read, jsontext.LARGE))
    except LongHistory as history:
        held = history.size
        request.hold(held)
        chat, (references, problem) = await read_chat(request, partial(read, math.inf), is_large=True)
    if references.size > held:
        request.hold(references.size - held)
    chat.facts.size += references.size
    context.responses.use(references.used.values(), now)
    return references, chat, problem


class LongHistory(Exception):
    """A request refers to so much text that it must be read in a thread."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class References:
    """What one request refers to. Raises LongHistory before it parses more than ``most`` bytes of kept answers."""

    def __init__(self, store: ResponseStore, owner: bytes, now: float, most: float) -> None:
        self.size = 0
        """Bytes of the kept answers that are needed."""
        self.used: dict[str, StoredResponse] = {}
        """The kept answers that are needed, by their ids; of a conversation the newest first."""
        self.previous: str | None = None
        """The id of the kept answer that the request continues."""
        self._store, self._owner, self._now, self._most = store, owner, now, most
        self._items: dict[str, list[JsonObject]] = {}  # of a kept answer, by its id
        self._referred: set[str] = set()

    @property
    def is_private(self) -> bool:
        """Is there a text among them that had to stay on local providers?"""
        return any(stored.local_only for stored in self.used.values())

    def replaced(self, body: JsonObject) -> JsonObject:
        """``body`` with the text in place of each reference that is kept; the body itself if there is none."""
        if not items.refers(body):
            return body
        body = {**body}
        history: list[JsonObject] = []
        previous = body.get("previous_response_id")
        chain = self._store.chain(self._owner, previous, self._now) if isinstance(previous, str) else None
        if chain is not None:
            self.previous = body.pop("previous_response_id")
            for stored in chain:
                self._need(stored)
            for stored in reversed(chain):
                history += self._items_of(stored)
        if chain is not None or isinstance(body.get("input"), list):
            body["input"] = [self._resolved(item) for item in history + items.items_of(body)]
        return body

    def _resolved(self, item: JsonObject) -> JsonObject:
        """The item that ``item`` refers to, if it is kept; else ``item`` itself. Raises BadRequest."""
        item_id = items.reference_in(item)
        if item_id is None:
            return item
        if item_id in self._referred:
            # OpenAI's words. Without this bound a small body could stand for any number of bytes.
            raise BadRequest(
                f"Duplicate item found with id {quote(item_id)}. Remove duplicate items from your input and try again.",
                param="input",
            )
        self._referred.add(item_id)
        response_id = items.response_of(item_id)
        stored = self._store.get(self._owner, response_id, self._now) if response_id is not None else None
        if stored is None:
            return item
        self._need(stored)
        return next((kept for kept in self._items_of(stored) if kept.get("id") == item_id), item)

    def _need(self, stored: StoredResponse) -> None:
        if stored.id not in self.used:
            self.used[stored.id] = stored
            self.size += stored.size

    def _items_of(self, stored: StoredResponse) -> list[JsonObject]:
        known = self._items.get(stored.id)
        if known is None:
            if self.size > self._most:
                raise LongHistory(self.size)
            request, response = jsontext.loads(stored.request), jsontext.loads(stored.response)
            known = self._items[stored.id] = items.input_items(request, stored.id) + response["output"]
        return known


def _keep(store: ResponseStore, wanted: StoredResponse, response_id: str, response: bytes) -> None:
    """Keep the answer that ``wanted`` has waited for."""
    now = trio.current_time()
    store.put(msgspec.structs.replace(wanted, id=response_id, response=response, used_at=now))
