"""Writes a config file: whole or not at all, with the rights that it had, and where a link leads.

A new file is its owner's alone, since it may get a key. A Linx that watches the file sees the old text or the new one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import TYPE_CHECKING

from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_MODE = 0o600


def change(path: str, edit: Callable[[bytes | None], bytes]) -> None:
    """Write what ``edit`` makes of the file's bytes; it gets None where there is no file. Raises ConfigError."""
    label = quote(path, 200)
    try:
        _change(os.path.realpath(path), label, edit)
    except OSError as error:
        raise ConfigError(label, f"cannot be written: {error.strerror or type(error).__name__}") from None


def _change(path: str, label: str, edit: Callable[[bytes | None], bytes]) -> None:
    before = _status(path)
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise ConfigError(label, "is not a regular file")
    old = None
    if before is not None:
        with open(path, "rb") as file:
            old = file.read()
    new = edit(old)
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".linx-", suffix=".tmp", dir=folder)
    try:
        with open(handle, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            _keep_owner(name, before)
        os.chmod(name, NEW_MODE if before is None else stat.S_IMODE(before.st_mode))
        if not _is_same(before, _status(path)):
            raise ConfigError(label, "was changed by another program just now; try again")
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_same(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    if before is None or now is None:
        return before is now
    return (before.st_ino, before.st_mtime_ns, before.st_size) == (now.st_ino, now.st_mtime_ns, now.st_size)


def _keep_owner(path: str, before: os.stat_result) -> None:
    """So far as this user may: root who changes another user's file must not take it from them."""
    if os.name != "posix":
        return
    mine = os.stat(path)
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        with contextlib.suppress(OSError):
            os.chown(path, before.st_uid, before.st_gid)
