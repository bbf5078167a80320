"""Paths that Linx relays without reading them: rerank, audio, images, and what only llama.cpp has.

The model named in the body decides where a request goes, and a mapped name is replaced.
Everything else passes in both directions as it comes. The gate is the first byte of a good
answer: until then any failure falls over to the next candidate, as long as the body can be
sent once more. A JSON body always can; a form only if all of it is here, since a longer
one is never held.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import trio

from linx.core import jsontext
from linx.core.chat import ChatRequest
from linx.core.errors import (
    AttemptError,
    BadRequest,
    EmptyAnswer,
    Fallback,
    Garbled,
    NotImplementedHere,
    UnknownEndpoint,
    quote,
)
from linx.core.worker import in_thread
from linx.dialects.failures.meaning import event_failure
from linx.handlers.answers import multipart
from linx.handlers.answers.generation import STREAM_HEADERS, Generation
from linx.handlers.context import new_id
from linx.handlers.request_facts import check_charset, object_of
from linx.providers.kind import Feature
from linx.routing.attempt import MAX_ERROR_BODY, Attempt
from linx.routing.candidate import Candidate
from linx.routing.hedging import Rules
from linx.routing.race import Race
from linx.routing.router import Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from linx.core.chat import JsonObject
    from linx.core.redaction import Redactor
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.request import Reply, Request
    from linx.upstream.pool import Exchange, Pool, Sending

MAX_SEARCHED = 64 * 1024  # bytes of a form in which its model must stand
MAX_HELD = 1024 * 1024
"""Bytes of a form that are held, so that it can be sent to a second candidate."""
DIALECT = "opaque"
_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){1,6}")
_LLAMACPP = frozenset(("/infill", "/tokenize", "/detokenize"))
"""Below the root of a llama.cpp, which other kinds do not have."""
_TELLING = 64  # bytes of a text by which an error is known
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(?:;[ ]?[a-z0-9-]+=[a-z0-9.+_-]+)*", re.IGNORECASE)
_ERROR = re.compile(rb'\s*(?:event:\s*error\s+)?(?:data:\s*)?\{\s*"error"\s*:\s*[^n\s]')


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST`` to any of these paths."""
    path = inner_path(request.path)
    kind = request.header(b"content-type") or b""
    boundary = multipart.boundary_of(kind)
    if boundary is None:
        check_charset(request)
        body = await request.body()
        model = _json_model(await object_of(request), path)
        payload = Payload(body, b"application/json")
        await Relay(context, face, request, reply, path, model, payload).run()
        return
    async with aclosing(cast("AsyncGenerator[bytes, None]", request.stream_body())) as pieces:
        payload = await _form(request, boundary, pieces)
        await Relay(context, face, request, reply, path, payload.model, payload).run()


def inner_path(path: str) -> str:
    """The path without what clients put before it. Raises UnknownEndpoint for one that leads elsewhere."""
    inner = path.rstrip("/")
    for variant in ("/cursor/v1", "/api/v1", "/v1/v1", "/v1"):
        if inner.startswith(variant + "/"):
            inner = inner.removeprefix(variant)
            break
    if not _PATH.fullmatch(inner):
        raise UnknownEndpoint(f"Linx has no path {quote(path)!r}.")
    return inner


def _json_model(body: JsonObject, path: str) -> str:
    model = body.get("model")
    if model is None and path in _LLAMACPP:
        return ""
    if not isinstance(model, str) or not model:
        raise BadRequest("model: must be the name of a model", param="model")
    return model


async def _form(request: Request, boundary: bytes, pieces: AsyncIterator[bytes]) -> Payload:
    """A form as far as it must be read to know its model, or whole where it is short."""
    coding = (request.header(b"content-encoding") or b"").lower()
    is_whole = coding not in (b"", b"identity") or (request.content_length or MAX_HELD + 1) <= MAX_HELD
    rest: AsyncIterator[bytes] | None = None
    if is_whole:
        start = await request.body()
    else:
        held, look_at = bytearray(), 1024
        async for piece in pieces:
            held += piece
            if len(held) < look_at:
                continue
            look_at = 2 * len(held)  # so that many small pieces are not searched again and again
            if len(held) >= MAX_SEARCHED or multipart.find_model(bytes(held), boundary) is not None:
                rest = pieces
                break
        start = bytes(held)
    place = multipart.find_model(start[: MAX_SEARCHED + len(boundary)], boundary)
    if place is None:
        raise BadRequest(
            f"model: the form must have it within its first {MAX_SEARCHED >> 10} KiB; put the field before the files",
            param="model",
        )
    kind = b'multipart/form-data; boundary="' + boundary + b'"'
    length = request.content_length if rest is not None else None
    return Payload(start, kind, place, rest, length)


