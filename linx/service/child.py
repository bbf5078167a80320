"""The first thing that a service runs where the service manager reads no file of variables: launchd, Task Scheduler.

Its command line is WORD, the environment file, the log or ``-``, and then the words of the command line of Linx.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linx.service.environment_file import values_in

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = "--service-child"


def prepare(words: Sequence[str]) -> list[str]:
    """Take the variables of the file into the environment; returns the command line of Linx."""
    variables, log, *rest = words
    try:
        text = Path(variables).read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    os.environ.update(values_in(text))
    if log != "-":
        _write_to(log)
    return rest


def _write_to(log: str) -> None:
    """A Python without a console has no standard output and error at all."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout = sys.stderr = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
