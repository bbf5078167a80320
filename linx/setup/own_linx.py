"""A Linx of one's own for one run of a client: started where none runs, with its log in a file, and ended with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import linx
from linx.core.binary import is_binary
from linx.core.folders import state_file
from linx.setup.leash import DRAIN_S
from linx.setup.running import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LOG = "launch.log"
READY = " listening on "
MAX_LOG = 1 << 20
"""Bytes; a longer log of earlier runs is begun anew."""
CHILD = "--launched-child"


class NotStarted(Exception):
    """Linx did not start; the text says why."""


def command_line(options: Sequence[str]) -> list[str]:
    """Linx again, as a child. The single binary is its own Python."""
    own = [sys.executable] if is_binary() else [sys.executable, "-P", "-m", "linx"]
    return [*own, CHILD, *own, *options]


def environment(env: Mapping[str, str], key: str | None) -> dict[str, str]:
    """The key travels in the environment, since other users can see a command line.

    The package may lie in a folder that only the running interpreter knows of, such as a checkout.
    """
    root = str(Path(linx.__file__).parent.parent)
    path = os.pathsep.join([root, *filter(None, [env.get("PYTHONPATH")])])
    return {**env, "PYTHONPATH": path, **({"LINX_API_KEY": key} if key else {})}


@contextlib.contextmanager
def running(options: Sequence[str], key: str | None) -> Iterator[tuple[Place, Path]]:
    """Start Linx; gives where it listens, and its log. Raises NotStarted."""
    log = state_file(LOG)
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > MAX_LOG:
            log.unlink()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begin = os.fstat(handle).st_size
    try:
        # In a session of its own, so that a Ctrl-C at the terminal reaches the client alone.
        child = subprocess.Popen(
            command_line(options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=handle,
            env=environment(os.environ, key),
            start_new_session=True,
        )
    except OSError as error:
        raise NotStarted(f"Linx cannot be started: {error.strerror}") from None
    finally:
        os.close(handle)
    try:
        yield _place(child, log, begin), log
    finally:
        _end(child)


def _place(child: subprocess.Popen[bytes], log: Path, begin: int) -> Place:
    assert child.stdout is not None
    line = child.stdout.readline().decode("utf-8", "replace")
    if READY not in line:
        said = log.read_bytes()[begin:].decode("utf-8", "replace").strip().splitlines()
        raise NotStarted(f"Linx did not start: {said[-1].removeprefix('linx: ') if said else 'it said nothing'}")
    url = urlsplit(line.rpartition(READY)[2].strip())
    return Place.of(url.hostname or "127.0.0.1", url.port or 80)


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(OSError):
        child.stdin.close()
    end = time.monotonic() + 2 * DRAIN_S
    while child.poll() is None and time.monotonic() < end:
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            child.wait(0.5)
    if child.poll() is None:
        child.kill()
        child.wait()
    child.stdout.close()
