"""Stand-ins for ssh and ngrok: an executable on PATH that says what the test tells it to.

``lives`` says what each start does, one after the other (the last one again and again): the
lines for standard output and standard error, and the exit code, or None to run on. While it
runs, whatever ``say`` writes is said, too.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCRIPT = """#!{python} -IS
import json, os, sys, time
base = {base!r}
with open(base + ".calls", "a") as calls:
    calls.write(json.dumps({{"argv": sys.argv[1:], "pid": os.getpid(), "env": dict(os.environ)}}) + "\\n")
lives = json.load(open(base + ".json"))
number = sum(1 for _ in open(base + ".calls")) - 1
life = lives[min(number, len(lives) - 1)]
for line in life["out"]:
    sys.stdout.write(line + "\\n")
sys.stdout.flush()
for line in life["err"]:
    sys.stderr.write(line + "\\n")
sys.stderr.flush()
if life["flood"]:
    block = b"x" * 65536
    for _ in range(life["flood"]):
        os.write(1, block)
    sys.stdout.write("\\n" + life["after"] + "\\n")
    sys.stdout.flush()
if life["code"] is not None:
    sys.exit(life["code"])
told = 0
while True:
    if os.path.exists(base + ".say"):
        with open(base + ".say") as file:
            lines = file.read().splitlines()
        for line in lines[told:]:
            if line.startswith("exit "):
                os._exit(int(line[5:]))
            sys.stdout.write(line + "\\n")
            sys.stdout.flush()
        told = len(lines)
    time.sleep(0.02)
"""


@dataclass
class Life:
    out: Sequence[str] = ()
    err: Sequence[str] = ()
    code: int | None = None
    flood: int = 0
    """Blocks of 64 KiB without a line end on standard output, then ``after``."""
    after: str = ""


@dataclass
class Program:
    """``name`` in ``folder``, which is to stand first in PATH."""

    folder: Path
    name: str
    lives: list[Life] = field(default_factory=lambda: [Life()])

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True, parents=True)
        self._base = self.folder / self.name
        self.is_to(*self.lives)
        self._base.write_text(SCRIPT.format(python=sys.executable, base=str(self._base)))
        self._base.chmod(0o755)

    @property
    def path(self) -> str:
        return os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])

    def is_to(self, *lives: Life) -> None:
        self._with(".json").write_bytes(jsontext.dumps([asdict(life) for life in lives]))

    def say(self, *lines: str) -> None:
        with self._with(".say").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    @property
    def calls(self) -> list[Any]:
        path = self._with(".calls")
        lines = path.read_text().splitlines() if path.exists() else []
        return [jsontext.loads(line.encode()) for line in lines]

    async def called(self, times: int = 1) -> Any:
        """Wait until it was started so often; the last of these calls."""
        with trio.fail_after(HANG_S):
            while len(self.calls) < times:
                await trio.sleep(0.01)
        return self.calls[times - 1]

    def _with(self, ending: str) -> Path:
        return self._base.with_name(self.name + ending)


def is_alive(pid: int) -> bool:
    """A process that is not merely waiting to be reaped."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def start_takes() -> float:
    """Seconds that such a program needs to its first word, on this machine, now: for bounds on what it says in time."""
    began = trio.current_time()
    await trio.run_process([sys.executable, "-IS", "-c", "import json, os, sys, time"])
    return trio.current_time() - began


async def dead(*pids: int, within: float = 5) -> None:
    with trio.fail_after(within):
        while any(is_alive(pid) for pid in pids):
            await trio.sleep(0.01)


def lhr(name: str, message: str = "") -> str:
    """What localhost.run prints for a forward."""
    event = {
        "event": "tcpip-forward",
        "address": name,
        "authz_code": "OK",
        "connection_id": "203.0.113.9:40022",
        "listen_host": "localhost",
        "listen_port": 80,
        "message": message or f"{name} tunneled with tls termination, https://{name}\nQR code",
    }
    return jsontext.dumps(event).decode()
