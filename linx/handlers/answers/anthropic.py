"""The other endpoints that Anthropic's clients use: the length of a prompt, and whether a server is there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, BudgetReached, Refused
from linx.core.chat import ChatBody, ChatRequest, Dialect, ModelTraits, Task
from linx.core.telemetry import AttemptRecord, kept
from linx.core.worker import in_thread
from linx.dialects.anthropic.client_request import to_chat_body
from linx.dialects.shared.secrets import secret_of
from linx.dialects.shared.tokens import prompt_tokens
from linx.dialects.untranslated.provider_request import clean_messages
from linx.handlers.answers.untranslated import dialect_headers
from linx.handlers.client_credential import client_credential
from linx.handlers.prompt_search import search
from linx.handlers.records import begin_record
from linx.handlers.request_facts import is_local_only, next_hop, read_chat
from linx.providers.catalog import fetch_json
from linx.providers.http_requests import HOP_HEADER
from linx.providers.kind import Feature
from linx.routing import key_models
from linx.routing.demand import Demand, of_size
from linx.routing.router import Router
from linx.routing.unlisted import look_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.core.chat import JsonObject
    from linx.core.telemetry import RequestRecord
    from linx.dialects.base import Face
    from linx.handlers.answers.plan import FindRoute
    from linx.handlers.context import Context
    from linx.routing.candidate import Candidate
    from linx.server.reply import Reply
    from linx.server.request import Request
    from linx.upstream.pool import Pool, Sending

COUNT_TIMEOUT_S = 3.0  # after that the client gets an estimate, since it should not wait for long
_PATHS = {Dialect.ANTHROPIC: "/messages/count_tokens", Dialect.RESPONSES: "/responses/input_tokens"}
"""Where a provider counts tokens, by the dialect of the request."""


async def hello(_context: Context, _face: Face, _request: Request, reply: Reply) -> None:
    """``HEAD /api/hello``, with which Claude Code finds out whether a server answers."""
    await reply.whole(200, b"{}")


async def count_tokens(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /v1/messages/count_tokens``: exact if the provider can count, else an estimate."""
    chat = await read_chat(request, partial(_read, face))
    chat.headers = dialect_headers(request)
    count, headers = await counted(context, request, chat)
    await reply.whole(200, jsontext.dumps({"input_tokens": count}), headers=headers)


