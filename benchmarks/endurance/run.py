"""One run: start providers and Linx, warm up, let the crowd loose, wait until nothing runs, gather what was seen."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio
import trustme

from benchmarks.contenders import ROOT
from benchmarks.endurance import providers, watch
from benchmarks.endurance.clients import MIXED, Crowd
from benchmarks.endurance.watch import Conversation, Rest, Watched
from benchmarks.storm import figures
from linx.core import jsontext
from linx.routing.ordering import KEPT_CONVERSATIONS
from tests.e2e.linx_process import LinxProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from benchmarks.endurance.clients import Behaviours


@dataclass(frozen=True)
class Setting:
    """A run ends after ``seconds`` or ``requests``, whichever comes first."""

    seconds: float = 25 * 60.0
    requests: float = float("inf")
    warm_up: int = 2 * KEPT_CONVERSATIONS
    """Requests before the first reading: as many as fill what Linx keeps on purpose, which has a bound. The longest to
    fill is the table of conversations; each request is one of its own, and not every one is answered."""
    clients: int = 48
    pause_s: float = 0.2
    faults: float = 0.1
    hedge_after_s: float | None = 0.15
    first_token_timeout_s: float | None = 1.0
    behaviours: Behaviours = field(default_factory=lambda: MIXED)
    seed: int = 1
    reload_every_s: float = 20.0
    sample_every_s: float = 1.0
    names: tuple[str, ...] = tuple(providers.KINDS)
    """The providers in the config."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """All that a run has shown."""

    setting: Setting
    seconds: float
    crowd: Crowd
    watched: Watched
    before: Rest
    after: Rest
    memory_mb: tuple[float, float]
    """At rest before and after."""
    counters: tuple[Mapping[str, float], Mapping[str, float]]
    """Linx's metrics before and after."""
    journal: list[providers.Entry]
    log: str
    reloads: int
    stall_s: float
    cpu_s: float


LEDGER_OPENS_S = 1.5
"""The ledger opens its file half a second after the first request; that belongs to the warm-up."""


async def run(setting: Setting, folder: Path) -> Seen:
    async with started_providers(setting, folder) as (conversation, configs):
        config, path = config_of(configs, setting), folder / "config.json"
        write_config(config, path)
        arguments = ("--config", str(path), "--log-level", "warning")
        async with LinxProcess(None, folder, *arguments, env=environment(folder, setting)) as linx:
            pid, port = linx.process.pid, linx.port
            warm_up = Crowd(port, random.Random(setting.seed + 1), setting.pause_s / 4, "w")
            await warm_up.run(setting.clients, setting.behaviours, until_count=setting.warm_up, until_s=float("inf"))
            await conversation.say("calm")
            await trio.sleep(LEDGER_OPENS_S)
            before = await watch.at_rest(port, conversation, None)
            memory, counters, cpu = watch.memory_mb(pid), await figures(port), watch.cpu_s(pid)
            await conversation.say("storm")
            crowd, watched = Crowd(port, random.Random(setting.seed), setting.pause_s), Watched()
            reloads = itertools.count()
            start = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch.watch, pid, crowd, watched, len(setting.names), setting.sample_every_s)
                nursery.start_soon(watch.stand_by, watched)
                nursery.start_soon(_reload, linx, path, config, setting.reload_every_s, reloads)
                await crowd.run(
                    setting.clients,
                    setting.behaviours,
                    until_count=setting.requests,
                    until_s=start + setting.seconds,
                )
                nursery.cancel_scope.cancel()
            seconds = trio.current_time() - start
            cpu = watch.cpu_s(pid) - cpu
            await conversation.say("calm")
            after = await watch.at_rest(port, conversation, before)
            await conversation.say("census")  # which writes the journal down
            return Seen(
                setting,
                seconds,
                crowd,
                watched,
                before,
                after,
                (memory, watch.memory_mb(pid)),
                (counters, await figures(port)),
                list(providers.entries(folder / "journal.txt")),
                linx.log.read_text(),
                next(reloads),
                await watch.longest_stall_s(port),
                cpu,
            )


@contextlib.asynccontextmanager
async def started_providers(setting: Setting, folder: Path) -> AsyncIterator[tuple[Conversation, Any]]:
    """The process of the providers, and what a config says of each."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "certificate.pem")
    command = [sys.executable, "-m", "benchmarks.endurance.providers", "--journal", str(folder / "journal.txt")]
    command += ["--certificate", str(folder / "certificate.pem"), "--seed", str(setting.seed)]
    command += ["--faults", str(setting.faults)]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ}
    )
    conversation = Conversation(process)
    try:
        yield conversation, await conversation.hear()
    finally:
        with trio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with trio.move_on_after(5):
                await process.wait()
            if process.poll() is None:
                process.kill()
            if process.stdout is not None:
                await process.stdout.aclose()


def config_of(configs: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    return {
        **{name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")},
        "providers": {name: {**configs[name], "api_key": "k" * 20} for name in setting.names},
        "routing": {
            "provider_priority": [list(setting.names)],
            "hedge": {"after": setting.hedge_after_s, "scope": "any", "budget": 0.1},
            "first_token_timeout_s": setting.first_token_timeout_s,
        },
        "server": {"port": 0},
    }


def environment(folder: Path, setting: Setting) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**clean, "XDG_STATE_HOME": str(folder), "SSL_CERT_FILE": str(folder / "ca.pem"), **setting.env}


def write_config(config: Mapping[str, Any], path: Path) -> None:
    """Put a config in place at once, so that no part of it is ever read; nobody else may read its keys."""
    new = path.with_suffix(".new")
    new.write_bytes(jsontext.dumps(dict(config)))
    new.chmod(0o600)
    new.replace(path)


async def _reload(
    linx: LinxProcess, path: Path, config: Mapping[str, Any], every_s: float, reloads: Iterator[int]
) -> None:
    """Change the order of the providers now and then."""
    for number in itertools.count(1):
        await trio.sleep(every_s)
        names = config["routing"]["provider_priority"][0]
        moved = names[number % len(names) :] + names[: number % len(names)]
        write_config({**config, "routing": {**config["routing"], "provider_priority": [moved]}}, path)
        linx.process.send_signal(signal.SIGHUP)
        next(reloads)
