"""The process between Linx and ssh or ngrok, which do not know that they must end with Linx.

Started as a file, so it imports nothing of the package. Its standard input is the leash:
Linx holds the other end, and when that closes, however Linx ended, the command is killed.
Should this process be killed itself, the kernel kills the command (on Linux). The command
inherits standard output and error, so nothing it says passes through here.
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
    """Run the command ``argv`` until it ends or the leash is cut; its exit code, or 128 and the signal."""
    ended, note = os.pipe()
    os.set_blocking(note, False)
    # Before the command starts, since it may end at once.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(note, warn_on_full_buffer=False)
    me = os.getpid()
    try:
        command = subprocess.Popen(
            argv,
            # Open and silent until this process ends: at the end of its input, the command on the server may end.
            stdin=subprocess.PIPE,
            env=clean_environment(dict(os.environ)),
            # There is one thread here, so running Python between fork and exec is safe.
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
        # The group is this process's own: all that the command has started ends here, and so does this process.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        command.kill()
    command.wait()


def _die_with(parent: int) -> None:
    """Runs between fork and exec. The kernel watches the thread that forked, and here there is only one thread."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def clean_environment(env: dict[str, str]) -> dict[str, str]:
    """What the command may know: no keys of Linx, and not the libraries inside a one-file binary.

    The binary's loader puts its own folder in front of the library path and keeps the
    original beside it; a program of the system must not load those.
    """
    for name in ("LINX_API_KEY", "OPENROUTER_API_KEY"):
        env.pop(name, None)
    if getattr(sys, "frozen", False):
        for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
            env.pop(name, None)
            original = env.pop(f"{name}_ORIG", None)
            if original is not None:
                env[name] = original
    return env


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