@dataclass(slots=True)
class Payload:
    """A request's body: all of it, or its beginning and where the rest comes from."""

    start: bytes
    kind: bytes
    """Its content type, made anew."""
    place: tuple[int, int] | None = None
    """Where a form's model stands in ``start``."""
    rest: AsyncIterator[bytes] | None = None
    length: int | None = None
    """Of the whole, where that is known and not all of it is here."""
    is_spent: bool = False
    """Something of the rest was taken, so it cannot be sent again."""

    @property
    def model(self) -> str:
        assert self.place is not None
        try:
            return self.start[self.place[0] : self.place[1]].decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest("model: must be UTF-8", param="model") from None

    def beginning(self, asked: str, served: str) -> bytes:
        """``start`` with the model's name there."""
        if asked == served or not asked:
            return self.start
        if self.place is None:
            body = {**jsontext.loads_strict(self.start), "model": served}
            return jsontext.dumps_in_pieces(body) if len(self.start) > jsontext.HUGE else jsontext.dumps(body)
        return self.start[: self.place[0]] + served.encode() + self.start[self.place[1] :]


class _Stream:
    """The bytes of a payload that is not all here. A class, since a generator left half-way would have to be closed."""

    def __init__(self, payload: Payload, beginning: bytes) -> None:
        self._payload = payload
        self._beginning = beginning

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        beginning, self._beginning = self._beginning, b""
        if beginning:
            return beginning
        assert self._payload.rest is not None
        self._payload.is_spent = True
        return await anext(self._payload.rest)


class Relay(Generation):
    """One relayed request, from its route to its last byte."""

    __slots__ = ("path", "payload")

    def __init__(
        self,
        context: Context,
        face: Face,
        request: Request,
        reply: Reply,
        path: str,
        model: str,
        payload: Payload,
    ) -> None:
        chat = ChatRequest(model, {"model": model}, stream=True, dialect=DIALECT)
        super().__init__(context, face, request, reply, chat)
        self.path = path
        self.payload = payload

    async def _stream(self, race: Race[Attempt]) -> None:
        attempt = await race.winner()
        assert isinstance(attempt, RelayAttempt)
        try:
            self._won(attempt)
            self.record.status = 200
            headers = self._headers()
            if attempt.is_whole:
                await self.reply.whole(200, attempt.data, attempt.kind, headers)
            else:
                await self._relay_bytes(attempt, headers)
            attempt.finish()
        except BaseException:
            attempt.close()
            raise

    async def _relay_bytes(self, attempt: RelayAttempt, headers: list[tuple[bytes, bytes]]) -> None:
        reply = self.reply
        if attempt.kind.startswith(b"text/event-stream"):
            headers = [*STREAM_HEADERS, *headers]
        reply.start(200, attempt.kind, headers)
        data = attempt.data
        while data:
            await reply.send(data)
            data = await attempt.read()
        await reply.end()

    # --- the race ---

    def _race(self) -> Race[Attempt]:
        """Without hedges: nobody knows what a second one of these would cost."""
        routing, now = self.router.routing, trio.current_time()
        rules = Rules(
            after=None,
            scope=routing.hedge.scope,
            share=0.0,
            budget=self.context.budget,
            demand=self.demand,
            first_token_timeout_s=routing.first_token_timeout_s,
        )
        return Race(self._route(now), rules, self._start)

    def _route(self, now: float) -> Route:
        if self.path not in _LLAMACPP:
            return super()._route(now)
        model = self.chat.model
        candidates = super()._route(now).candidates if model else self._first_llamacpp()
        able = tuple(one for one in candidates if Feature.OWN_PATHS in one.provider.kind.features)
        if not able:
            whose = f" of the model {quote(model)!r}" if model else ""
            raise NotImplementedHere(f"{self.path} is llama.cpp's own, and no provider{whose} is a llama.cpp.")
        return Route(model, able)

    def _first_llamacpp(self) -> Sequence[Candidate]:
        for provider in self.router.providers:
            if Feature.OWN_PATHS in provider.kind.features and (provider.local or not self.demand.local_only):
                return [Candidate(provider, next(iter(provider.models), ""))]
        return []

    def _attempt(
        self, candidate: Candidate, record: AttemptRecord, is_last: bool, chat: ChatRequest | None = None
    ) -> Attempt:
        return RelayAttempt(
            candidate,
            self.chat,
            self.context.pool,
            record,
            new_id=new_id,
            hop=self._hop,
            redactor=self.context.redactor,
            is_patient=is_last and self.payload.rest is None,
            path=self.path,
            payload=self.payload,
        )


