"""Names: one lookup for all that ask together, and no asker harms another."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.upstream import names
from tests.fakes.internet import Internet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.testing import MockClock

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class System:
    """The system's getaddrinfo, which answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self.failure: OSError | None = None

    def getaddrinfo(self, host: Any, port: Any, *_more: Any) -> Any:
        if host == b"near":
            return FOUND
        self.asked.append(host.decode())
        assert self.go.wait(30)
        if self.failure is not None:
            raise self.failure
        return FOUND


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    made = System()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.go.set()


async def look_up(lookups: names.SharedLookups, name: str, found: list[Any]) -> None:
    try:
        found.append(await lookups.getaddrinfo(name.encode(), 80))
    except OSError as error:
        found.append(error)


async def test_all_that_ask_together_share_one_lookup(system: System) -> None:
    lookups = names.SharedLookups()
    found: list[Any] = []
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(look_up, lookups, "far", found)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert await lookups.getaddrinfo(b"near", 80) == FOUND  # nobody waits for a thread
        system.go.set()
    assert system.asked == ["far"]
    assert found == [FOUND] * 100
    assert found[0] is not found[1]
    assert await lookups.getaddrinfo(b"far", 80) == FOUND
    assert len(system.asked) == 2  # nothing is kept


async def test_who_gives_up_takes_no_answer_from_the_others(system: System) -> None:
    lookups = names.SharedLookups()
    found: list[Any] = []
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.01):
            await look_up(lookups, "far", found)
        nursery.start_soon(look_up, lookups, "far", found)
        await trio.testing.wait_all_tasks_blocked(0.01)
        system.go.set()
    assert (system.asked, found) == (["far"], [FOUND])


async def test_each_asker_gets_a_failure_of_its_own(system: System) -> None:
    system.failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    lookups = names.SharedLookups()
    found: list[Any] = []
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(look_up, lookups, "far", found)
        await trio.testing.wait_all_tasks_blocked(0.01)
        system.go.set()
    assert [(type(error), error.args) for error in found] == [(socket.gaierror, system.failure.args)] * 2
    assert len({id(error) for error in (*found, system.failure)}) == 3


async def test_an_old_lookup_is_not_joined(system: System, mock_clock: MockClock) -> None:
    lookups = names.SharedLookups()
    found: list[Any] = []
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(look_up, lookups, "far", found)
            await trio.testing.wait_all_tasks_blocked(0.01)
            mock_clock.jump(names.JOIN_S + 0.1)
        nursery.start_soon(look_up, lookups, "far", found)
        await trio.testing.wait_all_tasks_blocked(0.01)
        system.go.set()
    assert (len(system.asked), found) == (3, [FOUND] * 3)
    assert await lookups.getaddrinfo(b"far", 80) == FOUND


async def test_what_was_set_before_stays() -> None:
    with Internet() as internet:
        names.install()
        internet.names["far"] = ["192.0.2.1"]
        assert (await trio.socket.getaddrinfo("far", 80))[0][4] == ("192.0.2.1", 80)
    names.install()
    first = trio.socket.set_custom_hostname_resolver(None)
    assert isinstance(first, names.SharedLookups)


async def test_the_name_of_an_address() -> None:
    assert await names.SharedLookups().getnameinfo(
        ("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    ) == (
        "127.0.0.1",
        "80",
    )
