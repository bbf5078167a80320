"""Looks names up so that one name never holds up another.

trio looks each name up in one of 40 threads, and a lookup cannot be stopped: while a name server is
silent, every attempt at a provider leaves a thread behind for half a minute. After 40 such attempts no
other name could be looked up, not even ``localhost``. Here all that ask for a name within JOIN_S share
one lookup, and its thread is not one of the 40.

At the end of the process nothing waits for a thread that is still looking: trio's threads are daemons.
"""

from __future__ import annotations

import math
import socket
from typing import Any

import trio

JOIN_S = 2.0
"""A lookup that is older is not joined, since the network may have changed: a new one is begun beside it."""

Question = tuple[Any, ...]  # the arguments of getaddrinfo


class _Lookup:
    """One call of getaddrinfo: when it began, and what came of it."""

    __slots__ = ("answer", "began", "failure", "is_over")

    def __init__(self) -> None:
        self.began = trio.current_time()
        self.is_over = trio.Event()
        self.answer: list[Any] = []
        self.failure: Exception | None = None


class SharedLookups(trio.abc.HostnameResolver):  # trio takes nothing but a subclass
    """What trio asks for the addresses of a name, after ``install``."""

    def __init__(self) -> None:
        self._running: dict[Question, _Lookup] = {}
        self._threads = trio.CapacityLimiter(math.inf)  # in practice as many as there are names

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name in trio's interface
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        question = (host, port, family, type, proto, flags)
        lookup = self._running.get(question)
        if lookup is None or trio.current_time() - lookup.began > JOIN_S:
            lookup = self._running[question] = _Lookup()
            # Not a task of the one who asks first: who asks second must not lose the answer when the first gives up.
            trio.lowlevel.spawn_system_task(self._look_up, question, lookup)
        await lookup.is_over.wait()
        if lookup.failure is not None:
            # A new exception for each that asked: one object raised in several tasks would collect their frames.
            raise lookup.failure.__class__(*lookup.failure.args)
        return list(lookup.answer)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Linx asks for the name of no address; this is here because trio's interface has it."""
        found: tuple[str, str] = await trio.to_thread.run_sync(socket.getnameinfo, sockaddr, flags)
        return found

    async def _look_up(self, question: Question, lookup: _Lookup) -> None:
        try:
            lookup.answer = await trio.to_thread.run_sync(
                socket.getaddrinfo, *question, abandon_on_cancel=True, limiter=self._threads
            )
        except Exception as failure:  # raised again for each that asked
            lookup.failure = failure.with_traceback(None)
        finally:
            if self._running.get(question) is lookup:
                del self._running[question]
            lookup.is_over.set()


def install() -> None:
    """Have trio ask SharedLookups in this run, unless something else has been set before."""
    before = trio.socket.set_custom_hostname_resolver(SharedLookups())
    if before is not None:
        trio.socket.set_custom_hostname_resolver(before)
