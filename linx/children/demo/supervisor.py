"""``--demo``: a real model that comes with Linx, served by a child process.

The child (``demo/child.py``) is a llama.cpp server on a loopback port. When it dies, it is
started again after a pause that grows; when Linx ends, it ends. Its port and its key stay
the same for as long as Linx runs, so the provider in the config never changes.
"""

from __future__ import annotations

import logging
import math
import os
import re
import secrets
from typing import TYPE_CHECKING, Literal

import trio

from linx.children.demo.commands import argv_for_child, check_engine, environment, find_model, free_port
from linx.children.process import MAX_KEPT, Child, Ended, exit_reason, keep_running, running
from linx.config.model import DEMO, ProviderConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linx.config.model import Config

State = Literal["loading", "up", "failed"]

NAME = "llama.cpp"
POLL_S = 0.1  # between two questions whether the model is loaded
PROGRESS_S = 3.0  # between two log lines while the model loads
PROBE_TIMEOUT_S = 2.0

_ERROR_LINE = re.compile(r"\S+ E +(?:\S+ +)?(.*)")  # llama.cpp: time, level, component, text
_log = logging.getLogger("linx.demo")


class Demo:
    """The demo's provider. The constructor raises ConfigError if something is missing; ``run`` keeps the child running.

    ``on_change`` is called after each change of ``state``, so that a model that has just been
    loaded is known at once and not only at the next probe.
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
        """The key that the child demands, so that a web page that guesses the port gets no answer."""
        self.state: State = "loading"
        self.last_error: str | None = None
        self.port = 0
        """Chosen when ``run`` begins, so that Linx itself cannot take the port in the meantime."""
        self.pid: int | None = None
        """The process id of the child, while it runs."""
        self._on_change = on_change
        self._command = command

    def __repr__(self) -> str:
        return f"<Demo {self.model_name} on port {self.port}: {self.state}>"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_loading(self) -> bool:
        """Is the model still loading, so that a refused connection is no failure?"""
        return self.state == "loading"

    def added_to(self, config: Config) -> Config:
        """The config with the demo as a provider, which serves every model name that no other provider can serve."""
        return config.with_provider(
            ProviderConfig(
                name=DEMO,
                kind="llamacpp",
                endpoint=self.endpoint,
                api_key=self.api_key,
                local=True,
                model_mappings={"default": self.model_name},
                is_last_resort=True,
            )
        )

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the child running until cancelled. ``started`` gives the endpoint at once."""
        self.port = free_port()
        task_status.started(self.endpoint)
        await keep_running(self._run_once, self._failed)

    def _failed(self, reason: str, pause_s: float) -> None:
        self._become("failed", reason)
        _log.error("demo: %s; trying again in %.0f s", reason, math.ceil(pause_s))

    def _become(self, state: State, problem: str | None = None) -> None:
        self.state = state
        if state != "loading":  # while a new child loads, the error of the last child is still of interest
            self.last_error = problem
        self._on_change()

    async def _run_once(self) -> Ended:
        """Run one child from its start to its end."""
        started = trio.current_time()
        output = Output()
        try:
            async with running(NAME, self._command(self.model_path, self.port), environment(os.environ)) as child:
                self.pid = child.pid
                self._become("loading")
                await child.send(self.api_key.encode() + b"\n")
                code = await self._attend(child, output)
        finally:
            self.pid = None
        return Ended(exit_reason(NAME, code, output.cause), trio.current_time() - started)

    async def _attend(self, child: Child, output: Output) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_loading)
            code = await child.listen(output.hear)
            nursery.cancel_scope.cancel()
        return code

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


class Output:
    """The parts of one child's output that can explain why the child ended."""

    def __init__(self) -> None:
        self._last = ""
        self._first_error: str | None = None

    def hear(self, line: str) -> None:
        text = line[:MAX_KEPT]
        _log.debug("demo: %s", text)
        self._last = text
        if self._first_error is None and (found := _ERROR_LINE.fullmatch(text)):
            self._first_error = found[1]

    @property
    def cause(self) -> str:
        """The first error line, since later errors follow from the first; without an error the last line."""
        return self._first_error or self._last
