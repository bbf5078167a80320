"""A child of Linx: started, listened to, ended whatever it does, and started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from linx.children import process
from linx.children.process import (
    BREATH,
    MAX_LINE,
    BackOff,
    CannotStart,
    Child,
    Ended,
    Lines,
    exit_reason,
    keep_running,
    needed,
    running,
)
from tests.fakes.programs import dead, is_alive


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def heard(code: str) -> tuple[int, list[str]]:
    """What a child says until it has ended."""
    lines: list[str] = []
    with trio.fail_after(20):
        async with running("it", python(code)) as child:
            exit_code = await child.listen(lines.append)
    return exit_code, sorted(lines)


# --- one child ---


async def test_both_outputs_are_heard_to_the_end() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.stdout.write('torn'); sys.exit(3)"
    assert await heard(code) == (3, ["err", "out", "torn"])


async def test_a_flood_on_both_outputs_does_not_stop_it() -> None:
    code = "import sys\nfor pipe in (sys.stdout, sys.stderr): pipe.write('x' * 3_000_000 + '\\nend\\n')"
    exit_code, lines = await heard(code)
    assert (exit_code, lines) == (0, ["end", "end", "x" * MAX_LINE, "x" * MAX_LINE])


async def test_it_is_not_in_the_session_of_the_terminal() -> None:
    assert await heard("import os; print(os.getsid(0) == os.getpid())") == (0, ["True"])


async def test_a_signal_is_told_as_a_negative_code() -> None:
    assert await heard("import os; os.kill(os.getpid(), 15)") == (-15, [])


async def test_what_is_sent_arrives_and_the_leash_stays_open() -> None:
    code = "import sys, select; print(sys.stdin.readline()); print(select.select([0], [], [], 0.2)[0])"
    lines: list[str] = []
    async with running("it", python(code)) as child:
        await child.send(b"key\n")
        assert await child.listen(lines.append) == 0
    assert lines == ["key", "[]"]


async def test_sending_to_a_dead_child_is_no_error() -> None:
    async with running("it", python("")) as child:
        await child.listen(lambda _line: None)
        await child.send(b"x" * 1_000_000)


async def test_what_cannot_be_started_is_said() -> None:
    with pytest.raises(CannotStart, match=r"^cannot start it: No such file or directory$"):
        async with running("it", ["/nonexistent/program"]):
            raise AssertionError


async def test_the_environment_is_the_given_one() -> None:
    lines: list[str] = []
    async with running("it", python("import os; print(os.environ.get('GIVEN'))"), {"GIVEN": "yes"}) as child:
        await child.listen(lines.append)
    assert lines == ["yes"]


FAMILY = """
import subprocess, sys, time
command = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(command.pid, flush=True)
time.sleep(600)
"""


async def family(child: Child) -> int:
    """The process that the child of FAMILY has started."""
    said: list[str] = []
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.listen, said.append)
            while not said:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    return int(said[0])


async def test_leaving_the_block_ends_it_and_what_it_has_started() -> None:
    async with running("it", python(FAMILY)) as child:
        grandchild = await family(child)
        assert is_alive(grandchild)
    assert not is_alive(child.pid)
    await dead(grandchild, within=1)


async def test_killed_by_somebody_else_it_leaves_nothing_behind() -> None:
    with trio.fail_after(20):
        async with running("it", python(FAMILY)) as child:
            grandchild = await family(child)
            os.kill(child.pid, signal.SIGKILL)
            assert await child.listen(lambda _line: None) == -signal.SIGKILL
        await dead(grandchild, within=1)


async def test_cancelled_it_is_ended_all_the_same() -> None:
    async def run() -> None:
        async with running("it", python(FAMILY)) as child:
            pids.append(child.pid)
            await trio.sleep_forever()

    pids: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        while not pids:
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert not is_alive(pids[0])


async def test_an_output_that_a_grandchild_holds_open_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LAST_WORDS_S", 0.1)
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    with trio.fail_after(4):
        assert (await heard(code))[0] == 0


WATCHES_THE_LEASH = """
import sys, trio
from linx.children.process import running

