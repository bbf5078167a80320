"""A child process that Linx keeps running: started, listened to, started again when it dies, ended with Linx.

``running`` is one process from its start to its end. It leads a session of its own, so
that a Ctrl-C in the terminal goes to Linx alone, which lets running answers finish first.
Its standard input is the leash: Linx holds the other end and never closes it while the
child is wanted, so a child that watches it ends with Linx, however Linx ended.

``keep_running`` is the loop around it, the same for every child: what differs (the command,
what its lines mean, when it runs well) is handed in.
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
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0  # a child that has run well for so long starts again with the shortest pause
LAST_WORDS_S = 1.0  # for reading what a dead child has said
MAX_KEPT = 400  # characters kept of a line, for the exit reason and the log
MAX_LINE = 65536  # bytes of a line that are read; localhost.run draws a QR code into its own
MAX_REPEATED = 200  # characters of a child's own words in an exit reason


class CannotStart(Exception):
    """There is nothing to start; the text says why and what to do."""


class Ended(NamedTuple):
    """How a child came to its end, and for how long it had run well before."""

    reason: str
    well_s: float = 0.0


class BackOff:
    """How long to wait before the next start: 1 s, doubled with every failure in a row, 60 s at most."""

    def __init__(self) -> None:
        self._failures = 0

    def pause_s(self, well_s: float = 0.0) -> float:
        """The pause after one more failure, of a child that had run well for ``well_s``."""
        self._failures = 1 if well_s >= STEADY_S else self._failures + 1
        return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 32))


async def keep_running(run: Callable[[], Awaitable[Ended]], failed: Callable[[str, float], None]) -> NoReturn:
    """Run a child again and again until cancelled. ``failed`` gets each exit reason and the pause that follows."""
    back_off = BackOff()
    while True:
        try:
            ended = await run()
        except CannotStart as error:
            ended = Ended(str(error))
        await pause(ended.reason, back_off.pause_s(ended.well_s), failed)


async def pause(reason: str, pause_s: float, failed: Callable[[str, float], None]) -> None:
    """Report a failure, and wait until the next try."""
    # A child that is no longer wanted has been ended on purpose: a cancellation comes before the report.
    await trio.lowlevel.checkpoint()
    failed(reason, pause_s)
    await trio.sleep(pause_s)
    await trio.lowlevel.checkpoint()  # it may have been stopped in the moment between waking up and running


class Child:
    """A process that runs. Made by ``running``, which sees to its end."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self._process = process
        self._leash = process.stdin
        self._outputs = (process.stdout, process.stderr)

    async def send(self, data: bytes) -> None:
        """Write to its standard input. A child that is dead already is no error here: ``listen`` tells."""
        with contextlib.suppress(trio.BrokenResourceError):
            await self._leash.send_all(data)

    async def listen(self, hear: Callable[[str], None]) -> int:
        """Give ``hear`` every line that the child says until it has ended; its exit code."""
        async with trio.open_nursery() as nursery:
            for output in self._outputs:
                nursery.start_soon(_read_lines, output, hear)
            code = await self._process.wait()
            # A process that the child has started may hold its outputs open.
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WORDS_S
        return code

    def kill(self) -> None:
        """The child and whatever it has started: its group's number cannot be another's until it is waited for."""
        if os.name == "nt":
            self._process.kill()
        elif self._process.returncode is None or self._process.returncode < 0:
            # Below 0: the child was killed by somebody else and may have left its own children behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill it, wait for it, close its pipes. Never cancelled."""
        with trio.CancelScope(shield=True):
            self.kill()
            await self._process.wait()
            with trio.move_on_after(LAST_WORDS_S):
                # The end of its output is the end of the last process that the child has started.
                for output in self._outputs:
                    while await output.receive_some(65536):
                        pass
            for pipe in (self._leash, *self._outputs):
                await trio.aclose_forcefully(pipe)


@contextlib.asynccontextmanager
async def running(name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
    """Start ``argv``; it is dead and its pipes are closed when the block is left. Raises CannotStart."""
    try:
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise CannotStart(f"cannot start {name}: {error.strerror}") from None
    child = Child(process)
    try:
        yield child
    finally:
        await child.end()


def exit_reason(name: str, code: int | None, last: str = "") -> str:
    """Such as ``ssh ended with code 255: Connection refused``. Without a code the child still runs."""
    how = "" if code is None else f" was ended by signal {-code}" if code < 0 else f" ended with code {code}"
    return name + how + (f": {quote(last, MAX_REPEATED)}" if last else "")


class Lines:
    """Whole lines out of torn reads; of a longer one only its first ``MAX_LINE`` bytes are kept."""

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
        """What came without a line end."""
        return self.feed(b"\n")


async def _read_lines(output: trio.abc.ReceiveStream, hear: Callable[[str], None]) -> None:
    """Keep a pipe of the child empty, whatever is in it."""
    lines = Lines()
    async for data in output:
        for line in lines.feed(bytes(data)):
            hear(line)
    for line in lines.end():
        hear(line)
