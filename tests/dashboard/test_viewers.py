"""What waits for a page: the newest of each thing, and a snapshot for a page that has fallen behind."""

from __future__ import annotations

import trio

from linx.dashboard.viewers import MOST_VIEWERS, MOST_WAITING, Viewer, Viewers
from tests.dashboard.records import PAGE


def test_a_page_begins_with_a_snapshot() -> None:
    viewer = Viewer(PAGE)
    viewer.put("a", b"1")
    assert viewer.take() is None
    assert viewer.take() == b""


def test_only_the_newest_of_each_thing_waits() -> None:
    viewer = Viewer(PAGE)
    viewer.take()
    for number in range(10_000):
        viewer.put("a", b"a%d " % number)
        viewer.put("b", b"b%d " % number)
    assert viewer.take() == b"a9999 b9999 "
    assert viewer.take() == b""


def test_a_page_with_too_much_waiting_gets_a_snapshot() -> None:
    viewer = Viewer(PAGE)
    viewer.take()
    for number in range(MOST_WAITING):
        viewer.put(str(number), b"x")
    viewer.put("0", b"y")
    assert not viewer.is_behind
    viewer.put("one more", b"x")
    viewer.put("another", b"x")
    assert viewer.take() is None
    viewer.put("later", b"z")
    assert viewer.take() == b"z"


async def test_waiting_ends_with_something_to_send_or_with_the_end() -> None:
    viewer = Viewer(PAGE)
    await viewer.wait()
    viewer.take()
    with trio.move_on_after(0) as idle:
        await viewer.wait()
    assert idle.cancelled_caught
    viewer.put("a", b"1")
    await viewer.wait()
    viewer.take()
    viewer.close(1008)
    await viewer.wait()
    assert viewer.closing == 1008


def test_so_many_pages_and_no_more() -> None:
    viewers = Viewers()
    assert not viewers.came.is_set()
    joined = [viewers.join(PAGE) for _ in range(MOST_VIEWERS)]
    assert viewers.came.is_set()
    assert viewers.join(PAGE) is None
    first = joined[0]
    assert first is not None
    viewers.leave(first)
    assert viewers.join(PAGE) is not None
    for viewer in viewers:
        viewers.leave(viewer)
    assert (len(viewers), viewers.came.is_set()) == (0, False)


def test_all_pages_are_told_or_sent_a_snapshot() -> None:
    viewers = Viewers()
    pages = [viewers.join(PAGE), viewers.join(PAGE)]
    for page in pages:
        assert page is not None
        assert page.take() is None
    viewers.tell("a", b"1")
    assert [page and page.take() for page in pages] == [b"1", b"1"]
    viewers.refresh()
    assert [page and page.take() for page in pages] == [None, None]
