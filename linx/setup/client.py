"""What Linx knows of a client: a value, of which ``clients`` has one for each. Nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath

    from linx.setup.edits.edit import Edit
    from linx.setup.folders import Folders
    from linx.setup.target import Target


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A settings file of a client, and what Linx sets in it."""

    path: PurePath
    edit: Edit


@dataclass(frozen=True, slots=True)
class Run:
    """How a client is started for one run. ``files`` are written to a folder that is deleted afterwards."""

    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """The program of a client, and what it needs to talk to Linx in one run."""

    program: str
    install: str
    """The command that installs the program."""
    run: Callable[[Target, PurePath], Run] | None = None
    """From Linx and the folder for the run's own files. None: the client's settings file is written for the time of
    the run and put back afterwards, since the client reads nothing else."""
    waits: tuple[str, ...] = ()
    """Arguments by which a program with windows is not over before its window is closed."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client."""

    name: str
    title: str
    steps: Callable[[Target], list[str]]
    """What the user does, line by line; a line that is to be copied is indented by four spaces."""
    launch: Launch
    edits: Callable[[Target, Folders], list[FileEdit]] | None = None
    """The files that ``--write`` edits. None where the client keeps its settings out of reach."""
    left_to_do: Callable[[Target], list[str]] = lambda _target: []
    """What the user still has to do once the files are written."""
    aliases: tuple[str, ...] = ()
    prompt_tokens: int = 0
    """The tokens of the client's own prompt and tools, before the user has said a word."""
    needs_tunnel: bool = False
    tried: str = ""
    """The version that these settings were tried with; empty where they are from its documentation or source."""
