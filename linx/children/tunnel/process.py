"""One run of ssh or ngrok, from its start to its end. Its output tells whether the tunnel has an address."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import trio

from linx.children.process import MAX_KEPT, MAX_REPEATED, CannotStart, Child, Ended, running
from linx.children.tunnel import commands
from linx.children.tunnel.explain import explain
from linx.children.tunnel.lines import Report, reader_for
from linx.config.rules import MAX_KEY
from linx.core.errors import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.config.shape import TunnelConfig

ADDRESS_S = 45.0  # how long the program may take to get an address; longer than its own time to connect
SILENT_S = 3.0  # type ssh: a program without any output by then is not OpenSSH, and is taken to have connected
MAX_CLEANED = MAX_KEPT + 2 * MAX_KEY  # characters of a line that are cleaned; no key is cut in what is kept of them
LAST_LINES = 40  # lines of output kept to explain why the program ended

log = logging.getLogger("linx.tunnel")


class TunnelProcess:
    """Runs the program once.

    ``on_up`` is called with the URL each time the tunnel has one, ``on_lost`` with the reason
    when the URL stops working. ``clean`` takes the secrets out of a text.
    """

    def __init__(
        self,
        config: TunnelConfig,
        port: int,
        env: Mapping[str, str],
        *,
        on_up: Callable[[str], None],
        on_lost: Callable[[str], None],
        clean: Callable[[str], str],
    ) -> None:
        self._config = config
        self._port = port
        self._env = env
        self._on_up = on_up
        self._on_lost = on_lost
        self._clean = clean
        self._known_hosts = commands.known_hosts_path(config, env)
        self._read = reader_for(config, commands.usual_url(config))
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._url: str | None = None  # the last URL that the program reported
        self._up_since: float | None = None
        self._refused: str | None = None
        """Why Linx ended the program; None if the program ended by itself."""
        self._has_output = False
        self._has_address = trio.Event()

    async def run(self) -> Ended:
        """Run the program until it ends. Raises CannotStart."""
        config = self._config
        if problem := commands.problem_of(config):
            raise CannotStart(problem)
        argv = commands.argv_for(config, self._port, self._known_hosts)
        argv = commands.found(argv, self._env.get("PATH"))
        if config.type != "ngrok":
            commands.make_known_hosts(self._known_hosts)
        log.debug("running %s", " ".join(argv))
        async with running(argv[0], commands.leashed(argv), commands.environment(config, self._env)) as child:
            code = await self._attend(child)
        well_s = 0.0 if self._up_since is None else trio.current_time() - self._up_since
        return Ended(self._refused or explain(config, self._known_hosts, self._last_lines, code), well_s)

    async def _attend(self, child: Child) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._expect_address, child)
            code = await child.listen(partial(self._hear, child))
            nursery.cancel_scope.cancel()
        return code

    async def _expect_address(self, child: Child) -> None:
        """End a program that gets no address in time, since without one it is no tunnel."""
        if self._config.type == "ssh":
            with trio.move_on_after(SILENT_S):
                await self._has_address.wait()
            if not self._has_output:
                self._up(commands.usual_url(self._config))
        with trio.move_on_after(ADDRESS_S):
            await self._has_address.wait()
            return
        self._refused = f"no public address came within {ADDRESS_S:.0f} s"
        if self._last_lines:
            self._refused += f"; the last line of output: {quote(self._last_lines[-1], MAX_REPEATED)}"
        child.kill()

    def _hear(self, child: Child, line: str) -> None:
        self._has_output = True
        # Debug lines would push out the line that explains the end; ngrok's errors can contain the user's token.
        if not line.startswith("debug1:") and "Your authtoken:" not in line:
            kept = self._kept(line)
            self._last_lines.append(kept)
            log.debug("%s", kept)
        report = self._read(line)
        if report is not None:
            self._handle(child, report)

    def _handle(self, child: Child, report: Report) -> None:
        match report.kind:
            case "address":
                self._up(report.text)
            case "back":
                if self._url is not None:
                    self._up(self._url)
            case "lost":
                problem = self._kept(report.text)
                self._last_lines.append(problem)
                self._on_lost(explain(self._config, "", [problem]))
            case "refused":
                words = quote(self._kept(report.text), MAX_REPEATED)
                self._refused = f"{self._config.ssh_host} refused the address: {words}"
                child.kill()

    def _kept(self, text: str) -> str:
        """What is kept of a text: cleaned before it is cut, since half a key is not recognised."""
        return self._clean(text[:MAX_CLEANED])[:MAX_KEPT]

    def _up(self, url: str) -> None:
        self._url = url
        self._has_address.set()
        if self._up_since is None:
            self._up_since = trio.current_time()
        self._on_up(url)
