"""The pool beside a short reference: which connection is lent, kept and closed, in any order of events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import trio
import trio.testing
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linx.core.addresses import Origin
from linx.core.attempt_errors import AttemptError, Reset
from linx.upstream.permit import Permit, Reach
from linx.upstream.pool import Exchange, Pool, Sending
from tests.properties.machines import QUICK, Guest
from tests.properties.memory_net import ROOMY, End, Faults, Net

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from linx.upstream.dial import Dialer

IDLE_S = 10.0
MOST_IDLE = 2
BODY = b"0123456789"
FIRST = 4  # bytes of the body that come with the head
HEADS = {
    "keeps": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "closes": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "never ends": b"HTTP/1.1 200 OK\r\n\r\n",
}
GET = Sending(b"GET", b"/")


@dataclass(eq=False)
class Far:
    """The server's side of one connection, and what the reference knows of it."""

    host: str
    end: End
    kind: str = "keeps"
    requests: int = 0
    since: float = 0.0
    is_spoilt: bool = False
    """The server has closed it, or has sent what nobody asked for."""
    go_on: trio.Event = field(default_factory=trio.Event)


@dataclass(eq=False)
class Lent:
    exchange: Exchange
    far: Far
    has_read_all: bool = False


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.guest = Guest()
        self.kind = "keeps"
        self.far: list[Far] = []
        self.lent: list[Lent] = []
        self.kept: dict[str, list[Far]] = {"a": [], "b": []}
        """The reference: by host, the connections that wait for a request, the youngest last."""

    @initialize()
    def begin(self) -> None:
        async def start() -> None:
            self.net = Net(self.guest.nursery, Faults(), ROOMY)
            self.net.servers = {host: self.server(host) for host in self.kept}
            self.pool = Pool(cast("Dialer", self.net), idle_s=IDLE_S, max_idle_per_origin=MOST_IDLE)
            await self.guest.nursery.start(self.pool.run)

        self.guest.run(start)

    def server(self, host: str) -> Callable[[End], Awaitable[None]]:
        async def serve(end: End) -> None:
            far = Far(host, end)
            self.far.append(far)
            while b"\r\n\r\n" in await end.recv():
                far.requests += 1
                far.kind, far.go_on = self.kind, trio.Event()
                first = b"a\r\n" + BODY[:FIRST] if far.kind == "chunked" else BODY[:FIRST]
                await end.send(HEADS[far.kind] + first)
                await far.go_on.wait()
                await end.send(BODY[FIRST:] + (b"\r\n0\r\n\r\n" if far.kind == "chunked" else b""))
                if far.kind in ("closes", "never ends"):
                    return

        return serve

    def now(self) -> float:
        return self.guest.clock.current_time()

    # --- what is done ---

    @rule(host=st.sampled_from(["a", "b"]), kind=st.sampled_from(list(HEADS)))
    def opens(self, host: str, kind: str) -> None:
        self.kind = kind
        wanted = self.expected(host)
        dialled = len(self.net.dialled)
        exchange = self.guest.run(self.pool.open, permit(host), GET)
        assert len(self.net.dialled) == dialled + (wanted is None)
        far = self.far[-1] if wanted is None else wanted
        assert exchange.connection.transport.end.peer is far.end
        self.lent.append(Lent(exchange, far))

    @rule(host=st.sampled_from(["a", "b"]), kind=st.sampled_from(["keeps", "chunked", "closes"]))
    def asks(self, host: str, kind: str) -> None:
        self.opens(host, kind)
        self.reads_all(len(self.lent) - 1)
        self.finishes(len(self.lent) - 1, goes_on=True)

    def expected(self, host: str) -> Far | None:
        """The youngest connection that can be used; those above it that cannot be are gone."""
        kept = self.kept[host]
        while kept:
            far = kept.pop()
            if not far.is_spoilt and self.now() - far.since < IDLE_S:
                return far
        return None

    @rule(host=st.sampled_from(["a", "b"]))
    def is_cancelled_while_it_opens(self, host: str) -> None:
        self.expected(host)

        async def opened() -> None:
            with trio.CancelScope() as scope:
                scope.cancel()
                await self.pool.open(permit(host), GET)
                raise AssertionError("opened in a cancelled scope")

        self.guest.run(opened)

    @rule(host=st.sampled_from(["a", "b"]))
    def a_new_connection_breaks(self, host: str) -> None:
        for far in self.kept[host]:
            far.end.close()
            far.is_spoilt = True
        self.kept[host].clear()
        usual = self.net.servers[host]

        async def gone(end: End) -> None:
            await end.recv()

        self.net.servers[host] = gone
        try:
            self.guest.run(self.pool.open, permit(host), GET)
        except Reset:
            pass
        else:
            raise AssertionError("nobody answered")
        finally:
            self.net.servers[host] = usual

    @precondition(lambda self: self.lent)
    @rule(number=st.integers(0, 9))
    def reads_all(self, number: int) -> None:
        lent = self.lent[number % len(self.lent)]
        if lent.has_read_all:
            return

        async def read() -> bytes:
            lent.far.go_on.set()
            return await lent.exchange.read_all(100)

        assert self.guest.run(read) == BODY
        lent.has_read_all = True

    @precondition(lambda self: self.lent)
    @rule(number=st.integers(0, 9), goes_on=st.booleans())
    def finishes(self, number: int, goes_on: bool) -> None:
        """``goes_on``: the server sends the rest, so that what was not read can be drained."""
        lent = self.lent.pop(number % len(self.lent))
        far = lent.far

        async def finish() -> None:
            if goes_on:
                far.go_on.set()
            lent.exchange.finish()
            await trio.testing.wait_all_tasks_blocked()

        self.guest.run(finish)
        if not goes_on and not lent.has_read_all:
            self.guest.clock.jump(2.0)  # no drain takes so long
            self.guest.run(trio.testing.wait_all_tasks_blocked)
        may_drain = goes_on and far.kind in ("keeps", "chunked")
        if far.kind in ("keeps", "chunked") and (lent.has_read_all or may_drain):
            self.give_back(far)

    def give_back(self, far: Far) -> None:
        far.since = self.now()
        if len(self.kept[far.host]) < MOST_IDLE:
            self.kept[far.host].append(far)

    @precondition(lambda self: self.lent)
    @rule(number=st.integers(0, 9))
    def closes(self, number: int) -> None:
        lent = self.lent.pop(number % len(self.lent))

        async def close() -> None:
            lent.exchange.close()
            lent.exchange.finish()
            lent.exchange.close()

        self.guest.run(close)

    @precondition(lambda self: self.lent)
    @rule(number=st.integers(0, 9))
    def the_server_breaks_off(self, number: int) -> None:
        lent = self.lent[number % len(self.lent)]
        if lent.has_read_all:
            return
        self.lent.remove(lent)

        async def read() -> None:
            lent.far.end.break_off(ConnectionResetError())
            try:
                while await lent.exchange.read():
                    pass
            except AttemptError:
                pass
            else:
                raise AssertionError("a whole answer of a broken connection")
            finally:
                lent.exchange.finish()

        self.guest.run(read)

    @precondition(lambda self: any(self.kept.values()))
    @rule(number=st.integers(0, 9), closes=st.booleans())
    def the_server_spoils_a_kept_one(self, number: int, closes: bool) -> None:
        every = self.fit()
        if not every:
            return
        far = every[number % len(every)]
        far.is_spoilt = True

        async def spoil() -> None:
            if closes:
                far.end.close()
            else:
                await far.end.send(b"HTTP/1.1 200 OK\r\n\r\n")

        self.guest.run(spoil)

    @rule(seconds=st.sampled_from([0.1, 4.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.guest.run(trio.testing.wait_all_tasks_blocked)
        self.guest.clock.jump(seconds)
        self.guest.run(trio.testing.wait_all_tasks_blocked)

    @rule()
    def lets_go(self) -> None:
        async def close() -> None:
            self.pool.close_idle()

        self.guest.run(close)
        for kept in self.kept.values():
            kept.clear()

    # --- what holds ---

    def fit(self) -> list[Far]:
        """What waits and could be lent now."""
        young = [far for kept in self.kept.values() for far in kept if self.now() - far.since < IDLE_S]
        return [far for far in young if not far.is_spoilt]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "pool"):
            return
        census = self.pool.census()
        assert census["active"] == len(self.lent), census
        assert census["draining"] == 0, census
        # The reaper may have closed what the reference has not looked at yet, and no other.
        assert len(self.fit()) <= census["idle"] <= sum(map(len, self.kept.values())), census
        assert self.net.open == census["active"] + census["idle"]
        assert max(map(len, self.kept.values())) <= MOST_IDLE

    def teardown(self) -> None:
        self.guest.close()
        if hasattr(self, "pool"):
            for lent in self.lent:
                lent.exchange.connection.close()
            assert self.net.open == 0, "connections open after the end"


def permit(host: str) -> Permit:
    return Permit(Origin("http", host, 80), Reach.ANY)


TestPool = PoolMachine.TestCase
TestPool.settings = QUICK
