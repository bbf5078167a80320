"""``scripts/first-minute``: runs Linx with its demo model as a new user would, and draws what the terminal showed.

What is typed here is run as it stands, in an empty home, and what is drawn is what came out, with its times; the path
of that home is written as ``~``. Answers of the model take as long as this machine needs.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.documents.pages import ROOT
from tests.documents.terminal import COLUMNS, PROMPT, TYPED_S, Line, svg

TITLE = "The first minute with Linx: a model, a client, what it cost"
QUESTION = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Name three colors."}], "temperature": 0}'
STEPS = (
    ("linx --demo &", r"demo is up"),
    (f'curl -s localhost:8080/v1/chat/completions -d \'{QUESTION}\' | grep -o \'"content":"[^"]*"\'', r"curl *\r?\n"),
    ("linx setup aider --write", r"wrote .*\n"),
    ("linx usage --since 24h", r"on your own machines"),
)
"""A command, and what is waited for behind it."""
PAUSE_S = 0.6  # between an answer and the next command
LONGEST_S = 60.0


class Shell:
    """A shell in a terminal, in an empty home."""

    def __init__(self, home: Path) -> None:
        bin_folder = home / ".local" / "bin"
        bin_folder.mkdir(parents=True)
        program = bin_folder / "linx"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "linx.py"}" "$@"\n')
        program.chmod(0o755)
        self.home = home
        self.ours, theirs = pty.openpty()
        env = {
            "HOME": str(home),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "LANG": "C.UTF-8",
            "PS1": "",
        }
        argv = ["sh", "-c", 'while IFS= read -r line; do eval "$line"; done']
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, cwd=home, env=env, start_new_session=True
        )
        os.close(theirs)

    def run(self, command: str, until: str) -> list[tuple[float, str]]:
        """The lines that came, with the seconds since the command was given."""
        assert self.process.stdin is not None
        started = time.monotonic()
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()
        text = ""
        lines: list[tuple[float, str]] = []
        while time.monotonic() - started < LONGEST_S:
            is_found = re.search(until, "".join(line for _at, line in lines)) is not None
            if not select.select([self.ours], [], [], 0.7 if is_found else 0.2)[0]:
                if is_found:
                    return lines
                continue
            text += os.read(self.ours, 65_536).decode(errors="replace").replace(str(self.home), "~")
            *whole, text = text.split("\n")
            lines += [(time.monotonic() - started, f"{line}\n") for line in whole]
        seen = "".join(line for _at, line in lines)
        raise SystemExit(f"{command}: waited {LONGEST_S:g} s for {until!r}; the terminal had:\n{seen}")

    def end(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def recorded() -> list[Line]:
    """The lines of the terminal, with the time at which each appears in the picture."""
    found: list[Line] = []
    now_s = 0.3
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        try:
            for command, until in STEPS:
                found.append(Line(now_s, f"{PROMPT}{command}", is_typed=True))
                now_s += len(command) * TYPED_S + 0.2
                lines = shell.run(command, until)
                found += [Line(now_s + at_s, line.rstrip()) for at_s, line in lines]
                now_s += lines[-1][0] + PAUSE_S
                found.append(Line(now_s, ""))
            return found[:-1]
        finally:
            shell.end()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(svg(recorded(), TITLE))
