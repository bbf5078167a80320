"""The proxies that are measured (contenders), and a running contender.

All get the same OpenAI request; ``benchmarks/proxies`` says how each is set up. A contender that is not there is left
out with a message, and one that fails a workload is shown as failing.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import prompts, setting
from benchmarks.load import LoadError, once
from benchmarks.processes import Running
from benchmarks.proxies.gateways import GATEWAYS
from benchmarks.proxies.go_gateways import GO_GATEWAYS
from benchmarks.proxies.ours import LINX
from benchmarks.proxies.servers import SERVERS
from benchmarks.setting import Contender, Fields, Setting, Unavailable, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.provider import Provider

ROOT = setting.ROOT
START_S = 90.0
ANSWER_S = 20.0  # from being ready to the first right answer, e.g. while models are being discovered

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("direct", "no proxy", None, lambda: f"Python {sys.version.split()[0]}"),
        *SERVERS,
        *LINX,
        *GO_GATEWAYS,
        *GATEWAYS,
    )
}


class Started:
    """A running contender that has answered a request."""

    def __init__(
        self,
        contender: Contender,
        program: Path,
        providers: tuple[Provider, ...],
        folder: Path,
        *,
        is_tls: bool = False,
    ) -> None:
        self.contender = contender
        self.name = contender.name
        self.program = program
        self.process: Running | None = None
        self._fields: Fields = ()
        if contender.command is None:
            # The load generator speaks no TLS: without a proxy there is nothing that could be compared.
            self.port = providers[0].port
            self.ready_s = self.first_answer_s = 0.0
            return
        folder.mkdir(parents=True, exist_ok=True)
        urls = tuple(provider.url(is_tls=is_tls) for provider in providers)
        given = Setting(urls, free_port(), folder, providers[0].certificate)
        command, env = contender.command(given)
        self.port = given.port
        self._fields = contender.headers(given)
        self.process = Running(command, folder / "log.txt", env=env, cwd=contender.checkout or folder)
        try:
            self._await()
        except BaseException:
            self.stop()
            raise

    def request(self, body: prompts.Body, fields: Fields = (), path: str | None = None) -> bytes:
        """A whole request for this contender, by its name of the model unless the body names another."""
        if body["model"] == setting.MODEL:
            body = {**body, "model": self.contender.model}
        # A field that the contender needs stands for the client's own of the same name.
        needed = {name.lower() for name, _value in self._fields}
        kept = [one for one in fields if one[0].lower() not in needed]
        return prompts.http(self.port, path or self.contender.path, body, [*kept, *self._fields])

    def _await(self) -> None:
        """Wait until the contender is ready and has answered a request; measures both times."""
        process = self.process
        assert process is not None
        model = f"{setting.MODEL}-openai" if self.contender.base == "linx-kinds" else setting.MODEL
        request = self.request(prompts.chat(prompts.Plan(2), stream=False, model=model))
        ready = self.contender.ready
        self.ready_s = 0.0
        while True:
            now = time.monotonic() - process.started
            if not process.is_alive:
                raise Unavailable(f"ended at once: {process.output()[-500:]}")
            if now > START_S:
                raise Unavailable(f"not ready after {START_S:.0f} s: {process.output()[-500:]}")
            if not self.ready_s and (ready in process.output() if ready else _is_open(self.port)):
                self.ready_s = now
            if self.ready_s:
                try:
                    once(self.port, request)
                except (OSError, LoadError) as error:
                    problem = error
                else:
                    self.first_answer_s = time.monotonic() - process.started
                    return
                if now > self.ready_s + ANSWER_S:
                    raise Unavailable(f"does not answer: {problem}")
            time.sleep(0.002)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