async def counted(
    context: Context, request: Request, chat: ChatRequest, route: FindRoute = Router.route, *, local_only: bool = False
) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The number of tokens in a prompt, and the headers that say who counted them.

    ``local_only``: only a local provider may be asked, also where the request does not demand it.
    """
    demand = Demand(
        of_size(prompt_tokens(chat)),
        local_only=local_only or is_local_only(request),
        key=request.key,
        credential=client_credential(context, request),
        secret=partial(secret_of, chat),
    )
    key_models.check_fields(request.key, chat.client_body)
    await search(context.router, context.telemetry, chat)
    record = begin_record(context, request, trio.current_time(), chat.model)
    await context.router.until_known(chat.model, demand)
    await look_for(context.router, chat.model, context.pool, context.redactor, demand)
    candidate = _first(context, chat, route, demand)
    if candidate is not None and not candidate.provider.speaks(chat.dialect):
        chat.headers = ()
    count = None
    headers: list[tuple[bytes, bytes]] = []
    if candidate is not None:
        counter = TokenCounter(context.pool, candidate, chat, next_hop(context, request))
        with trio.move_on_after(COUNT_TIMEOUT_S), counter.recorded_in(record):
            count = await counter.count()
        if count is not None:
            headers.append((b"x-linx-provider", candidate.provider.name.encode()))
    if count is None:
        count = prompt_tokens(chat)
    return count, headers


def _read(face: Face, body: JsonObject) -> ChatRequest:
    asked = to_chat_body(body, is_count=True)
    return ChatRequest(str(body.get("model")), asked, dialect=face.name, client_body=body)


def _first(context: Context, chat: ChatRequest, route: FindRoute, demand: Demand) -> Candidate | None:
    """The candidate that would answer this prompt; None if none may be asked now. Raises UnknownModel."""
    try:
        return route(context.router, chat.model, trio.current_time(), demand).candidates[0]
    except (Refused, BudgetReached):
        return None


class TokenCounter:
    """Counts the tokens of a prompt by asking the provider that would answer it."""

    def __init__(self, pool: Pool, candidate: Candidate, chat: ChatRequest, hop: bytes) -> None:
        self.pool = pool
        self.candidate = candidate
        self.provider, self.model = candidate.provider, candidate.model
        self.chat = chat
        self.hop = hop
        self.has_asked = False  # the prompt has been sent
        self.has_counted = False

    @contextmanager
    def recorded_in(self, record: RequestRecord) -> Iterator[None]:
        """Note in ``record`` where the prompt went, however the count ends."""
        attempt = AttemptRecord(
            self.provider.name, kept(self.model), trio.current_time(), is_local=self.provider.is_local(self.model)
        )
        try:
            yield
        finally:
            if self.has_asked:
                attempt.end("ok" if self.has_counted else "bad_response", trio.current_time())
                record.attempts = [attempt]
            if self.has_counted:
                record.provider, record.served_model = attempt.provider, attempt.model
                record.is_local = attempt.is_local

    async def count(self) -> int | None:
        """The provider's own count; None if it cannot count."""
        counts = []
        features = self.provider.kind.features
        is_anthropic = self.chat.dialect == Dialect.ANTHROPIC
        if self.provider.speaks(self.chat.dialect) or (is_anthropic and Feature.COUNTS_TOKENS in features):
            counts.append(self._by_count_tokens)
        if Feature.APPLIES_TEMPLATE in features and isinstance(self.chat.asked, ChatBody):
            counts.append(self._by_template)
        for ask in counts:
            try:
                count = await ask()
            except (AttemptError, jsontext.InvalidJSON, KeyError, TypeError):
                continue  # an older server without this path, or one whose chat template refuses this prompt
            if type(count) is int and count >= 0:
                self.has_counted = True
                return count
        return None

    async def _by_count_tokens(self) -> Any:
        def body() -> JsonObject:
            if not self.provider.speaks(self.chat.dialect):
                is_verified = Feature.VERIFIES_NOTHING not in self.provider.kind.features
                return {**clean_messages(self.chat.client_body or {}, is_verified=is_verified), "model": self.model}
            asked = self.provider.request(self.chat).body(self.chat, self.model, ModelTraits())
            return {key: value for key, value in asked.items() if key != "stream"}

        return (await self._post(_PATHS[self.chat.dialect], body, under_api=True))["input_tokens"]

    async def _by_template(self) -> int:
        """For a llama.cpp without that path: let it apply its chat template, and count the tokens of the result."""
        traits = self.provider.traits(self.chat, self.model, trio.current_time())
        body = partial(self.provider.kind.request(Task.CHAT).body, self.chat, self.model, traits)
        prompt = (await self._post("/apply-template", body))["prompt"]
        cut = {"content": prompt, "add_special": True, "parse_special": True}
        return len((await self._post("/tokenize", lambda: cut))["tokens"])

    async def _post(self, path: str, body: Callable[[], JsonObject], *, under_api: bool = False) -> Any:
        def write() -> Sending:
            return self.provider.http.post(path, body(), under_api=under_api)

        sending = write() if self.chat.facts.size <= jsontext.LARGE else await in_thread(write)
        headers = {**dict(sending.headers), HOP_HEADER: self.hop, **dict(self.chat.headers)}
        permit = await self.candidate.permit(self.pool)
        self.has_asked = True
        return await fetch_json(permit, self.pool, replace(sending, headers=tuple(headers.items())))
