"""Which program listens on a port of this machine, as far as the system tells its users. Linux alone tells by files."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
_LISTEN = "0A"
_TABLES = ("net/tcp", "net/tcp6")


def owner_of(port: int, proc: Path = PROC) -> str:
    """The name and the number of the process that listens; "" where that cannot be seen without more rights."""
    inodes = {f"socket:[{inode}]" for table in _TABLES for inode in _inodes(proc / table, port)}
    if not inodes:
        return ""
    for entry in _entries(proc):
        if entry.name.isdigit() and _holds(entry / "fd", inodes):
            return f"{_name(entry)} (process {entry.name})"
    return ""


def _inodes(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if len(row) > 9 and row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _holds(folder: Path, inodes: set[str]) -> bool:
    for entry in _entries(folder):
        try:
            if os.readlink(entry) in inodes:
                return True
        except OSError:
            continue
    return False


def _name(entry: Path) -> str:
    try:
        return (entry / "comm").read_text(encoding="utf-8", errors="replace").strip() or "a program"
    except OSError:
        return "a program"