class RelayAttempt(Attempt):
    """One try at one candidate, up to the first bytes of a good answer."""

    __slots__ = ("data", "is_whole", "kind", "path", "payload")

    def __init__(
        self,
        candidate: Candidate,
        chat: ChatRequest,
        pool: Pool,
        record: AttemptRecord,
        *,
        new_id: Callable[[], str],
        hop: bytes,
        redactor: Redactor,
        is_patient: bool,
        path: str,
        payload: Payload,
    ) -> None:
        super().__init__(
            candidate, chat, pool, record, new_id=new_id, hop=hop, redactor=redactor, is_patient=is_patient
        )
        self.path = path
        self.payload = payload
        self.data = b""
        """The first bytes of the answer."""
        self.kind = b""
        """Its content type."""
        self.is_whole = False
        """Are the first bytes all of it?"""

    async def read(self) -> bytes:
        """More of the answer, b"" at its end."""
        assert self._exchange is not None
        try:
            return await self._exchange.read()
        except AttemptError as error:
            raise self._failed(error) from None

    async def _sending(self, now: float) -> Sending:
        payload = self.payload
        asked, served = self._chat.model, self.candidate.model
        if len(payload.start) <= jsontext.LARGE:
            beginning = payload.beginning(asked, served)
        else:
            beginning = await in_thread(payload.beginning, asked, served)
        stream, length = None, payload.length
        if payload.rest is not None:
            stream = _Stream(payload, beginning)
            if length is not None:
                length += len(beginning) - len(payload.start)
        return self.candidate.provider.relayed(
            b"POST",
            self.path,
            self._hop,
            b"" if stream is not None else beginning,
            stream=stream,
            length=length,
            content_type=payload.kind,
            under_api=self.path not in _LLAMACPP,
        )

    async def _gate(self, exchange: Exchange) -> None:
        media = (exchange.header("content-type") or "").strip()
        self.kind = media.encode("ascii") if _MEDIA_TYPE.fullmatch(media) else b"application/octet-stream"
        self._wait()
        data = await exchange.read()
        is_text = self.kind.startswith((b"application/json", b"text/event-stream"))
        while is_text and data and len(data) < _TELLING and not exchange.is_whole:
            more = await exchange.read()
            if not more:
                break
            data += more
        self._go_on()
        if not data:
            raise EmptyAnswer("sent an empty answer")
        if self.kind.startswith(b"text/html"):
            raise Garbled("sent a page of HTML")
        if is_text and _ERROR.match(data):
            raise _refusal(data)
        self.data = data
        self.is_whole = exchange.is_whole

    def _failed(self, error: AttemptError) -> AttemptError:
        if self.payload.is_spent:
            error.fallback = Fallback.NO  # the body cannot be sent again
        return super()._failed(error)


def _refusal(data: bytes) -> AttemptError:
    """The error in an answer that looked like a good one."""
    text = data[data.index(b"{") : MAX_ERROR_BODY].partition(b"\n")[0]
    try:
        return event_failure(jsontext.loads(text)["error"])
    except jsontext.InvalidJSON:
        return Garbled("sent an error instead of an answer")
