"""The process that ends a Linx with the command that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import linx

ROOT = Path(linx.__file__).parent.parent
RUN = [sys.executable, "-c", "import sys; from linx.setup.leash import main; sys.exit(main(sys.argv[1:]))"]


def leashed(code: str) -> subprocess.Popen[bytes]:
    argv = [*RUN, sys.executable, "-u", "-c", code]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


def test_it_ends_with_the_leash() -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('up'); time.sleep(60)"
    )
    with leashed(code) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"up\n"
        child.stdin.close()
        assert child.wait(20) == 7


def test_it_ends_with_the_command_and_as_it_did() -> None:
    with leashed("raise SystemExit(3)") as child:
        assert child.wait(20) == 3


def test_what_cannot_be_started() -> None:
    done = subprocess.run([*RUN, "/gone/program"], stdin=subprocess.PIPE, capture_output=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (127, b"cannot start /gone/program: No such file or directory\n")
