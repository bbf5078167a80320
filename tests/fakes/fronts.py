"""Real nginx and HAProxy in front of Linx, configured with the very lines of behind-a-proxy.md and scaling.md.

A front counts the requests that it has forwarded, in its log. Between front and Linx stands a ``Tap``, which
passes all bytes on and counts the answers that Linx gives. If a request were smuggled through a front, Linx
would give an answer that the front has asked for nowhere.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import trio

from tests.conftest import find_program
from tests.fakes.sshd import free_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

DOCS = Path(__file__).parents[2] / "docs"

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 1024; }}
http {{
    log_format counted '$request_method|$uri|$status|$upstream_status';
    access_log {folder}/access.log counted;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{lines}
}}
"""
_HAPROXY = """
global
    log stdout format raw daemon
    stats socket {folder}/stats mode 600
{lines}
"""
_HAPROXY_LOG = '    log global\n    log-format "%HM|%HP|%ST|%s|%Tr|%ts"\n'


@dataclass(frozen=True)
class Forwarded:
    """A request that a front has sent on, and the status that it got."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Page:
    """A document with a block for each front, and the ports of the Linx that the blocks name."""

    name: str
    ports: tuple[int, ...]


ONE = Page("behind-a-proxy.md", (8080,))
TWO = Page("scaling.md", (8081, 8082))


@dataclass(frozen=True)
class Kind:
    program: str
    config: Callable[[Page, Path, int, Sequence[int]], str]
    """The text of the configuration, from a page, a folder, the port to listen on, and the ports of the page's Linx."""
    command: Callable[[str, Path], list[str]]
    """The command line, from the path of the program and the folder."""
    log: str
    """The file in the folder that has a line for each request."""
    passed: Callable[[str], Forwarded | None]
    """What a line of the log says of a request that was forwarded and answered."""
    is_given_up: Callable[[str], bool]
    """Does a line of the log tell of a client that left before its answer? Linx may have answered it nevertheless."""


def _block(page: Page, language: str, ports: Sequence[int]) -> str:
    """The lines of a page, with ``ports`` in place of those that its Linx have there."""
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / page.name).read_text(), re.DOTALL)
    assert found is not None, f"{page.name} has no block for {language}"
    lines = found[1]
    for old, new in zip(page.ports, ports, strict=True):
        lines = _swap(lines, f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    return lines


def _swap(lines: str, old: str, new: str) -> str:
    assert old in lines, f"the page has no longer {old!r}"
    return lines.replace(old, new)


def _nginx_config(page: Page, folder: Path, port: int, ports: Sequence[int]) -> str:
    lines = _block(page, "nginx", ports)
    lines = _swap(lines, "listen 443 ssl;", f"listen 127.0.0.1:{port} backlog=1024;")
    return _NGINX.format(folder=folder, lines=lines, user="user root;" if os.geteuid() == 0 else "")


def _haproxy_config(page: Page, folder: Path, port: int, ports: Sequence[int]) -> str:
    lines = _block(page, "haproxy", ports)
    lines = _swap(lines, "bind :443 ssl crt /etc/haproxy/models.pem", f"bind 127.0.0.1:{port}")
    lines = _swap(lines, "    mode http\n", "    mode http\n" + _HAPROXY_LOG)
    return _HAPROXY.format(folder=folder, lines=lines)


def _nginx_passed(line: str) -> Forwarded | None:
    parts = line.rsplit("|", 3)
    # "-": nginx itself has answered, or Linx closed without an answer.
    if len(parts) != 4 or not parts[3].isdecimal():
        return None
    return Forwarded(parts[0], parts[1], int(parts[3]))


def _haproxy_passed(line: str) -> Forwarded | None:
    parts = line.rsplit("|", 5)
    # <NOSRV>: no server was asked; -1: the server was, but HAProxy itself has answered (a body that became malformed).
    if len(parts) != 6 or parts[3] != "linx" or parts[4] == "-1":
        return None
    return Forwarded(parts[0], parts[1], int(parts[2]))


KINDS = {
    "nginx": Kind(
        "nginx",
        _nginx_config,
        lambda program, folder: [program, "-p", str(folder), "-e", str(folder / "log"), "-c", str(folder / "config")],
        "access.log",
        _nginx_passed,
        lambda line: "|499|" in line,
    ),
    "haproxy": Kind(
        "haproxy",
        _haproxy_config,
        lambda program, folder: [program, "-db", "-f", str(folder / "config")],
        "log",
        _haproxy_passed,
        lambda line: line.rpartition("|")[2].startswith("C"),
    ),
}


class Front:
    """A front that forwards to ``ports`` of this machine, as ``page`` has it."""

    def __init__(self, kind: str, folder: Path, *ports: int, page: Page = ONE) -> None:
        self._kind = KINDS[kind]
        self._folder = folder
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text(self._kind.config(page, folder, self.port, ports))

    def lines(self) -> list[str]:
        path = self._folder / self._kind.log
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def forwarded(self) -> list[Forwarded]:
        """The requests that are over and that Linx has answered."""
        return [request for line in self.lines() if (request := self._kind.passed(line))]

    def given_up(self) -> int:
        """How many requests are over because their client left."""
        return sum(self._kind.is_given_up(line) and self._kind.passed(line) is None for line in self.lines())

    async def __aenter__(self) -> Self:
        program = find_program(self._kind.program)
        assert program is not None
        with (self._folder / "log").open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                self._kind.command(program, self._folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            with trio.fail_after(HANG_S):
                while not await is_listening(self.port):
                    assert self._process.poll() is None, (self._folder / "log").read_text()
                    await trio.sleep(0.01)
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)  # nginx ends its worker, too
                with trio.move_on_after(10):
                    await self._process.wait()
            if self._process.poll() is None:
                self._process.kill()
                await self._process.wait()


async def is_listening(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return False
    await trio.aclose_forcefully(stream)
    return True


@dataclass
class Tap:
    """Passes bytes between a front and ``target``, a port of this machine, and keeps what Linx has answered."""

    target: int
    port: int = 0
    answers: list[bytearray] = field(default_factory=list)
    """All bytes from Linx, for each connection."""

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listener.getsockname()[1]
        task_status.started(self.port)
        stream = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        await trio.serve_listeners(self._pass, [stream])

    async def _pass(self, front: trio.SocketStream) -> None:
        kept = bytearray()
        self.answers.append(kept)
        async with await trio.open_tcp_stream("127.0.0.1", self.target) as linx, front, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, front, linx, None, nursery.cancel_scope)
            nursery.start_soon(_copy, linx, front, kept, nursery.cancel_scope)


async def _copy(
    source: trio.SocketStream, sink: trio.SocketStream, kept: bytearray | None, scope: trio.CancelScope
) -> None:
    """Pass bytes on until either side closes; then both are closed."""
    try:
        async for data in source:
            if kept is not None:
                kept += data
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    scope.cancel()
