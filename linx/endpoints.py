"""Answers each request by the handler of its path; the only place where a LinxError becomes an answer.

An error that a handler raises is answered here. The server gets ``error_answer`` for the
errors that it must answer itself: a head that cannot be read, a request that was stopped.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import trio

from linx.core import jsontext
from linx.core.errors import (
    Conflict,
    Forbidden,
    HangUp,
    LinxError,
    MethodNotAllowed,
    TooManyWrongKeys,
    Unauthorized,
    UnknownEndpoint,
    is_out_of_memory,
    out_of_memory,
    quote,
    word_of,
)
from linx.core.telemetry import NOBODY, RequestRecord, kept
from linx.handlers.records import begin_record
from linx.paths import LOCAL_PATHS, Endpoint, Resolved, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.access import Access
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

USUAL_ID_HEADERS = (b"x-request-id",)
ID_HEADERS: Mapping[str, tuple[bytes, ...]] = {"anthropic": (*USUAL_ID_HEADERS, b"request-id")}
"""The names of the headers with the request's id, for each dialect that has others than USUAL_ID_HEADERS."""
_AUTHORITY = re.compile(rb"^http://[^/?]*", re.IGNORECASE)

log = logging.getLogger("linx.endpoints")


class Endpoints:
    """The server's handler for one listener."""

    def __init__(self, context: Context, access: Access, faces: Callable[[], Mapping[str, Face]]) -> None:
        self.context = context
        self.access = access
        self.faces = faces

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request; a LinxError of the handler becomes an answer. Only a bug or a hang-up raises."""
        watchdog = self.context.watchdog
        if not watchdog.is_stirred:
            watchdog.stir()
        target = resolve(request.path, is_anthropic=request.header(b"anthropic-version") is not None)
        face = self._face(target.face)
        request.face = target.face
        problem: LinxError
        try:
            await self._answer(request, reply, target, face)
        except LinxError as error:
            problem = error
        except BaseException as error:
            if not is_out_of_memory(error):
                self._note_cut(request, target, error)
                raise
            # The frames of the handler, and with them the request's memory, are free when the answer is written.
            problem = out_of_memory()
        else:
            if request.record is not None and request.record.ended is None:
                self._note(request.record, "done", reply.status)
            return
        try:
            self._note_refused(request, target, face, problem)
            await self._refuse(request, reply, self._shown_path(target), face, problem)
        finally:
            del problem  # its traceback refers to this frame

    async def _answer(self, request: Request, reply: Reply, target: Resolved, face: Face) -> None:
        path, endpoint = target.path, target.endpoint
        reply.common = _id_headers(face, request.id)
        is_management = endpoint is not None and endpoint.is_management
        reply.common += self.access.check(
            request,
            target.key,
            is_open=endpoint is not None and endpoint.is_open,
            is_management=is_management,
            now=trio.current_time(),
        )
        if self.access.policy.model_paths_only and (is_management or path in LOCAL_PATHS):
            raise Forbidden("This path is not served through the tunnel.")
        if is_management and request.key.is_limited:
            raise Forbidden(
                f"The key {request.key.name} has limits, so it may ask models and may not manage Linx, nor see what "
                "others ask. A key without limits may."
            )
        if endpoint is None:
            if request.method == "OPTIONS" and path == "*":
                await reply.whole(204, b"", headers=((b"allow", b"GET, HEAD, POST, OPTIONS"),))
                return
            raise UnknownEndpoint(
                f"Linx has no path {quote(self._shown_path(target))!r}. GET /v1/models lists the models to ask for."
            )
        handle = endpoint.handler_for(request.method)
        if handle is None:
            if request.method == "OPTIONS":
                await reply.whole(204, b"", headers=((b"allow", endpoint.allowed.encode()),))
                return
            raise MethodNotAllowed(
                f"{quote(request.method)} is not for {quote(path)}; it takes {endpoint.allowed}.", endpoint.allowed
            )
        self._count_for_key(request, endpoint)
        request.path, request.path_key, request.named_model = path, target.key, target.model
        await handle(self.context, face, request, reply)
        if request.replay_of is not None:
            await self._answer_again(request, reply)

    async def _answer_again(self, request: Request, reply: Reply) -> None:
        """Answer a request that stands for an earlier one by now, in the dialect of that one."""
        target = resolve(request.path, is_anthropic=request.header(b"anthropic-version") is not None)
        endpoint, face = target.endpoint, self._face(target.face)
        handle = None if endpoint is None else endpoint.handler_for(request.method)
        if endpoint is None or handle is None:
            raise Conflict("Linx no longer has the path of this request.")
        request.face = target.face
        reply.common = _id_headers(face, request.id)
        try:
            self._count_for_key(request, endpoint)
            await handle(self.context, face, request, reply)
        except LinxError as error:
            self._note_refused(request, target, face, error)
            await self._refuse(request, reply, self._shown_path(target), face, error)

    def _count_for_key(self, request: Request, endpoint: Endpoint) -> None:
        """Raises an error if the key has asked too often."""
        most = request.key.requests_per_minute
        if most is not None and endpoint.is_model_path and request.method == "POST":
            self.context.key_uses.count(request.key, most, trio.current_time())

    async def _refuse(self, request: Request, reply: Reply, path: str, face: Face, error: LinxError) -> None:
        """Send an error in the client's dialect: as the answer, or as a frame if the answer has begun.

        ``path`` is the path as it may be shown.
        """
        # The line of the request says that it failed and why, in a word. A log without these lines says it here.
        level = logging.WARNING if error.status >= 500 and not self.context.feed.is_logged else logging.DEBUG
        log.log(level, "%s %s: %s", request.method, quote(path), error.for_log)
        if not reply.is_started:
            body = jsontext.dumps_ascii(face.error_body(error, request.id))
            await reply.whole(face.status_of(error), body, headers=error.answer_headers())
        else:
            await reply.break_off(error)

    # --- the records of requests that no handler has recorded to their end ---

    def _note(self, record: RequestRecord, phase: str, status: int | None) -> None:
        record.status = record.status or status
        self.context.telemetry.note(record, phase, trio.current_time())

    def _note_refused(self, request: Request, target: Resolved, face: Face, error: LinxError) -> None:
        """An error was raised: if it came before a handler's record, or while nobody looked after that."""
        record = request.record
        if record is None:
            record = self._record(request, target)
        elif record.ended is not None:
            return
        if error.not_asked:
            record.not_asked = error.not_asked
            error.headers = (*error.headers, (b"x-linx-attempts", record.attempts_header()))
        record.outcome = word_of(error)
        record.is_admitted = not isinstance(error, Unauthorized | Forbidden | TooManyWrongKeys)
        if record.is_model_path and record.is_admitted:
            self.context.telemetry.keep(record)
        self._note(record, "failed", face.status_of(error))

    def _note_cut(self, request: Request, target: Resolved, why: BaseException) -> None:
        """The client left, the request was stopped, or Linx has a bug; the server answers, if anybody is there."""
        record = request.record
        is_bug = isinstance(why, Exception) and not isinstance(why, HangUp)
        if record is None:
            if not is_bug and (target.endpoint is None or not target.endpoint.is_model_path):
                return
            record = self._record(request, target)
        elif record.ended is not None:
            return
        if request.stopped is not None:
            record.outcome = word_of(request.stopped)
        self._note(record, "failed" if is_bug else "cancelled", 500 if is_bug else None)

    def _record(self, request: Request, target: Resolved) -> RequestRecord:
        record = begin_record(self.context, request, trio.current_time(), target.model)
        record.path = kept(self._shown_path(target))
        record.is_model_path = target.endpoint is not None and target.endpoint.is_model_path
        return record

    def _shown_path(self, target: Resolved) -> str:
        return self.access.without_keys(target.path) if target.endpoint is None else target.path

    def note_unread(self, error: LinxError, request_id: str, method: bytes, target: bytes) -> None:
        """For the server: a request was refused before its head was whole, so little is known of it."""
        now = trio.current_time()
        path = _AUTHORITY.sub(b"", target).partition(b"?")[0].decode("latin-1")
        found = resolve(path, is_anthropic=False)
        record = RequestRecord(
            request_id,
            self.context.at(now),
            now,
            method.decode("latin-1") or NOBODY,
            self._shown_path(found) or NOBODY,
            face=found.face if path else "",
            outcome=word_of(error),
            is_model_path=False,
        )
        record.bound()
        self._note(record, "failed", error.status)

    def error_answer(
        self, error: LinxError, request_id: str, target: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """The answer to an error for the server, in the dialect of the target if the target is known."""
        path = _AUTHORITY.sub(b"", target).partition(b"?")[0].decode("latin-1")
        face = self._face(resolve(path, is_anthropic=False).face)
        body = jsontext.dumps_ascii(face.error_body(error, request_id))
        return face.status_of(error), _id_headers(face, request_id) + error.answer_headers(), body

    def _face(self, name: str) -> Face:
        face = self.faces().get(name)
        if face is None:
            raise LookupError(f"the face {name!r} was not built: endpoints.FACES names those that must be")
        return face


def _id_headers(face: Face, request_id: str) -> list[tuple[bytes, bytes]]:
    return [(name, request_id.encode()) for name in ID_HEADERS.get(face.name, USUAL_ID_HEADERS)]
