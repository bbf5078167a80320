"""A Linx to test from outside: as a process of its own, or here, in the test's own trio."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trio

from linx.app import App
from linx.config.load import Options, Sources
from linx.providers.kinds import KINDS
from tests.e2e.canaries import PROVIDER_KEY
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from tests.fakes.provider import FakeProvider

ROOT = Path(__file__).parent.parent.parent


def config_for(*fakes: FakeProvider, names: tuple[str, ...] = (), **sections: Any) -> dict[str, Any]:
    """A config with the fakes as providers in this order (``ollama1``, ``openai2``, …), and nothing else."""
    providers = {
        name: {"kind": fake.kind, "endpoint": fake.endpoint, "api_key": fake.api_key or PROVIDER_KEY}
        for name, fake in zip(
            names or [f"{fake.kind}{number}" for number, fake in enumerate(fakes, 1)], fakes, strict=True
        )
    }
    for name, settings in sections.pop("providers", {}).items():
        providers[name] = {**providers.get(name, {}), **settings}
    return {
        "ollama": {"enabled": False},
        "llamacpp": {"enabled": False},
        "openrouter": {"enabled": False},
        "providers": providers,
        "routing": {"provider_priority": list(providers), **sections.pop("routing", {})},
        "server": {"port": 0, **sections.pop("server", {})},
        **sections,
    }


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """As its owner's alone: a file that others may read, with a key in it, is warned of."""
    from linx.core import jsontext

    path.touch(0o600)
    path.write_bytes(jsontext.dumps(dict(config)))


@contextlib.asynccontextmanager
async def linx_here(config: Mapping[str, Any], folder: Path, *, wait_for_models: bool = True) -> AsyncIterator[App]:
    """Linx in this process, over real sockets; ``url_of`` tells where."""
    path = folder / "config.json"
    write_config(path, config)
    sources = Sources(KINDS, str(path))
    options = Options(sources.load(), sources)
    async with trio.open_nursery() as nursery:
        app: App = await nursery.start(App(options).main)
        if wait_for_models:
            with trio.fail_after(HANG_S):
                for provider in app.context.providers:
                    await provider.probed.wait()
        try:
            yield app
        finally:
            nursery.cancel_scope.cancel()


def url_of(app: App) -> str:
    return f"http://127.0.0.1:{app.bound[0][1]}"


class LinxProcess:
    """``python linx.py`` as a user starts it, or ``command``. ``config`` is written to a file, or ``args`` name one."""

    def __init__(
        self,
        config: Mapping[str, Any] | None,
        folder: Path,
        *args: str,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, str(ROOT / "linx.py")),
        cwd: Path | None = None,
    ) -> None:
        self.command, self.args, self.cwd = command, list(args), cwd or folder
        if config is not None:
            self.path = folder / "config.json"
            write_config(self.path, config)
            self.args += ["--config", str(self.path)]
        # Also where the environment is chosen, and for a benchmark: no file of the user's own is read or written.
        own = {name: os.environ.get(name, str(folder / name)) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        own["LINX_PLACES"] = "none"  # unless the test wants places of its own
        self.env = {**own, **(os.environ if env is None else env)}
        self.log = folder / "linx.log"
        self.url = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = await trio.lowlevel.open_process(
                [*self.command, *self.args],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.cwd,
                env=self.env,
            )
        try:
            with trio.fail_after(HANG_S):
                line = b""
                assert self.process.stdout is not None
                while not line.endswith(b"\n"):
                    data = await self.process.stdout.receive_some()
                    assert data, f"Linx ended at its start: {self.log.read_text()}"
                    line += data
            self.url = line.decode().split()[-1]
            self.port = int(self.url.rpartition(":")[2])
        except BaseException as error:
            self.process.kill()
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            if self.process.poll() is None:
                self.process.terminate()
                with trio.move_on_after(10):
                    await self.process.wait()
            if self.process.poll() is None:
                self.process.kill()
                await self.process.wait()
            if self.process.stdout is not None:
                await self.process.stdout.aclose()
