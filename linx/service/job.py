"""What a service manager is to run, and how a manager is described: values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DESCRIPTION = "Linx, one address for every language model"
DOCUMENTATION = "https://github.com/linx-gateway/linx"
GRACE_S = 15.0
"""Beyond ``server.drain_s``, before the service manager kills a Linx that was told to end."""


@dataclass(frozen=True, slots=True)
class Job:
    """One Linx that serves. All paths are absolute, since a service has no folder that it was started in."""

    own: tuple[str, ...]
    """The words that start this Linx, without options."""
    options: tuple[str, ...]
    variables: str
    """The path of the environment file."""
    log: str
    """The path of the log, where the service manager keeps none."""
    drain_s: float
    """``server.drain_s`` and ``server.shutdown_delay_s``; 0 is without a limit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the service manager's program. Where it ``may_fail`` there may be nothing to do."""

    words: tuple[str, ...]
    may_fail: bool = False
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Manager:
    """A service manager, for one user."""

    name: str
    program: str
    path: str
    """Of the file that describes the job."""
    text: Callable[[Job], bytes]
    reach: Step
    """Succeeds where the manager can be asked."""
    install: tuple[Step, ...]
    stop: tuple[Step, ...]
    """Before the file is removed."""
    forget: tuple[Step, ...]
    """After it."""
    ask: Step
    is_running: Callable[[str], bool]
    """Reads what ``ask`` has printed."""
    where_log: str
    """How to read the log; ``{log}`` is the log's path."""
    hint: str = ""
    """What a user should know after the installation."""
