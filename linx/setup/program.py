"""Runs a client's program in this terminal as if it had been started by hand: its signals, its exit status.

Rule: from the moment before the client starts until everything is put back no signal ends this process; each is the
client's, and what has to be put back is put back when the client has ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

PASSED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGBREAK")
    if hasattr(signal, name)
)
FROM_TERMINAL = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGQUIT", "SIGWINCH", "SIGBREAK") if hasattr(signal, name)
)
"""Signals that a terminal sends to the client itself, which is in the same group of processes."""
CANNOT_RUN = 126


class Signals:
    """Hands signals on to the client; those that come before it runs wait for it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []

    def hear(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None:
            self._waiting.append(number)
        elif not (number in FROM_TERMINAL and is_terminal_ours()):
            self._pass(number)

    def attend(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._waiting:
            if number != getattr(signal, "SIGWINCH", None):
                self._pass(number)

    def _pass(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.send_signal(number)

    @property
    def is_ended(self) -> bool:
        """Did a signal that ends programs come before the client was started?"""
        return any(number != getattr(signal, "SIGWINCH", None) for number in self._waiting)


@contextlib.contextmanager
def signals_kept() -> Iterator[Signals]:
    """Nothing in the block is ended by a signal."""
    signals = Signals()
    before = {number: signal.signal(number, signals.hear) for number in PASSED}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_terminal_ours() -> bool:
    """Is this process in the group that the terminal sends its signals to? Then the client is in it as well."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def run(argv: Sequence[str], env: Mapping[str, str], signals: Signals) -> int:
    """Run the program to its end; its exit status, or 128 and the number of the signal that ended it."""
    try:
        process = subprocess.Popen(argv, env=dict(env))
    except OSError:
        return CANNOT_RUN
    signals.attend(process)
    code = _wait(process)
    return code if code >= 0 else 128 - code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait until the program has ended, and hear every signal meanwhile.

    A signal that comes right before a plain wait would be heard only after it. Here each signal, and the end of the
    program is one too, leaves a byte in a pipe, which the next look finds.
    """
    if not hasattr(signal, "SIGCHLD"):
        return process.wait()
    come, note = os.pipe()
    os.set_blocking(note, False)
    before = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    former = signal.set_wakeup_fd(note, warn_on_full_buffer=False)
    try:
        while (code := process.poll()) is None:
            select.select([come], [], [])
            os.read(come, 4096)
        return code
    finally:
        signal.set_wakeup_fd(former)
        signal.signal(signal.SIGCHLD, before)
        os.close(come)
        os.close(note)
