"""The states of one answer in any order of calls: what the client reads is a whole answer, or shows that it is none.

The reference knows three states: the head is held, bytes have been sent, the answer is over. The client's kernel takes
much, little or nothing, and may go away at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linx.core.errors import HangUp, ShuttingDown
from linx.server.body import Body
from linx.server.gate import Gate
from linx.server.limits import Shared
from linx.server.reply import Reply
from linx.server.wire import Wire
from tests.properties.machines import QUICK, Guest
from tests.properties.memory_net import NARROW, ROOMY, End, Faults, Watched
from tests.server.client import split_answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DATA = (b"", b"a", b"data: x\n\n", b"y" * 200)


class ReplyMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.guest = Guest()
        self.read = bytearray()
        self.body = b""
        """The reference: what a client must be able to read so far."""
        self.is_open = self.is_over = self.is_torn = self.has_left = False
        self.is_read = True

    @initialize(
        room=st.sampled_from([ROOMY, ROOMY, NARROW]),
        method=st.sampled_from([b"POST", b"POST", b"HEAD"]),
        version=st.sampled_from([b"1.1", b"1.1", b"1.0"]),
        frames=st.lists(st.booleans(), max_size=4),
    )
    def begin(self, room: int, method: bytes, version: bytes, frames: list[bool]) -> None:
        """``frames``: those of a stream that has begun already; is each sent soon?"""

        async def start() -> None:
            ours, theirs = End.pair(room)
            self.client = ours
            shared = Shared()
            self.wire = Wire(Watched(theirs, "client", Faults()), shared, lambda: None, lambda: False)
            head = Gate().take(
                bytearray(b"%b / HTTP/%b\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" % (method, version))
            )
            assert head is not None
            self.reply = Reply(head, Body(head, self.wire, shared), self.wire, shared)
            self.guest.nursery.start_soon(self.receive)

        self.is_head, self.is_old = method == b"HEAD", version == b"1.0"
        self.guest.run(start)
        if frames:
            self.starts(on_error=True)
        for soon in frames:
            self.sends(b"data: x\n\n", soon)

    async def receive(self) -> None:
        try:
            while data := await self.client.recv():
                self.read += data
        except (OSError, trio.ClosedResourceError):
            pass

    def does(self, call: Callable[..., Awaitable[Any] | None], *arguments: Any) -> bool:
        """Whether the call came to its end, and did not find that the client has gone."""

        async def job() -> None:
            made = call(*arguments)
            if made is not None:
                await made
            await trio.testing.wait_all_tasks_blocked()

        try:
            self.guest.run(job)
        except HangUp:
            assert self.has_left, "a client that is there is taken for gone"
            return False
        return True

    @precondition(lambda self: not self.is_open and not self.is_over)
    @rule(on_error=st.booleans())
    def starts(self, on_error: bool) -> None:
        self.reply.start(200, b"text/event-stream")
        self.reply.on_error = (lambda error: b"E:%b;" % str(error).encode()[:5]) if on_error else None
        self.is_open = True
        assert not self.reply.is_committed, "the head is held until something follows"

    @precondition(lambda self: self.is_open and not self.is_over)
    @rule(data=st.sampled_from(DATA), soon=st.booleans())
    def sends(self, data: bytes, soon: bool) -> None:
        if self.does(self.reply.send_soon if soon else self.reply.send, data):
            self.body += data

    @precondition(lambda self: self.is_open and not self.is_over)
    @rule(data=st.sampled_from(DATA))
    def beats(self, data: bytes) -> None:
        sent: list[bool] = []
        self.does(lambda: sent.append(self.reply.try_send(data)))
        if sent[0]:
            self.body += data

    @precondition(lambda self: self.is_open and not self.is_over)
    @rule(data=st.sampled_from(DATA))
    def ends(self, data: bytes) -> None:
        if self.does(self.reply.end, data):
            self.body += data
        self.is_over = True

    @precondition(lambda self: not self.is_over and not self.reply.is_committed)
    @rule()
    def fails_before_the_first_byte(self) -> None:
        """Whatever was begun is forgotten, and the error is the answer."""
        self.does(self.reply.fail, ShuttingDown("it ends"), "id")
        self.body, self.is_over, self.is_failed = b"", True, True

    @precondition(lambda self: not self.is_open and not self.is_over)
    @rule(data=st.sampled_from(DATA))
    def answers_at_once(self, data: bytes) -> None:
        if self.does(self.reply.whole, 200, data):
            self.body = data
        self.is_over = True

    @precondition(lambda self: self.is_open and not self.is_over)
    @rule()
    def aborts(self) -> None:
        self.reply.abort()
        self.is_over = self.is_torn = True

    @rule(among=st.integers(0, 9))
    def the_client_goes(self, among: int) -> None:
        if among < 9:
            return  # not too often, since nothing can be read afterwards

        async def go() -> None:
            self.client.close()

        self.guest.run(go)
        self.has_left = True

    @precondition(lambda self: self.is_over)
    @rule(data=st.sampled_from(DATA))
    def nothing_can_follow(self, data: bytes) -> None:
        before = bytes(self.read)
        assert not self.reply.try_send(data)
        if self.reply.is_ended or self.reply.is_aborted:
            try:
                self.does(self.reply.end, data)
            except RuntimeError:
                pass
            else:
                assert self.has_left, "two ends"
        assert bytes(self.read) == before

    @invariant()
    def is_understood(self) -> None:
        if self.has_left or not hasattr(self, "reply"):
            return
        assert bool(self.read) == self.reply.is_committed or not self.read
        answers, rest = split_answers(bytes(self.read), False, is_head=self.is_head)
        if self.is_torn or not self.is_over:
            # Of HTTP/1.0 only the end of the connection tells that the answer is over; of HEAD there is no body.
            assert not answers or self.is_head, "an answer that is not over looks whole"
            return
        if self.reply.status != 200:
            return
        answers, rest = split_answers(bytes(self.read), True, is_head=self.is_head)
        (answer,) = answers
        assert answer.is_whole
        assert (answer.body, rest) == (b"" if self.is_head else self.body, b"")
        assert self.reply.keeps_alive or b"connection" in answer.fields

    def teardown(self) -> None:
        self.guest.close()


TestReply = ReplyMachine.TestCase
TestReply.settings = QUICK
