"""Hot reload: what is taken over, what is told, and when; by a clock that jumps."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.config import file as config_file
from linx.config.load import load
from linx.config.watch import INTERVAL_S, ConfigWatch
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from linx.config.model import Config

Told = list[tuple[float, str]]


@pytest.fixture(autouse=True)
def _looks_each_half_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times in the stories are written for this interval."""
    monkeypatch.setattr("linx.config.watch.INTERVAL_S", 0.5)


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(port: int | str, path: str = "config.json") -> None:
    Path(path).write_text(f'{{"server": {{"port": {port}}}}}')
    os.chmod(path, 0o600)


async def at_once(work: Callable[[], Any]) -> Any:
    """In place of a thread, for which the clock that jumps would not wait."""
    return work()


def watch(load_it: Callable[[], Config] = lambda: load(None, {}, KINDS)) -> ConfigWatch:
    return ConfigWatch(load_it, config_file.candidates(None, {}), load_it(), at_once)


def word(outcome: Config | ConfigError | None) -> str:
    if outcome is None:
        return "-"
    return str(outcome) if isinstance(outcome, ConfigError) else f"port {outcome.server.port}"


async def story(one: ConfigWatch, *steps: tuple[float, Callable[[], object]]) -> Told:
    """Do each step at its time, and give back what was told, and when."""
    told: Told = []
    start = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def tell(outcome: Config | ConfigError) -> None:
            told.append((trio.current_time() - start, word(outcome)))

        nursery.start_soon(one.run, tell)
        for at, act in steps:
            await trio.sleep_until(start + at)
            act()
        await trio.sleep_until(start + steps[-1][0] + 2)
        nursery.cancel_scope.cancel()
    return told


async def test_a_changed_file_takes_over_within_two_seconds(autojump_clock: MockClock) -> None:
    write(1)
    one = watch()
    assert await story(one, (3.1, lambda: write(2)), (10.1, lambda: write(3))) == [(3.5, "port 2"), (10.5, "port 3")]
    assert word(one.config) == "port 3"
    assert one.problem is None


async def test_a_bad_file_changes_nothing_and_is_told_once(autojump_clock: MockClock) -> None:
    write(1)
    one = watch()
    told = await story(one, (3.1, lambda: write('"x"')), (60, lambda: None))
    assert told == [(4.0, "config.json: server.port: must be a whole number, not a string")]
    assert word(one.config) == "port 1"
    assert word(one.problem) == told[0][1]


async def test_the_same_config_again_ends_the_problem(autojump_clock: MockClock) -> None:
    write(1)
    one = watch()
    told = await story(one, (3.1, lambda: write("")), (8.1, lambda: write(1)))
    assert [at for at, _ in told] == [4.0, 8.5]
    assert told[1][1] == "port 1"
    assert one.problem is None


async def test_another_problem_is_told_again(autojump_clock: MockClock) -> None:
    write(1)
    told = await story(watch(), (3.1, lambda: write(70000)), (8.1, lambda: write(-1)))
    assert [text for _, text in told] == [
        "config.json: server.port: must be at most 65535",
        "config.json: server.port: must be at least 0",
    ]


async def test_a_file_caught_half_written_is_not_told(autojump_clock: MockClock) -> None:
    write(1)
    told = await story(watch(), (3.1, lambda: Path("config.json").write_text('{"server": {')), (3.6, lambda: write(2)))
    assert told == [(4.0, "port 2")]


async def test_an_editor_that_renames(autojump_clock: MockClock) -> None:
    write(1)

    def save() -> None:
        write(2, "config.json~new")
        os.replace("config.json~new", "config.json")

    assert await story(watch(), (3.1, save)) == [(3.5, "port 2")]


async def test_an_editor_that_deletes_first(autojump_clock: MockClock) -> None:
    write(1)
    told = await story(watch(), (3.1, lambda: os.unlink("config.json")), (3.6, lambda: write(2)))
    assert told == [(4.0, "port 2")]


async def test_a_deleted_file_never_brings_the_defaults_back(autojump_clock: MockClock, tmp_path: Path) -> None:
    write(1)
    one = watch()
    told = await story(one, (3.1, lambda: os.unlink("config.json")), (9.1, lambda: write(2)))
    problem = f"{tmp_path}/config.json: does not exist any more; the last good config stays in force"
    assert told == [(4.0, problem), (9.5, "port 2")]


async def test_a_file_that_appears_later_is_picked_up(autojump_clock: MockClock) -> None:
    assert await story(watch(), (3.1, lambda: write(7))) == [(3.5, "port 7")]


