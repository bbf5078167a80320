"""``linx launch``: sets a client up for one run, starts it, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linx.core.folders import state_file
from linx.setup.client import Run
from linx.setup.command import Asked, Refused, Say, needs_key
from linx.setup.own_linx import NotStarted, running
from linx.setup.program import run, signals_kept
from linx.setup.running import NeedsKey, ask, is_taken, look
from linx.setup.settings import too_small
from linx.setup.written import RECORD, NotWritten, Record, for_a_while

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from linx.setup.folders import Folders
    from linx.setup.running import Place
    from linx.setup.target import Target

MODELS_S = 5.0  # how long a Linx that has just started may take to list its models
TUNNEL_S = 20.0  # and to open its tunnel
KEY_BYTES = 32
STOPPED = 130
"""The exit status where a signal came before the client was started, as after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line gives besides the client."""

    args: tuple[str, ...]
    """For the client; they come last."""
    options: tuple[str, ...]
    """For a Linx that has to be started, without the port."""
    is_port_chosen: bool


def launch(asked: Asked, given: Given, folders: Folders, tell: Say, env: Mapping[str, str]) -> int:
    """Run the client; returns its exit status. Raises Refused."""
    program = shutil.which(asked.client.launch.program, path=env.get("PATH"))
    if program is None:
        raise Refused(
            f"{asked.client.launch.program} is not installed, or not in PATH; install {asked.client.title}: "
            f"{asked.client.launch.install}"
        )
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(signals_kept())
        target = _target(asked, given, tell, stack)
        if (line := too_small(asked.client, target)) is not None:
            tell(line)
        if asked.client.needs_tunnel:
            for line in asked.client.steps(target):
                tell(line)
        started = stack.enter_context(_prepared(asked, target, folders, tell))
        if signals.is_ended:
            return STOPPED
        argv = [program, *started.args, *asked.client.launch.waits, *given.args]
        return run(argv, {**env, **dict(started.env)}, signals)


def _target(asked: Asked, given: Given, tell: Say, stack: contextlib.ExitStack) -> Target:
    place, key, tunnel = look(asked.places), asked.key, asked.client.needs_tunnel
    wait_s = 0.0
    if place is None:
        # With a key of its own the tunnel needs none that only its log would tell.
        key = key or (secrets.token_urlsafe(KEY_BYTES) if tunnel else None)
        place, wait_s = _own(asked, given, key, tell, stack), TUNNEL_S if tunnel else MODELS_S
    try:
        target = ask(place, key, asked.model, wait_s, with_tunnel=tunnel)
    except NeedsKey:
        raise Refused(needs_key(place)) from None
    if not target.models:
        tell(f"the Linx at {place.address} has no model yet: {target.model().name} is asked for")
    if tunnel and target.tunnel is None:
        tell(f"the Linx at {place.address} has no tunnel open: curl -X POST {place.address}/api/tunnel/start")
    return target


def _own(asked: Asked, given: Given, key: str | None, tell: Say, stack: contextlib.ExitStack) -> Place:
    wanted = asked.places[0]
    if is_taken(wanted):
        if given.is_port_chosen:
            raise Refused(f"another program listens at {wanted.address}; choose another --port")
        port = "0"
    else:
        port = str(wanted.port)
    options = [*given.options, "--port", port, *(["--tunnel"] if asked.client.needs_tunnel else [])]
    try:
        place, log = stack.enter_context(running(options, key))
    except NotStarted as why:
        raise Refused(str(why)) from None
    tell(f"no Linx ran, so one was started at {place.address} for this run; its log is {log}")
    return place


@contextlib.contextmanager
def _prepared(asked: Asked, target: Target, folders: Folders, tell: Say) -> Iterator[Run]:
    """The client's settings for one run: in a folder of the run's own, or in its settings file for that long."""
    prepare = asked.client.launch.run
    if prepare is None:
        with _written(asked, target, folders, tell):
            yield Run()
        return
    folder = Path(tempfile.mkdtemp(prefix="linx-launch-"))
    try:
        prepared = prepare(target, folder)
        _make(folder, prepared.files)
        yield prepared
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, files: Sequence[tuple[str, str]]) -> None:
    for name, text in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)


@contextlib.contextmanager
def _written(asked: Asked, target: Target, folders: Folders, tell: Say) -> Iterator[None]:
    """The client reads nothing but its settings file, so Linx is in it for the time of the run."""
    edits = asked.client.edits(target, folders) if asked.client.edits is not None else []
    record = Record(state_file(RECORD))
    has_begun = False
    try:
        with contextlib.ExitStack() as stack:
            for one in edits:
                stack.enter_context(for_a_while(one, record))
                tell(f"{one.path} has Linx in it until {asked.client.title} ends")
            has_begun = True
            yield
    except NotWritten as why:
        if not has_begun:
            raise Refused(str(why)) from None
        tell(str(why))
