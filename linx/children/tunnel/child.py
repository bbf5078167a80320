"""The process between Linx and ssh or ngrok. It ends them with Linx, since they would not end by themselves.

It is started as a file, so it can import nothing of the package. Its standard input is the
leash: Linx keeps the other end open, and when it closes, because Linx has ended in any way,
this process kills the command. If this process is killed itself, the kernel kills the
command (on Linux). The command inherits standard output and standard error, so its output
does not pass through this process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Run the command ``argv`` until it ends or the leash closes.

    Returns the command's exit code, or 128 plus the number of the signal that ended it.
    """
    ended, note = os.pipe()
    os.set_blocking(note, False)
    # Set up before the command starts, since the command may end at once.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(note, warn_on_full_buffer=False)
    me = os.getpid()
    try:
        command = subprocess.Popen(
            argv,
            # A pipe that stays open without input: at the end of its input, the command on the server might end.
            stdin=subprocess.PIPE,
            env=clean_environment(dict(os.environ)),
            # This process has one thread, so running Python between fork and exec is safe.
            preexec_fn=(lambda: _die_with(me)) if sys.platform == "linux" else None,
        )
    except OSError as error:
        print(f"cannot start {argv[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201 - Linx reads it
        return NOT_STARTED
    leash = sys.stdin.fileno()
    while command.poll() is None:
        ready = select.select([leash, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
        elif leash in ready and not os.read(leash, 4096):
            _kill(command)
    return command.returncode if command.returncode >= 0 else 128 - command.returncode


def _kill(command: subprocess.Popen[bytes]) -> None:
    if os.getpgrp() == os.getpid():
        # The process group is this process's own: SIGKILL ends all that the command has started, and this process.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        command.kill()
    command.wait()


def _die_with(parent: int) -> None:
    """Ask the kernel to kill the command when its parent ends. Runs between fork and exec.

    The kernel watches the thread that forked, which is the only thread of the parent.
    """
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def clean_environment(env: dict[str, str]) -> dict[str, str]:
    """``env`` for the command: without Linx's keys."""
    for name in ("LINX_API_KEY", "OPENROUTER_API_KEY"):
        env.pop(name, None)
    return env


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
