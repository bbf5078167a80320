"""Keeps over a restart how models have to be asked."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core.chat import Adapted
from linx.providers.adaptation_file import KEPT_S, Key, parse, write_file
from linx.providers.adaptation_memory import LOOK_S, AdaptationMemory
from linx.providers.adaptations import Lesson
from tests.routing.world import provider

if TYPE_CHECKING:
    from pathlib import Path

NOW = float(int(time.time()))  # providers note the time of a lesson themselves
ROW, OTHER = Adapted("stream_options"), Adapted("parameter", "temperature")
KEY = Key("a", "openai", "http://a.test:1234", "m")


async def remembered(path: Path, one: Any) -> AdaptationMemory:
    memory = AdaptationMemory(path, lambda: NOW)
    await memory.load()
    memory.apply([one])
    return memory


async def test_what_was_learnt_is_there_after_a_restart(tmp_path: Path) -> None:
    path, one = tmp_path / "state.json", provider("a")
    memory = await remembered(path, one)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.run)
        await trio.testing.wait_all_tasks_blocked()
        one.adaptations.learn("m", ROW)
        one.adaptations.learn("m", OTHER)
        nursery.cancel_scope.cancel()  # the end comes at once: what was learnt is written all the same
    again = provider("a")
    await remembered(path, again)
    assert again.adaptations.of("m") == (ROW, OTHER)
    for changed in (provider("b"), provider("a", host="elsewhere"), provider("a", kind="llamacpp")):
        await remembered(path, changed)
        assert changed.adaptations.of("m") == ()


async def test_a_lesson_is_written_a_moment_later(tmp_path: Path) -> None:
    path, one = tmp_path / "state.json", provider("a")
    memory = await remembered(path, one)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.run)
        await trio.testing.wait_all_tasks_blocked()
        assert not path.exists()
        one.adaptations.learn("m", ROW)
        with trio.fail_after(10):
            while not path.exists():
                await trio.sleep(0.05)
        assert parse(path.read_bytes(), NOW)[KEY].adapted == (ROW,)
        nursery.cancel_scope.cancel()


async def test_nothing_is_written_where_nothing_was_learnt(tmp_path: Path) -> None:
    memory = await remembered(tmp_path / "deep" / "state.json", provider("a"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not (tmp_path / "deep").exists()


async def test_a_reload_keeps_what_was_learnt_and_recalls_once(tmp_path: Path) -> None:
    path, one = tmp_path / "state.json", provider("a")
    write_file(path, {KEY: Lesson((ROW,), NOW)}, {}, NOW)
    memory = await remembered(path, one)
    one.adaptations.forget_before(NOW + 1)
    new = provider("a")
    new.inherit(one)
    memory.apply([new])
    assert new.adaptations.of("m") == ()


async def test_a_row_of_tomorrow_is_not_told(tmp_path: Path) -> None:
    path, one = tmp_path / "state.json", provider("a")
    write_file(path, {KEY: Lesson((Adapted("of_tomorrow"), ROW), NOW)}, {}, NOW)
    await remembered(path, one)
    assert one.adaptations.of("m") == (ROW,)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "is damaged, and set aside when something is learnt"),
        (b'{"my": "file"}', "is left alone: another program wrote it"),
        (b'{"linx": "adaptations", "format": 99}', "is left alone: another version of Linx wrote it"),
        (None, "cannot be read: Is a directory"),
    ],
    ids=["damaged", "foreign", "newer", "folder"],
)
async def test_a_file_that_cannot_be_used_harms_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes | None, told: str
) -> None:
    path, one = tmp_path / "state.json", provider("a")
    path.mkdir() if data is None else path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        memory = await remembered(path, one)
        for row in (ROW, OTHER):
            one.adaptations.learn("m", row)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(memory.run)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
    assert one.adaptations.of("m") == (ROW, OTHER)
    (record,) = caplog.records
    assert record.getMessage().endswith(told)
    if data is not None and "left alone" in told:
        assert path.read_bytes() == data


async def test_what_grew_old_is_forgotten_while_linx_runs(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    now = NOW
    one = provider("a")
    memory = AdaptationMemory(tmp_path / "state.json", lambda: now)
    memory.apply([one])
    one.adaptations.recall({"m": Lesson((ROW,), NOW)})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.run)
        await trio.sleep(LOOK_S + 1)
        assert one.adaptations.of("m") == (ROW,)
        now = NOW + KEPT_S + 1
        await trio.sleep(LOOK_S)
        assert one.adaptations.of("m") == ()
        nursery.cancel_scope.cancel()
    assert autojump_clock.current_time() > 0


async def test_a_write_that_failed_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    folder, one = tmp_path / "state", provider("a")
    folder.write_text("a file where the folder belongs")
    memory = AdaptationMemory(folder / "state.json", lambda: NOW)
    memory.apply([one])
    one.adaptations.learn("m", ROW)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.run)
        with trio.fail_after(10):
            while not memory._has_complained:
                await trio.sleep(0.05)
        folder.unlink()
        nursery.cancel_scope.cancel()
    assert parse((folder / "state.json").read_bytes(), NOW)[KEY].adapted == (ROW,)


async def test_thousands_of_providers_recall_without_going_through_the_whole_file_each(tmp_path: Path) -> None:
    path = tmp_path / "adaptations.json"
    one = provider("a")
    lesson = Lesson((OTHER,), time.time(), None)
    keys = [Key("a", one.kind.name, str(one.origin), f"m{number}") for number in range(1000)]
    write_file(path, dict.fromkeys(keys, lesson), {}, time.time())
    memory = AdaptationMemory(path)
    await memory.load()
    providers = [one, *(provider(f"p{number}") for number in range(1000))]
    start = time.process_time()
    memory.apply(providers)
    assert time.process_time() - start < 0.5  # 2 s when each provider looked at each entry
    assert one.adaptations.of("m999") == lesson.adapted
