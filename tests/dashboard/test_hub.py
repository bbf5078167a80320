"""What the hub finds has changed: told once, coalesced, bounded, and nothing while no page is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from wsproto.frame_protocol import FrameProtocol

from linx.core import jsontext
from linx.core.chat import Usage
from linx.core.redaction import Redactor
from linx.core.telemetry import AttemptRecord, Telemetry
from linx.dashboard.hub import LOOKS_A_ROUND, MOST_PROGRESS, Hub
from linx.dashboard.rows import Rows
from tests.dashboard.records import PAGE, Sending, record, saves_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.dashboard.viewers import Viewer


class World:
    def __init__(self) -> None:
        self.rows: dict[str, Any] = {"a": {"state": "up"}, "b": {"state": "up"}}

    def head(self) -> dict[str, Any]:
        return {"version": "x"}

    def parts(self) -> dict[str, Any]:
        return {"tunnel": {"status": "stopped"}, "config": {"loaded_at": 1}}

    def providers(self) -> Iterator[tuple[str, Any]]:
        yield from self.rows.items()


def messages(told: bytes | None) -> list[Any]:
    assert told is not None
    protocol = FrameProtocol(client=True, extensions=[])
    protocol.receive_bytes(told)
    texts, text = [], ""
    for frame in protocol.received_frames():
        text += str(frame.payload)
        if frame.message_finished:
            texts.append(jsontext.loads(text.encode()))
            text = ""
    return texts


def watched() -> tuple[Telemetry, Hub, Viewer]:
    """A hub with one page that has had its snapshot."""
    telemetry = Telemetry()
    hub = Hub(telemetry, Rows(Redactor(), saves_nothing))
    viewer = hub.join(PAGE)
    assert viewer is not None
    assert viewer.take() is None
    return telemetry, hub, viewer


def look(hub: Hub, viewer: Viewer, world: World | None = None) -> list[Any]:
    hub._look(world or World())
    return messages(viewer.take())


def test_a_request_from_its_begin_to_its_end() -> None:
    telemetry, hub, viewer = watched()
    one = record()
    telemetry.begin(one)
    [told] = look(hub, viewer)
    assert (told["type"], told["request"]["phase"]) == ("request", "connecting")
    assert look(hub, viewer) == []
    one.attempts.append(AttemptRecord("a", "m", 100.0))
    assert len(look(hub, viewer)) == 1
    one.phase, one.answer = "streaming", Sending(1, 10)
    assert len(look(hub, viewer)) == 1
    one.answer = Sending(5, 50)
    [told] = look(hub, viewer)
    assert (told["request"]["streamed"], told["request"]["bytes"]) == (5, 50)
    one.usage, one.status = Usage(3, 6), 200
    telemetry.end(one, "done", 101.0)
    [told] = look(hub, viewer)
    assert (told["request"]["phase"], told["request"]["streamed"]) == ("done", 6)
    assert told["request"]["has_body"] is False
    assert look(hub, viewer) == []
    assert not hub._seen


def test_a_request_that_is_over_before_the_hub_has_looked() -> None:
    telemetry, hub, viewer = watched()
    one = record()
    telemetry.begin(one)
    telemetry.end(one, "failed", 101.0)
    [told] = look(hub, viewer)
    assert (told["request"]["phase"], told["request"]["outcome"]) == ("failed", "failed")


def test_of_many_streaming_answers_some_are_told_of_in_turn() -> None:
    telemetry, hub, viewer = watched()
    running = [record(str(number), phase="streaming", answer=Sending()) for number in range(3 * MOST_PROGRESS + 1)]
    for one in running:
        telemetry.begin(one)
    assert len(look(hub, viewer)) == len(running)
    told: set[str] = set()
    for _ in range(5):
        for one in running:
            assert one.answer is not None
            one.answer.sends += 1
        now = look(hub, viewer)
        assert len(now) == MOST_PROGRESS
        told |= {message["request"]["id"] for message in now}
    assert len(told) == len(running)


def test_providers_and_parts_are_told_when_they_have_changed() -> None:
    _telemetry, hub, viewer = watched()
    world = World()

    def round_of() -> list[Any]:
        return [one for _ in range(LOOKS_A_ROUND) for one in look(hub, viewer, world)]

    first = round_of()
    assert {one["type"] for one in first} == {"tunnel", "config", "provider"}
    assert round_of() == []
    world.rows["b"] = {"state": "down"}
    assert round_of() == [{"type": "provider", "provider": {"state": "down"}}]


async def test_a_snapshot_has_everything() -> None:
    telemetry, hub, _viewer = watched()
    for number in range(120):
        one = record(str(number))
        telemetry.begin(one)
        if number != 50:
            telemetry.end(one, "done", 101.0)
    [shown] = messages(await hub.snapshot(World()))
    assert (shown["type"], shown["version"], shown["tunnel"]) == ("snapshot", "x", {"status": "stopped"})
    assert shown["providers"] == [{"state": "up"}, {"state": "up"}]
    assert [one["id"] for one in shown["requests"][:3]] == ["50", "119", "118"]
    assert len(shown["requests"]) == 120


def test_with_no_page_nothing_is_encoded_or_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry, hub, viewer = watched()
    for number in range(10):
        one = record(str(number))
        telemetry.begin(one)
        look(hub, viewer)
        telemetry.end(one, "done", 101.0)
    hub.leave(viewer)
    assert [hub._ended, hub._seen, hub._shown, hub._told] == [{}] * 4
    assert not telemetry.watchers
    monkeypatch.setattr(jsontext, "dumps", pytest.fail)
    one = record("more")
    telemetry.begin(one)
    telemetry.end(one, "done", 101.0)
    hub.point(5.0, {"ok": 1})
    assert not hub._ended


async def test_looking_begins_with_the_first_page_and_ends_with_the_last(autojump_clock: object) -> None:
    telemetry = Telemetry()
    hub = Hub(telemetry, Rows(Redactor(), saves_nothing))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run, World())
        telemetry.begin(record())
        await trio.sleep(5)
        assert not hub._seen
        viewer = hub.join(PAGE)
        assert viewer is not None
        viewer.take()
        await trio.sleep(5)
        assert {one["type"] for one in messages(viewer.take())} == {"request", "tunnel", "config", "provider"}
        hub.point(5.0, {"ok": 1})
        hub.point(10.0, {"ok": 2})
        assert [one["at"] for one in messages(viewer.take())] == [5.0, 10.0]
        hub.leave(viewer)
        nursery.cancel_scope.cancel()
