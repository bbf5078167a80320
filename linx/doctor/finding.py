"""What ``linx doctor`` says: one finding, how bad it is, and the change of the config that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How bad a finding is; BROKEN alone makes the exit code 1."""

    OK = 0
    NOTE = 1
    WARNING = 2
    BROKEN = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the config file: ``path`` gets ``value``. ``path`` names the keys from the top of the file."""

    path: tuple[str, ...]
    value: Any

    @property
    def key(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Renaming:
    """A change of the config file: the key at ``path`` gets another name, and keeps its value."""

    path: tuple[str, ...]
    name: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


Edit = Change | Renaming


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    """What is so, in one line."""
    where: str = ""
    """The file and key, the address or the program that it is about; "" where ``what`` says it."""
    mend: str = ""
    """The one line that mends it: a command, or what to write where. "" where nothing is to be done."""
    edits: tuple[Edit, ...] = ()
    """What ``--fix`` changes in the config; the same as ``mend`` says."""


def ok(what: str, where: str = "", edits: tuple[Edit, ...] = ()) -> Finding:
    """``edits``: what a config gets that is written for what was found."""
    return Finding(Level.OK, what, where, "", edits)


def note(what: str, where: str = "", mend: str = "", edits: tuple[Edit, ...] = ()) -> Finding:
    return Finding(Level.NOTE, what, where, mend, edits)


def warning(what: str, where: str = "", mend: str = "", edits: tuple[Edit, ...] = ()) -> Finding:
    return Finding(Level.WARNING, what, where, mend, edits)


def broken(what: str, where: str = "", mend: str = "", edits: tuple[Edit, ...] = ()) -> Finding:
    return Finding(Level.BROKEN, what, where, mend, edits)
