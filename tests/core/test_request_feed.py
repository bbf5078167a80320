"""Where the lines go: the log, followers, and nowhere without either."""

from __future__ import annotations

import io
import logging

import trio
import trio.testing

from linx.core import jsontext
from linx.core.log import LineLog
from linx.core.redaction import Redactor
from linx.core.request_feed import MAX_FOLLOWERS, MAX_NAMES, MAX_SHOWN, MAX_WAITING, RequestFeed
from linx.core.telemetry import RequestRecord


def record_of(model: str = "m", name: str = "r") -> RequestRecord:
    return RequestRecord(name, 1_700_000_000.0, 100.0, "POST", "/x", model=model, ended=101.0, status=200, outcome="ok")


def logged(*, is_json: bool = False) -> tuple[RequestFeed, Redactor, io.StringIO]:
    stream, redactor = io.StringIO(), Redactor()
    log = LineLog(logging.StreamHandler(stream), is_json=is_json, is_coloured=False)
    return RequestFeed(redactor, log), redactor, stream


def test_a_line_for_people() -> None:
    feed, _redactor, stream = logged()
    feed.tell(record_of())
    assert feed.is_logged
    assert stream.getvalue().endswith(" m → linx  200\n")


def test_a_line_for_programs() -> None:
    feed, _redactor, stream = logged(is_json=True)
    feed.tell(record_of())
    assert jsontext.loads(stream.getvalue().encode())["event"] == "request"


def test_neither_keys_nor_what_a_terminal_obeys() -> None:
    feed, redactor, stream = logged()
    redactor.add("a-key-of-the-config")
    feed.tell(record_of("a-key-of-the-config"))
    feed.tell(record_of("sk-or-v1-0123456789abcdef"))
    feed.tell(record_of("red\x1b[31m\nsecond line"))
    feed.tell(record_of("m" * 400))
    text = stream.getvalue()
    assert "of-the-config" not in text
    assert "0123456789" not in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 4
    assert "m" * (MAX_SHOWN - 1) + "…" in text
    assert "m" * MAX_SHOWN not in text


def test_a_secret_that_is_learnt_later_is_hidden_from_then_on() -> None:
    feed, redactor, stream = logged()
    feed.tell(record_of("learnt-later"))
    redactor.add("learnt-later")
    feed.tell(record_of("learnt-later"))
    first, second = stream.getvalue().splitlines()
    assert "learnt-later" in first
    assert "learnt-later" not in second


def test_names_do_not_pile_up() -> None:
    feed, _redactor, stream = logged()
    for number in range(MAX_NAMES * 2):
        feed.tell(record_of(f"m{number}"))
    assert len(feed._cleaned) <= MAX_NAMES + 8
    assert f" m{MAX_NAMES * 2 - 1} " in stream.getvalue()


async def test_without_log_or_follower_nothing_is_made() -> None:
    feed = RequestFeed(Redactor())
    feed.tell(record_of())
    assert not feed.is_logged
    follower = feed.follow()
    assert follower is not None
    assert await follower.wait(0) == b""


async def test_followers_get_each_line_until_they_leave() -> None:
    feed = RequestFeed(Redactor())
    one, two = feed.follow(), feed.follow()
    assert one is not None
    assert two is not None
    feed.tell(record_of(name="a"))
    feed.leave(two)
    feed.tell(record_of(name="b"))
    lines = (await one.wait(1)).splitlines()
    assert [jsontext.loads(line)["id"] for line in lines] == ["a", "b"]
    assert [jsontext.loads(line)["id"] for line in (await two.wait(1)).splitlines()] == ["a"]


async def test_a_follower_that_waits_is_woken() -> None:
    feed = RequestFeed(Redactor())
    follower = feed.follow()
    assert follower is not None
    async with trio.open_nursery() as nursery:

        async def tell() -> None:
            await trio.testing.wait_all_tasks_blocked()
            feed.tell(record_of(name="late"))

        nursery.start_soon(tell)
        with trio.fail_after(5):
            assert b"late" in await follower.wait(60)


async def test_a_slow_follower_is_told_what_it_has_lost() -> None:
    feed = RequestFeed(Redactor())
    follower = feed.follow()
    assert follower is not None
    for _ in range(MAX_WAITING + 3):
        feed.tell(record_of())
    lines = (await follower.wait(1)).splitlines()
    assert len(lines) == MAX_WAITING + 1
    assert jsontext.loads(lines[-1]) == {"event": "lost", "lines": 3}
    assert await follower.wait(0) == b""


def test_so_many_may_follow_and_no_more() -> None:
    feed = RequestFeed(Redactor())
    followers = [feed.follow() for _ in range(MAX_FOLLOWERS)]
    assert None not in followers
    assert feed.follow() is None
