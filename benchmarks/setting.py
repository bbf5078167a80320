"""What a measured proxy (a contender) is: how it is configured and started, and what it needs for that."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "linx-benchmarks"
CHAT = "/v1/chat/completions"
MODEL = "bench"
PROVIDERS_MODEL = "bench-model"


class Unavailable(Exception):
    """Why a contender is left out."""


@dataclass(frozen=True)
class Setting:
    """What a contender needs to start: where the providers listen, its own port, a folder for its files."""

    providers: tuple[str, ...]
    """Their URLs, without a path."""
    port: int
    folder: Path
    certificate: Path
    """What the providers' certificates must be checked with."""

    @property
    def provider(self) -> str:
        return self.providers[0]

    @property
    def authority(self) -> str:
        """Host and port of the first provider."""
        return self.provider.partition("://")[2]

    @property
    def is_tls(self) -> bool:
        return self.provider.startswith("https")


Command = tuple[list[str], dict[str, str]]
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Contender:
    """``command`` writes config files into the folder and gives argv and environment."""

    name: str
    title: str
    command: Callable[[Setting], Command] | None
    version: Callable[[], str]
    headers: Callable[[Setting], Fields] = lambda _setting: ()
    """The fields that its requests must have."""
    path: str = CHAT
    model: str = MODEL
    is_slow: bool = False
    """Takes milliseconds for each request, so it gets smaller loads."""
    ready: str = ""
    """The text that it prints when it is ready; "": it is ready when its port is open."""
    checkout: Path | None = None
    """The folder in which it is started; None: that of its files, since some write their logs where they are."""
    is_usual: bool = True
    """Takes part in every workload that does not name its contenders."""

    @property
    def base(self) -> str:
        """The name without the suffix for another checkout."""
        return self.name.removesuffix("-other")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def found(program: str, hint: str) -> str:
    """The path of a program. Raises Unavailable."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Unavailable(hint)
    return path


def output_of(command: Sequence[str], timeout_s: float = 60.0) -> str:
    """What a program prints. Raises Unavailable."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[0]}: {(error.stderr or error.stdout or '').strip()[-300:]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from None
    return (done.stdout + done.stderr).strip()
