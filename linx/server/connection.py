"""One client connection: requests in, answers out, one at a time and in order.

Each connection has two tasks. The pump reads from the socket (see ``wire``); the loop in this
file takes a head, which the gate and h11 must read alike, and calls the handler. If the pump
sees the client leave while a handler runs, the handler is cancelled, and with it the request
to a provider. The cancel scope for that is entered once for the connection and again only
after a cancellation, since making, entering and leaving a scope for each request would cost
as much as reading a head.

The two tasks share no nursery of their own, since opening one and cancelling the pump in it would
cost as much as half a request. The pump ends when the wire is closed, and the loop closes it.

Both tasks catch every exception of their connection: trio would end the whole server for an
exception that is not caught.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from linx.core.errors import (
    HangUp,
    LinxError,
    RequestError,
    RequestTimeout,
    ShuttingDown,
    is_out_of_memory,
    out_of_memory,
)
from linx.server.body import Body
from linx.server.cross_check import cross_check
from linx.server.gate import Gate
from linx.server.head import LastHead
from linx.server.refusal import last_answer
from linx.server.reply import Reply
from linx.server.request import MAY_HALF_CLOSE, Request, new_id
from linx.server.wire import ServerTransport, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.server.head import Head
    from linx.server.limits import Shared
    from linx.server.listener import Listener

LOG = logging.getLogger("linx.server")

_FIRST_WORDS_S = 0.05  # while the server ends, for the first request of a client that has connected a moment ago
_HURRIED_LINGER_S = 0.1  # while the server ends, since clients with kept connections must not delay the end


class Connection:
    """``start`` begins the two tasks of the connection. The server calls ``drain``, ``kill`` and ``request.stop``."""

    __slots__ = (
        "_body", "_is_idle", "_is_interrupted", "_is_overdue", "_last_head", "_listener", "_reply", "_shared", "_wire",
        "_work", "peer", "request",
    )  # fmt: skip

    def __init__(self, transport: ServerTransport, listener: Listener, shared: Shared, peer: str = "") -> None:
        self._listener = listener
        self._shared = shared
        self._wire = Wire(transport, shared, self._client_gone, self._is_answering)
        self._is_idle = True  # no byte of the next request has come
        self._is_interrupted = False  # the running request has been cancelled
        self._is_overdue = False  # a request head did not come in time
        self._last_head = LastHead(listener.first_heads)
        self._work: trio.CancelScope | None = None  # around the handlers of its requests
        self._reply: Reply | None = None
        self._body: Body | None = None
        self.peer = peer
        self.request: Request | None = None

    def start(self, nursery: trio.Nursery, ended: Callable[[], None] = lambda: None) -> None:
        """Begin both tasks in ``nursery``. ``ended`` is called when the connection is over, even if it is cancelled."""
        nursery.start_soon(self.serve, ended)
        nursery.start_soon(self.pump)

    async def serve(self, ended: Callable[[], None] = lambda: None) -> None:
        """Answer all requests of the connection. No exception but a cancellation leaves this method."""
        try:
            while await self._serve():
                pass
            if not self._shared.is_draining:
                await self._wire.close_gracefully()
            elif not self._is_idle:
                await self._wire.close_gracefully(_HURRIED_LINGER_S)
        except HangUp:
            pass
        except Exception:
            LOG.exception("A connection from %s failed", self.peer)
        finally:
            self._release()
            self._wire.close()
            ended()

    async def pump(self) -> None:
        """Read from the client until it is gone or the wire is closed. No exception but a cancellation leaves this."""
        try:
            await self._wire.pump()
        except Exception:
            LOG.exception("Reading from %s failed", self.peer)
            self.kill()

    def drain(self) -> None:
        """The server is ending: an idle connection ends now, a busy connection after its answer."""
        if self._is_idle:
            self._wire.wake()
        elif self.request is not None and (self._wire.is_upgraded or self.request.is_endless):
            self.request.stop(ShuttingDown("Linx is shutting down"))

    def timed_out(self) -> None:
        """See ``limits.Waiter``: the next head, or its first byte, did not come in time."""
        self._is_overdue = True
        self._wire.wake()

    def kill(self) -> None:
        """End the connection at once, whatever it is doing."""
        # Sending fails from now on, and the pump ends, which ends all waiting for the client.
        self._wire.close()
        if self._work is not None:
            self._work.cancel()

    async def _serve(self) -> bool:
        """Answer requests until the connection ends or a request is interrupted.

        Returns whether the connection may take further requests.
        """
        self._is_interrupted = False
        with trio.CancelScope() as self._work:
            while head := await self._next_head():
                if not await self._exchange(head):
                    return False
                if self._is_interrupted:  # the interrupt came after the answer, so no error is sent
                    return True
            return False
        return await self._answer_interrupted()

    def _interrupt(self) -> None:
        self._is_interrupted = True
        if self._work is not None:
            self._work.cancel()

    # --- the head --------------------------------------------------------------------

    async def _next_head(self) -> Head | None:
        """The head of the next request; None if the connection is to end."""
        gate = Gate()
        is_first, self._is_idle = self._is_idle, True
        wire, limits, watch = self._wire, self._shared.limits, self._listener.watch
        try:
            if wire.buffer:
                if not is_first:
                    # A pipelined request: other connections get their turn before it. Else hundreds of requests, which
                    # fit into the buffer, would be answered in one go, since neither reading nor sending waits.
                    await trio.lowlevel.checkpoint()
                if head := self._take_head(gate):
                    return head
            self._is_idle = not wire.buffer
            patience_s = limits.head_timeout_s if is_first or wire.buffer else limits.keep_alive_s
            watch.expect(self, trio.current_time() + patience_s)
            try:
                while True:
                    ends = self._is_idle and self._shared.is_draining
                    if not await (self._last_request(is_first) if ends else wire.more()) or self._is_overdue:
                        break
                    begins = self._is_idle and bool(wire.buffer)
                    if begins:
                        self._is_idle = False
                    if head := self._take_head(gate):
                        return head
                    if begins and not is_first:
                        watch.expect(self, trio.current_time() + limits.head_timeout_s)
            finally:
                watch.forget(self)
            if self._is_overdue and wire.buffer:
                raise RequestTimeout("The request head did not arrive in time")
        except RequestError as problem:
            shared, request_id = self._shared, new_id()
            shared.note_unread(problem, request_id, gate.method, gate.target)
            await wire.send(last_answer(problem, request_id, shared.error_answer, gate.target))
        return None

    async def _last_request(self, is_first: bool) -> bool:
        """As ``wire.more``, while the server ends. A request that the client has sent already is not lost.

        Closing would do away with what lies unread in the socket, and the client could not know whether its request
        had begun. What is still on the way is lost; only a client that no longer sends anything here avoids that.
        """
        wire = self._wire
        if is_first or wire.transport.is_readable():
            with trio.move_on_after(_FIRST_WORDS_S):
                return await wire.more()
        return False

    def _take_head(self, gate: Gate) -> Head | None:
        wire = self._wire
        head = self._last_head.take(wire.buffer)
        if head is None:
            head = gate.take(wire.buffer)
            if head is None:
                return None
            cross_check(head)
            self._last_head.keep(head)
        wire.taken()
        self._is_idle = False
        return head

    # --- the exchange ----------------------------------------------------------------

    async def _exchange(self, head: Head) -> bool:
        """Answer one request. Returns whether the connection may take further requests."""
        wire = self._wire
        body = Body(head, wire, self._shared)
        request = Request(head, body, wire, self._interrupt, self._listener.name, self.peer)
        reply = Reply(head, body, wire, self._shared)
        if wire.is_broken or (wire.is_eof and request.method not in MAY_HALF_CLOSE):
            return False
        self.request, self._reply, self._body = request, reply, body
        self._shared.requests_running += 1
        await self._answer(request, reply)
        return await self._finish_exchange(reply, body)

    async def _answer(self, request: Request, reply: Reply) -> None:
        """Call the handler; if it fails or sends no answer, send an error answer."""
        problem: LinxError | None
        try:
            await self._listener.handler(request, reply)
            problem = request.stopped
        except HangUp:
            raise
        except LinxError as error:
            problem = error.with_traceback(None)  # which refers to this frame, and the frame to the request
        except Exception as error:
            if is_out_of_memory(error):
                LOG.error("Request %s found no memory", request.id)
                problem = out_of_memory()
            else:
                LOG.exception("Request %s failed", request.id)
                problem = LinxError("An internal error of Linx; its log has the details")
        if reply.is_ended or reply.is_aborted or reply.is_committed or request.is_client_gone or self._wire.is_upgraded:
            return
        if problem is None:
            LOG.error("Request %s was left without an answer", request.id)
            problem = LinxError("An internal error of Linx; its log has the details")
        await reply.fail(problem, request.id)

    async def _answer_interrupted(self) -> bool:
        """Tell the client of an interrupted request why, if the client is still there.

        If the answer has begun, the error is sent as part of it. Returns whether the
        connection may take further requests.
        """
        request, reply, body = self.request, self._reply, self._body
        if request is None or reply is None or body is None:
            return False  # the request had been answered already, but the rest of its body may be unread
        problem = request.stopped
        if problem is None or request.is_client_gone or self._wire.is_upgraded:
            return False
        if not request.is_endless:
            LOG.warning("Request %s was cut short: %s", request.id, problem)
        if not reply.is_started:
            await reply.fail(problem, request.id)
        elif not reply.is_ended:
            await reply.break_off(problem)
        return await self._finish_exchange(reply, body)

    async def _finish_exchange(self, reply: Reply, body: Body) -> bool:
        """Clean up after a request. Returns whether the connection may take further requests."""
        self._release()
        if not reply.is_ended or not reply.keeps_alive:
            return False
        if not body.is_complete:
            try:
                await body.drain()
            except RequestError:
                return False
        return True

    def _release(self) -> None:
        """Forget the request that is over: free its memory and count it as no longer running."""
        if self.request is None or self._body is None:
            return
        shared = self._shared
        self.request.is_over = True
        self.request.on_gone = None  # which refers to the attempt, and by way of it to the request
        self.request = None
        shared.requests_running -= not self._wire.is_upgraded
        self._body.release()
        # The reply may refer to the function that writes errors in the client's dialect, which refers to the request.
        self._reply = self._body = None
        if shared.on_request_end is not None:
            shared.on_request_end()

    def _is_answering(self) -> bool:
        return self._body is not None and self._body.is_complete and not self._wire.is_upgraded

    def _client_gone(self) -> None:
        request = self.request
        if request is None or self._wire.is_upgraded:
            return
        # After a whole GET, a FIN may come from a client that still waits for the answer. After a request that makes
        # a provider work, a FIN is taken for a hang-up, which it nearly always is.
        if self._wire.is_broken or request.method not in MAY_HALF_CLOSE:
            request.is_client_gone = True
            self._interrupt()
            if request.on_gone is not None:
                # Where hundreds of clients leave at once, all handlers would be unwound before the last provider stops.
                request.on_gone()
