"""A child process that Linx keeps running: Linx starts it, reads its output, starts it again, and ends it.

``running`` is one process from its start to its end. The process leads a session of its own,
so that a Ctrl-C in the terminal reaches Linx only, which lets running answers finish first.
The child's standard input is the leash: Linx keeps its end of this pipe open while the child
is wanted, and the system closes it when Linx ends in any way. So a child that watches its
standard input can end with Linx.

``keep_running`` is the loop that starts the child again. It is the same for every child; the
command, the meaning of the child's output and when it counts as running well are handed in.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import trio

from linx.core.errors import quote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0  # a child that ran well for at least so long is started again after the shortest pause
LAST_WORDS_S = 1.0  # how long the rest of a dead child's output is read
MAX_KEPT = 400  # characters of an output line that are kept for the exit reason and the log
MAX_LINE = 65536  # bytes of an output line that are read; localhost.run sends a QR code in one line
MAX_REPEATED = 200  # characters of a child's output in an exit reason
BREATH = 64  # lines of output after which other tasks get a turn
NEEDED = frozenset({"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"})
"""The variables of the environment that every child gets."""
NEEDED_BEGIN = ("LC_", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH", "_PYI_", "_MEIPASS")
"""The beginnings of further names. On Windows the single binary, as its own child, needs those of its loader."""
if os.name == "nt":
    NEEDED |= {"APPDATA", "COMSPEC", "LOCALAPPDATA", "PATHEXT", "PROGRAMDATA", "SYSTEMROOT", "TEMP", "TMP"}
    NEEDED |= {"USERNAME", "USERPROFILE"}


class CannotStart(Exception):
    """The child cannot be started; the text says why and what to do."""


class Ended(NamedTuple):
    """Why a child ended, and for how many seconds it had run well."""

    reason: str
    well_s: float = 0.0


class BackOff:
    """The pause before the next start: 1 s, doubled with every failure in a row, at most 60 s."""

    def __init__(self) -> None:
        self._failures = 0

    def pause_s(self, well_s: float = 0.0) -> float:
        """The pause after one more failure; the child had run well for ``well_s`` before it."""
        self._failures = 1 if well_s >= STEADY_S else self._failures + 1
        return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 32))


async def keep_running(run: Callable[[], Awaitable[Ended]], failed: Callable[[str, float], None]) -> NoReturn:
    """Run a child again and again until cancelled. ``failed`` gets each exit reason and the pause after it."""
    back_off = BackOff()
    while True:
        try:
            ended = await run()
        except CannotStart as error:
            ended = Ended(str(error))
        await pause(ended.reason, back_off.pause_s(ended.well_s), failed)


async def pause(reason: str, pause_s: float, failed: Callable[[str, float], None]) -> None:
    """Report a failure, then wait until the next try."""
    # If the child was ended because it is no longer wanted, the cancellation arrives here and nothing is reported.
    await trio.lowlevel.checkpoint()
    failed(reason, pause_s)
    await trio.sleep(pause_s)
    await trio.lowlevel.checkpoint()  # the child may have become unwanted between the end of the sleep and this line


class Child:
    """A running child process. ``running`` makes it and ends it."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self._process = process
        self._leash = process.stdin
        self._outputs = (process.stdout, process.stderr)

    async def send(self, data: bytes) -> None:
        """Write to the child's standard input. A dead child is no error here, since ``listen`` reports its end."""
        with contextlib.suppress(trio.BrokenResourceError):
            await self._leash.send_all(data)

    async def listen(self, hear: Callable[[str], None]) -> int:
        """Call ``hear`` with every line of the child's output until the child has ended; returns its exit code."""
        async with trio.open_nursery() as nursery:
            for output in self._outputs:
                nursery.start_soon(_read_lines, output, hear)
            code = await self._process.wait()
            # A process that the child has started may keep the output pipes open, so reading has a deadline.
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WORDS_S
        return code

    def kill(self) -> None:
        """Kill the child and all processes of its group.

        Until the child has been waited for, the system gives its process group's number to no
        other group.
        """
        if os.name == "nt":
            self._process.kill()
        elif self._process.returncode is None or self._process.returncode < 0:
            # Below 0: a signal from outside killed the child, and processes that it started may still run.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the child, wait for it, close its pipes. Cannot be cancelled."""
        with trio.CancelScope(shield=True):
            self.kill()
            await self._process.wait()
            with trio.move_on_after(LAST_WORDS_S):
                # The output ends when the last process that the child started has ended.
                for output in self._outputs:
                    while await output.receive_some(65536):
                        pass
            for pipe in (self._leash, *self._outputs):
                await trio.aclose_forcefully(pipe)


@contextlib.asynccontextmanager
async def running(name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
    """Start ``argv``. When the block ends, the child is dead and its pipes are closed. Raises CannotStart.

    ``env`` is all of the child's environment, by default what every child needs of Linx's own.
    """
    try:
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=needed(os.environ) if env is None else dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise CannotStart(f"cannot start {name}: {error.strerror}") from None
    child = Child(process)
    try:
        yield child
    finally:
        await child.end()


def needed(env: Mapping[str, str], also: Collection[str] = (), beginning: tuple[str, ...] = ()) -> dict[str, str]:
    """What a child needs of ``env``: a list of names, since nobody knows all variables that hold a key.

    ``also`` are further names, ``beginning`` the beginnings of further names.
    """
    start = NEEDED_BEGIN + beginning
    return {name: value for name, value in env.items() if name in NEEDED or name in also or name.startswith(start)}


def exit_reason(name: str, code: int | None, last: str = "") -> str:
    """A text such as ``ssh ended with code 255: Connection refused``. ``code`` is None while the child runs."""
    how = "" if code is None else f" was ended by signal {-code}" if code < 0 else f" ended with code {code}"
    return name + how + (f": {quote(last, MAX_REPEATED)}" if last else "")


class Lines:
    """Puts reads together into whole lines. Of a longer line only the first ``MAX_LINE`` bytes are kept."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, tail = data.split(b"\n")
        if not whole:
            self._tail = (self._tail + tail)[:MAX_LINE]
            return []
        whole[0] = self._tail + whole[0]
        self._tail = tail[:MAX_LINE]
        return [text for line in whole if (text := line[:MAX_LINE].decode(errors="replace").strip())]

    def end(self) -> list[str]:
        """The last line, if it came without a line end."""
        return self.feed(b"\n")


async def _read_lines(output: trio.abc.ReceiveStream, hear: Callable[[str], None]) -> None:
    """Read a pipe of the child to its end, so that the child never blocks on a full pipe."""
    lines = Lines()
    async for data in output:
        for number, line in enumerate(lines.feed(bytes(data)), 1):
            hear(line)
            if not number % BREATH:
                await trio.lowlevel.checkpoint()
    for line in lines.end():
        hear(line)