async def test_a_change_between_the_start_and_the_first_look_is_seen(autojump_clock: MockClock) -> None:
    write(1)
    config = load(None, {}, KINDS)
    write(2)
    one = ConfigWatch(lambda: load(None, {}, KINDS), ("config.json",), config, at_once)
    assert await story(one, (0.1, lambda: None)) == [(0.5, "port 2")]


async def test_the_same_content_again_is_no_news(autojump_clock: MockClock) -> None:
    write(1)
    assert await story(watch(), (3.1, lambda: os.utime("config.json", ns=(5, 5)))) == []


async def test_who_loads_may_refuse_for_reasons_of_its_own(autojump_clock: MockClock) -> None:
    write(1)

    def load_it() -> Config:
        config = load(None, {}, KINDS)
        if config.server.port == 2:
            raise ConfigError("here", "not two")
        return config

    assert await story(watch(load_it), (3.1, lambda: write(2))) == [(4.0, "here: not two")]


async def test_an_unchanged_file_is_not_read(autojump_clock: MockClock) -> None:
    write(1)
    read: list[float] = []

    def load_it() -> Config:
        read.append(trio.current_time())
        return load(None, {}, KINDS)

    await story(watch(load_it), (3600, lambda: None))
    assert len(read) == 2  # the start and the first look


async def test_a_reload_by_hand_tells_everything() -> None:
    write(1)
    one = watch()
    told: list[str] = []

    async def tell(outcome: Config | ConfigError) -> None:
        told.append(word(outcome))

    assert word(await one.reload(tell)) == "port 1"
    write("1,")
    assert "is not JSON" in word(await one.reload(tell))
    write(2)
    assert word(await one.reload(tell)) == "port 2"
    assert one.problem is None
    assert [each[:6] for each in told] == ["port 1", "config", "port 2"]


async def test_after_a_reload_by_hand_the_same_is_no_news(autojump_clock: MockClock) -> None:
    write(1)
    one = watch()
    write("1,")
    await one.reload(ignore)
    assert await story(one, (60, lambda: None)) == []
    write(2)
    await one.reload(ignore)
    assert await story(one, (60, lambda: None)) == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ENOMEM])
async def test_a_file_that_the_system_could_not_read_is_read_again(
    number: int, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(1)
    one = watch()
    words = f"config.json: cannot be read: {os.strerror(number)}"

    is_well = True

    def open_file(path: str, mode: str) -> Any:
        if is_well:
            return open(path, mode)
        raise OSError(number, os.strerror(number))

    def fail() -> None:
        nonlocal is_well
        write(2)
        is_well = False

    def mend() -> None:
        nonlocal is_well
        is_well = True

    monkeypatch.setattr(config_file, "open", open_file, raising=False)
    told = await story(one, (3.1, fail), (60.1, mend))
    assert told == [(4.0, words), (60.5, "port 2")]


async def test_memory_that_runs_out_is_no_mistake_of_the_file(autojump_clock: MockClock, tmp_path: Path) -> None:
    write(1)
    is_full = False

    def load_it() -> Config:
        if is_full:
            raise MemoryError
        return load(None, {}, KINDS)

    one = watch(load_it)
    write(2)
    is_full = True
    told = await story(one, (3.1, lambda: None))
    assert [text for _, text in told] == [f"{tmp_path}/config.json: cannot be read: out of memory"]
    is_full = False
    assert [text for _, text in await story(one, (3.1, lambda: None))] == ["port 2"]


async def test_files_that_do_not_answer_hold_up_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a mount whose server is gone: the thread is stuck, everything else goes on, and there is only one thread."""
    monkeypatch.setattr("linx.config.watch.MOST_S", 0.05)
    write(1)
    config = load(None, {}, KINDS)
    is_there = threading.Event()
    stuck: list[int] = []

    def load_it() -> Config:
        stuck.append(1)
        is_there.wait(HANG_S)
        return load(None, {}, KINDS)

    one = ConfigWatch(load_it, ("config.json",), config)
    try:
        for _ in range(3):
            problem = await one.reload(ignore)
            assert word(problem) == f"{tmp_path}/config.json: cannot be read: no answer within 0.05 s"
        assert len(stuck) == 1
    finally:
        is_there.set()
    write(2)
    with trio.fail_after(HANG_S):
        while word(await one.reload(ignore)) != "port 2":
            await trio.sleep(0.01)


async def ignore(_outcome: Config | ConfigError) -> None:
    pass


def test_it_looks_often_enough() -> None:
    assert INTERVAL_S * 2 < 2
