"""A real sshd on a loopback port, with a host key of its own, as localhost.run or as one's own server.

Each login runs a forced command that prints ``says`` and stays until its connection ends.
Forwarded ports open on 127.0.0.1. Only processes that it started itself are ever ended.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

import trio

from tests.conftest import find_program
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from types import TracebackType

CONFIG = """
Port {port}
AddressFamily inet
ListenAddress 127.0.0.1
HostKey {folder}/{host_key}
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AllowTcpForwarding {forwarding}
GatewayPorts no
PrintMotd no
PrintLastLog no
LogLevel ERROR
"""
SCRIPT = """#!/bin/sh
cat '{folder}/says'
printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >> '{folder}/asked'
while kill -0 "$PPID" 2>/dev/null; do sleep 0.2; done
"""


class Sshd:
    def __init__(self, folder: Path, says: str = "", *, forwarding: str = "yes") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.identity = str(folder / "identity")
        self.user = getpass.getuser()
        self.forwarding = forwarding
        self._process: trio.Process | None = None
        self.host_key = "host_ed25519"
        for name, kind in (("host_ed25519", "ed25519"), ("host_ecdsa", "ecdsa"), ("identity", "ed25519")):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / name)], check=True)
        script = folder / "session"
        script.write_text(SCRIPT.format(folder=folder))
        script.chmod(0o755)
        public = (folder / "identity.pub").read_text()
        (folder / "authorized_keys").write_text(f'command="{script}" {public}')
        self.says(says)

    def says(self, text: str) -> None:
        (self.folder / "says").write_text(text and text + "\n")

    @property
    def asked(self) -> list[str]:
        """The command that each login wanted to run."""
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            await self.kill()

    async def start(self) -> None:
        program = find_program("sshd")
        assert program is not None
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where sshd goes to be without privileges
        config = self.folder / "config"
        config.write_text(
            CONFIG.format(port=self.port, folder=self.folder, host_key=self.host_key, forwarding=self.forwarding)
        )
        with (self.folder / "log").open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                [program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        with trio.fail_after(HANG_S):
            while True:
                try:
                    stream = await trio.open_tcp_stream("127.0.0.1", self.port)
                except OSError:
                    assert self._process.poll() is None, (self.folder / "log").read_text()
                    await trio.sleep(0.02)
                    continue
                await trio.aclose_forcefully(stream)
                break

    async def kill(self) -> None:
        """At once, every connection with it."""
        if self._process is None:
            return
        family = [self._process.pid]
        for pid in family:
            family += children_of(pid)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()
        self._process = None


def children_of(pid: int) -> list[int]:
    """Of any process, from what Linux tells."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(entry.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
