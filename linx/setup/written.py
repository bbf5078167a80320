"""Writes settings files of clients, and puts them back byte for byte.

Rules. Before the first change the file is copied to ``FILE.linx-backup``, and no later run touches that copy. A file
is replaced in one step, with its mode, and through a symbolic link. A record in Linx's state folder says what was
written, so that a file that its user has changed since is told from one that nobody has touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.setup.edits.edit import Unfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.setup.client import FileEdit

BACKUP = ".linx-backup"
RECORD = "setup.json"
MAX_BYTES = 8 << 20
PRIVATE = 0o600
"""Of a file that Linx makes: there may be a key in it."""


class NotWritten(Exception):
    """A file was left as it is; the text says which and why, in one line."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done with one file, for the user."""

    path: Path
    text: str


class Record:
    """What Linx has written, by the path of the file. A damaged or missing record is an empty one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(OSError, jsontext.InvalidJSON):
            read = jsontext.loads(path.read_bytes())
            files = read.get("files") if isinstance(read, dict) else None
            if isinstance(files, dict):
                self._files = {name: entry for name, entry in files.items() if isinstance(entry, dict)}

    def of(self, path: Path) -> dict[str, Any] | None:
        return self._files.get(str(path))

    def keep(self, path: Path, entry: dict[str, Any]) -> None:
        self._files[str(path)] = entry
        self._save()

    def forget(self, path: Path) -> None:
        if self._files.pop(str(path), None) is not None:
            self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace(self._path, jsontext.dumps_pretty({"files": self._files}), PRIVATE)


def write(one: FileEdit, record: Record, secret: str = "") -> Done:
    """Put the settings, perhaps with ``secret`` in them, into the file. Raises NotWritten, and changes nothing then."""
    path = _target(one)
    old = _read(path)
    try:
        new = one.edit.apply(_text(path, old or b"")).encode()
    except Unfit as why:
        raise NotWritten(f"{path} {why}, so it was left as it is") from None
    if new == old:
        return Done(path, f"{path} has these settings already")
    try:
        said = _write(path, old, new, record)
        if secret and secret.encode() in new and os.name == "posix" and _mode(path) & 0o044:
            said += "\n  (other users of this machine can read it, and your key in it: chmod 600)"
        return Done(path, said)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None


def _write(path: Path, old: bytes | None, new: bytes, record: Record) -> str:
    backup = _backup_of(path)
    entry = record.of(path)
    if entry is None:
        # A backup without a record is of an earlier Linx: what it holds is older than what is there now, and stays.
        existed = old is not None or backup.exists()
        entry = {"existed": existed, "made": [], "sha256": ""}
    if old is not None and entry["existed"] and not backup.exists():
        replace(backup, old, _mode(path))
    made = [*entry.get("made", []), *_make_folders(path.parent)]
    # The record comes first: after a crash between the two the file counts as changed, and is not thrown away.
    record.keep(path, {**entry, "made": made, "sha256": hashlib.sha256(new).hexdigest()})
    replace(path, new, PRIVATE if old is None else _mode(path))
    return f"wrote {path}" + (f"; what was there is in {backup.name} beside it" if backup.exists() else "")


def undo(one: FileEdit, record: Record) -> Done:
    """Put the file back. One that its user has changed since loses only what Linx set. Raises NotWritten."""
    path = _target(one)
    entry, now, backup = record.of(path), _read(path), _backup_of(path)
    before = _read(backup)
    if entry is None and before is None:
        return Done(path, f"nothing to undo in {path}")
    existed = bool(entry["existed"]) if entry is not None else True
    try:
        if existed and before is None:
            raise NotWritten(f"{backup} is gone, so {path} was left as it is")
        is_untouched = now is not None and entry is not None and hashlib.sha256(now).hexdigest() == entry.get("sha256")
        if is_untouched or now is None or now == before:
            said = _restore(path, before if existed else None)
        else:
            said = _take_out(one, path, now, before or b"")
        _clean_up(path, backup, entry or {}, record)
    except OSError as error:
        raise NotWritten(f"{path} cannot be put back: {error.strerror or type(error).__name__}") from None
    return Done(path, said)


@contextlib.contextmanager
def for_a_while(one: FileEdit, record: Record) -> Iterator[None]:
    """The settings are in the file inside the block. Raises NotWritten, at the start or at the end."""
    path = _target(one)
    entry, old = record.of(path), _read(path)
    write(one, record)
    written = _read(path)
    try:
        yield
    finally:
        if entry is None:
            undo(one, record)
        elif old is not None and _read(path) == written:
            # `linx setup --write` had been here before: what it had written comes back, perhaps for another address.
            replace(path, old, _mode(path))
            record.keep(path, entry)


def _restore(path: Path, before: bytes | None) -> str:
    if before is not None:
        replace(path, before, _mode(path) if path.exists() else _mode(_backup_of(path)))
        return f"put {path} back as it was"
    path.unlink(missing_ok=True)
    return f"removed {path}, which was not there before"


def _take_out(one: FileEdit, path: Path, now: bytes, before: bytes) -> str:
    try:
        new = one.edit.revert(_text(path, now), _text(path, before)).encode()
    except Unfit as why:
        old = f"; what it was before is in {_backup_of(path)}" if before else ""
        raise NotWritten(f"{path} was changed since, and it {why}, so it was left as it is{old}") from None
    replace(path, new, _mode(path))
    return f"{path} was changed since, so only the settings of Linx were taken out of it"


def _clean_up(path: Path, backup: Path, entry: dict[str, Any], record: Record) -> None:
    backup.unlink(missing_ok=True)
    record.forget(path)
    for folder in reversed(entry.get("made", [])):
        with contextlib.suppress(OSError):  # not empty: something else lives there now
            Path(folder).rmdir()


def _target(one: FileEdit) -> Path:
    """The file itself, where its path is a symbolic link."""
    return Path(os.path.realpath(one.path))


def _backup_of(path: Path) -> Path:
    return path.with_name(path.name + BACKUP)


def _read(path: Path) -> bytes | None:
    """None where there is no such file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NotWritten(f"{path} is no regular file, so it was left as it is")
        if status.st_size > MAX_BYTES:
            raise NotWritten(f"{path} is larger than {MAX_BYTES >> 20} MiB, so it was left as it is")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotWritten(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotWritten(f"{path} is not UTF-8, so it was left as it is") from None


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _make_folders(folder: Path) -> list[str]:
    """Make the folder and those above it; returns those that were missing, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
    return [str(one) for one in reversed(missing)]


def replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file in one step: whoever reads it sees the old text or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:32]}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