async def main():
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    async with running("it", [sys.executable, "-c", code]) as child:
        print(child.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
async def test_a_child_that_watches_its_leash_ends_with_linx_however_linx_ended() -> None:
    parent = subprocess.Popen(python(WATCHES_THE_LEASH), stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    await dead(child)


@pytest.mark.parametrize(
    ("code", "last", "reason"),
    [
        (1, "", "ssh ended with code 1"),
        (255, "refused", "ssh ended with code 255: refused"),
        (-9, "", "ssh was ended by signal 9"),
        (None, "odd", "ssh: odd"),
    ],
)
def test_the_exit_reason(code: int | None, last: str, reason: str) -> None:
    assert exit_reason("ssh", code, last) == reason


# --- again and again ---


def test_pauses_double_up_to_a_minute() -> None:
    back_off = BackOff()
    assert [back_off.pause_s() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [back_off.pause_s() for _ in range(1000)][-1] == 60


def test_steady_running_makes_the_next_pause_the_shortest() -> None:
    back_off = BackOff()
    assert [back_off.pause_s(well_s) for well_s in (0, 0, 59.9, 60, 0)] == [1, 2, 4, 1, 2]


async def test_a_child_is_started_again_for_as_long_as_it_is_wanted(autojump_clock: trio.testing.MockClock) -> None:
    starts: list[float] = []
    failures: list[tuple[str, float]] = []

    async def run() -> Ended:
        starts.append(trio.current_time())
        if len(starts) == 3:
            raise CannotStart("gone")
        await trio.sleep(100 if len(starts) == 4 else 0)
        return Ended(f"death {len(starts)}", trio.current_time() - starts[-1])

    with trio.move_on_after(150):
        await keep_running(run, lambda reason, pause_s: failures.append((reason, pause_s)))
    assert starts == [0, 1, 3, 7, 108, 110, 114, 122, 138]
    assert failures[:5] == [("death 1", 1), ("death 2", 2), ("gone", 4), ("death 4", 1), ("death 5", 2)]


async def test_an_end_that_was_asked_for_is_no_failure() -> None:
    failures: list[str] = []

    async def run() -> Ended:
        scope.cancel()
        return Ended("killed")

    with trio.CancelScope() as scope:
        await keep_running(run, lambda reason, _pause_s: failures.append(reason))
    assert failures == []


# --- lines ---

TEXT = b"one\r\n\ntwo \xe2\x82\xac\nthree"
LINES = ["one", "two €", "three"]


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_a_read_may_tear_a_line_anywhere(cut: int) -> None:
    lines = Lines()
    assert lines.feed(TEXT[:cut]) + lines.feed(TEXT[cut:]) + lines.end() == LINES


def test_byte_by_byte() -> None:
    lines = Lines()
    assert [line for byte in TEXT for line in lines.feed(bytes([byte]))] + lines.end() == LINES


def test_an_endless_line_costs_no_memory() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"x" * 65536) == []
    assert len(lines._tail) <= MAX_LINE
    assert lines.feed(b"\nnext\n") == ["x" * MAX_LINE, "next"]


async def test_a_child_gets_no_more_of_the_environment_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-canary")
    monkeypatch.setenv("LANG", "C.UTF-8")
    heard: list[str] = []
    async with running("it", python("import os; print(*os.environ)")) as child:
        await child.listen(heard.append)
    names = set(heard[0].split())
    assert "LANG" in names
    assert "OPENROUTER_API_KEY" not in names
    assert needed({"A_1": "x", "B": "y", "C": "z"}, ("B",), ("A_",)) == {"A_1": "x", "B": "y"}


async def test_many_lines_let_other_tasks_run() -> None:
    turns = 0

    async def count(scope: trio.CancelScope) -> None:
        nonlocal turns
        with scope:
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

    lines, most, since = 0, 0, 0

    def hear(_line: str) -> None:
        nonlocal lines, most, since
        lines += 1
        since = 0 if turns != hear_seen[0] else since + 1
        hear_seen[0] = turns
        most = max(most, since)

    hear_seen = [0]
    async with running("it", python("import sys; sys.stdout.write('a\\n' * 100_000)")) as child:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(count, scope)
            await child.listen(hear)
            scope.cancel()
    assert lines == 100_000
    assert most < 2 * BREATH
