"""The process between ``linx launch`` and the Linx that it starts: it ends that Linx however ``launch`` ends.

Its standard input is the leash: ``launch`` keeps the other end open, and the system closes it even when ``launch`` is
killed. It is started as ``linx --launched-child COMMAND…``.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

DRAIN_S = 5.0
"""How long running answers may take once the client has ended; their reader is gone."""
NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Run the command until it ends or the leash closes. Returns its exit code."""
    ended, note = os.pipe()
    os.set_blocking(note, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(note, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: os.write(note, b"\xff"))
    try:
        command = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\n")
        return NOT_STARTED
    leash = sys.stdin.fileno()
    while command.poll() is None:
        ready = select.select([leash, ended], [], [])[0]
        if (leash in ready and not os.read(leash, 4096)) or (ended in ready and b"\xff" in os.read(ended, 4096)):
            return _end(command)
    return command.returncode


def _end(command: subprocess.Popen[bytes]) -> int:
    command.terminate()
    try:
        return command.wait(DRAIN_S)
    except subprocess.TimeoutExpired:
        command.kill()
        return command.wait()
