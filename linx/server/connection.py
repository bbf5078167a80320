"""One client connection: requests in, answers out, one at a time and in order.

Two tasks share it. The pump reads (see ``wire``); this file's loop takes a head, has h11
read the same bytes as a second opinion, and calls the handler. h11 is asked below its
state machine, which costs twice what its parser does and adds no rule for a head alone; so
its version is pinned, and ``benchmarks/fuzz_framing.py`` compares with the whole of it. When the pump sees the
client go while a handler runs, the handler's scope is cancelled, and with it whatever was
asked of a provider.

Everything that can go wrong with one connection ends in ``guard``: trio would end the
server for one exception that nobody caught.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import h11
import trio
from h11._connection import _body_framing
from h11._readers import maybe_read_from_IDLE_client
from h11._receivebuffer import ReceiveBuffer

from linx.errors import BadRequest, HangUp, LinxError, RequestError, RequestTimeout, ShuttingDown
from linx.server.body import Body
from linx.server.gate import Gate, Head
from linx.server.limits import Watch
from linx.server.refusal import error_answer
from linx.server.request import MAY_HALF_CLOSE, Handler, Reply, Request, new_id
from linx.server.wire import ServerTransport, Wire

if TYPE_CHECKING:
    from linx.server.limits import Shared

LOG = logging.getLogger("linx.server")

_HURRIED_LINGER_S = 0.1  # while the server ends, which a client's pool must not hold up


class Connection:
    """``stop`` and ``drain`` are for the server; ``run`` is the connection's whole life."""

    __slots__ = (
        "_handler", "_has_own_watch", "_is_idle", "_is_overdue", "_scope", "_shared", "_watch", "_wire", "listener",
        "peer", "request",
    )  # fmt: skip

    def __init__(
        self,
        transport: ServerTransport,
        handler: Handler,
        shared: Shared,
        listener: str = "local",
        peer: str = "",
        watch: Watch | None = None,
    ) -> None:
        self._handler = handler
        self._shared = shared
        self._wire = Wire(transport, shared)
        self._wire.on_gone = self._client_gone
        self._is_idle = True
        self._is_overdue = False
        self._has_own_watch = watch is None
        self._watch = watch or Watch()
        self._scope: trio.CancelScope | None = None
        self.listener = listener
        self.peer = peer
        self.request: Request | None = None

    async def guard(self) -> None:
        """Run, and let nothing but a cancellation out."""
        try:
            await self.run()
        except Exception:
            LOG.exception("A connection from %s failed", self.peer)
        finally:
            self._wire.close()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            nursery.start_soon(self._wire.pump)
            if self._has_own_watch:
                nursery.start_soon(self._watch.watch)
            try:
                while (head := await self._next_head()) and await self._exchange(head):
                    pass
                if not self._shared.draining:
                    await self._wire.part()
                elif not self._is_idle:
                    await self._wire.part(_HURRIED_LINGER_S)
            except HangUp:
                pass
            finally:
                self._wire.close()
                nursery.cancel_scope.cancel()

    def drain(self) -> None:
        """The server stops: an idle connection ends now, a busy one after its answer."""
        if self._is_idle:
            self._wire.wake()
        elif self.request is not None and self._wire.is_taken_over:
            self.request.stop(ShuttingDown("Linx is shutting down"))

    def run_out(self) -> None:
        """Neither a head nor its first byte came in time."""
        self._is_overdue = True
        self._wire.wake()

    def kill(self) -> None:
        """End it whatever it is doing."""
        self._wire.close()
        if self._scope is not None:
            self._scope.cancel()

    # --- the head --------------------------------------------------------------------

    async def _next_head(self) -> Head | None:
        """The next request's head, or None when the connection should end."""
        gate = Gate()
        is_first, self._is_idle = self._is_idle, True
        wire, limits = self._wire, self._shared.limits
        try:
            if head := self._take_head(gate):
                return head
            self._is_idle = not wire.buffer
            patience_s = limits.head_timeout_s if is_first or wire.buffer else limits.keep_alive_s
            self._watch.expect(self, trio.current_time() + patience_s)
            try:
                while not (self._is_idle and self._shared.draining) and await wire.more():
                    if self._is_overdue:
                        break
                    begins = self._is_idle and bool(wire.buffer)
                    if begins:
                        self._is_idle = False
                    if head := self._take_head(gate):
                        return head
                    if begins and not is_first:
                        self._watch.expect(self, trio.current_time() + limits.head_timeout_s)
            finally:
                self._watch.forget(self)
            if self._is_overdue and wire.buffer:
                raise RequestTimeout("The request head did not arrive in time")
        except RequestError as problem:
            await wire.send(error_answer(problem, new_id(), self._shared.words, gate.target))
        return None

    def _take_head(self, gate: Gate) -> Head | None:
        head = gate.take(self._wire.buffer)
        if head is not None:
            self._wire.taken()
            second_opinion(head)
            self._is_idle = False
        return head

    # --- the exchange ----------------------------------------------------------------

    async def _exchange(self, head: Head) -> bool:
        """Have one request answered; may the connection go on?"""
        shared, wire = self._shared, self._wire
        body = Body(head, wire, shared)
        request = Request(head, body, wire, self.listener, self.peer)
        reply = Reply(head, body, wire, shared)
        if wire.is_broken or (wire.eof and request.method not in MAY_HALF_CLOSE):
            return False
        self.request = request
        shared.requests_running += 1
        try:
            await self._answer(request, reply)
        finally:
            self.request = None
            shared.requests_running -= not wire.is_taken_over
            body.release()
            if shared.on_rest is not None:
                shared.on_rest()
        if not reply.is_ended or not reply.keeps_alive:
            return False
        if not body.is_complete:
            try:
                await body.drain()
            except RequestError:
                return False
        return True

    async def _answer(self, request: Request, reply: Reply) -> None:
        """Call the handler, and make up for what it leaves undone."""
        problem: LinxError | None
        try:
            await self._handler(request, reply)
            problem = request.stopped
        except HangUp:
            raise
        except LinxError as error:
            problem = error
        except Exception:
            LOG.exception("Request %s failed", request.id)
            problem = LinxError("Something went wrong inside Linx; its log says what")
        if reply.is_ended or reply.is_aborted or reply.is_committed or request.client_gone or self._wire.is_taken_over:
            return
        if problem is None:
            LOG.error("Request %s was left without an answer", request.id)
            problem = LinxError("Something went wrong inside Linx; its log says what")
        await reply.fail(problem, request.id)

    def _client_gone(self) -> None:
        request = self.request
        if request is None or self._wire.is_taken_over:
            return
        # A FIN behind a whole GET may come from a client that still reads; behind anything
        # that can cost a provider's work it is taken as what it nearly always is.
        if self._wire.is_broken or request.method not in MAY_HALF_CLOSE:
            request.client_gone = True
            request.scope.cancel()


def second_opinion(head: Head) -> None:
    """Have h11 read the same head. Two parsers that disagree are an attack on one of them."""
    judged = ReceiveBuffer()
    judged += head.raw
    try:
        event = maybe_read_from_IDLE_client(judged)
    except h11.LocalProtocolError:
        raise BadRequest("The request head is malformed") from None
    if (
        event is None
        or judged
        or event.method != head.method
        or event.target != head.target
        or (event.http_version == b"1.0") != head.is_http10
        or not _same_fields([(name, value) for _raw, name, value in event.headers._full_items], head.received)
        or _body_framing(head.method, event) != _framing_of(head)
    ):
        raise BadRequest("The request head can be read in two ways")


def _same_fields(theirs: list[tuple[bytes, bytes]], ours: list[tuple[bytes, bytes]]) -> bool:
    # h11 writes a coding in lower case; everything else must be the same to the byte.
    return (
        theirs == ours
        or [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in ours] == theirs
    )


def _framing_of(head: Head) -> tuple[str, tuple[int, ...]]:
    """The framing of a request's body in h11's words."""
    return ("chunked", ()) if head.chunked else ("content-length", (head.content_length or 0,))
