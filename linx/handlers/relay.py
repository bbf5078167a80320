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
from typing import TYPE_CHECKING

import trio

from linx import jsontext
from linx.chat import ChatRequest
from linx.dialects import multipart
from linx.dialects.failures import event_failure
from linx.errors import AttemptError, BadRequest, Fallback, Garbled, UnknownEndpoint, UnknownModel, quote
from linx.handlers.context import new_id
from linx.handlers.generation import STREAM_HEADERS, Generation, check_charset, read_object
from linx.routing.attempt import MAX_ERROR_BODY, Attempt
from linx.routing.race import Race, Rules
from linx.routing.router import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.chat import Chunk, JsonObject
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.redaction import Redactor
    from linx.routing.provider import Candidate
    from linx.server.request import Reply, Request
    from linx.telemetry import AttemptRecord
    from linx.upstream.pool import Exchange, Pool, Sending

MAX_SEARCHED = 64 * 1024  # bytes of a form in which its model must stand
MAX_HELD = 1024 * 1024
"""Bytes of a form that are held, so that it can be sent to a second candidate."""
DIALECT = "opaque"
_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){1,6}")
_LLAMACPP = frozenset(("/infill", "/tokenize", "/detokenize"))
"""Below the root of a llama.cpp, which other kinds do not have."""
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
        model = _json_model(read_object(body), path)
        payload = Payload(body, b"application/json")
        await Relay(context, face, request, reply, path, model, payload).run()
        return
    async with aclosing(request.stream_body()) as pieces:
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
        held = bytearray()
        async for piece in pieces:
            held += piece
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
            return jsontext.dumps({**jsontext.loads_strict(self.start), "model": served})
        return self.start[: self.place[0]] + served.encode() + self.start[self.place[1] :]

    async def stream(self, beginning: bytes) -> AsyncIterator[bytes]:
        yield beginning
        self.is_spent = True
        assert self.rest is not None
        async for piece in self.rest:
            yield piece


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

    async def _stream(self) -> None:
        attempt = await self.race.winner()
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
        if self.chat.model:
            found = super()._route(now)
        else:
            found = Route("", self.router.of_kind("llamacpp", self.demand)[:1])
        able = tuple(one for one in found.candidates if one.provider.kind == "llamacpp")
        if not able:
            raise UnknownModel(f"{self.path} is llama.cpp's own, and no llama.cpp has the model.", self.chat.model)
        return Route(found.model, able)

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
