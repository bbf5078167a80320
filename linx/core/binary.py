"""The binary that scripts/build makes: whether this Linx is it, which file that is, and what it has unpacked.

Its file unpacks a folder and runs the program in it, so that program (``sys.executable``) is not the file that the user
has. The program serves for starting Linx again as a child; the file is for everything that a person reads or keeps.
"""

from __future__ import annotations

import os
import re
import sys
import time

VARIABLE = "_LINX_BINARY"
"""Set by the file that unpacks, in packaging/launcher.sh. On Windows there is none: the program is the file."""
UNPACKED = "_LINX_UNPACKED"
"""Set by it where it has unpacked a folder in this start."""
_FOLDER = re.compile(r"\.?\d+\.\d+\.\d+[^/]*-[0-9a-f]{16}(?:\.\d+)?")
"""The name of a folder that the file of some version has unpacked, or was about to."""
DAY_S = 86_400.0


def is_binary() -> bool:
    return bool(getattr(sys, "frozen", False))


def path() -> str:
    """The binary's file. Only where ``is_binary``."""
    return os.environ.get(VARIABLE) or sys.executable


def settle() -> None:
    """Mark the folder of this binary as used, for as long as this process runs; after the first start, remove old ones.

    Those are the folders that other versions unpacked more than a day ago and that no process runs in.
    """
    is_first = os.environ.pop(UNPACKED, None) is not None
    if VARIABLE not in os.environ:
        return
    own = os.path.dirname(sys.executable)
    _lock(own, is_shared=True)
    if is_first:
        for entry in os.scandir(os.path.dirname(own)):
            if entry.path != own and _FOLDER.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - DAY_S:
                _remove(entry.path)


def _lock(folder: str, *, is_shared: bool) -> int | None:
    """The handle that keeps the lock until it is closed, at the latest by the system; None where another has it."""
    import fcntl  # which Windows lacks

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_NB | (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX))
    except OSError:  # also on a file system without locks
        os.close(handle)
        return None
    return handle


def _remove(folder: str) -> None:
    import shutil

    handle = _lock(folder, is_shared=False)
    if handle is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
