"""``linx setup``: prints the settings of a client, writes them, or takes them out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.core.folders import state_file
from linx.setup.running import NeedsKey, Place, ask, look
from linx.setup.settings import for_shell, settings_of, too_small
from linx.setup.target import PLACEHOLDER_MODEL, Target
from linx.setup.written import RECORD, NotWritten, Record, undo, write

if TYPE_CHECKING:
    from linx.setup.client import Client
    from linx.setup.folders import Folders

Say = Callable[[str], None]


class Refused(Exception):
    """The command cannot do what was asked; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    client: Client
    places: tuple[Place, ...]
    """Where a Linx may run, the likeliest first."""
    key: str | None
    model: str | None


def found_target(asked: Asked, tell: Say) -> Target:
    """The Linx that runs, or the one that would run by the config. Raises Refused."""
    if not asked.places[0].port:
        raise Refused("the config names port 0; say with --port where Linx listens")
    place = look(asked.places)
    if place is None:
        tell(
            f"no Linx runs at {asked.places[0].address}, so no model is known here: "
            f"{asked.model or PLACEHOLDER_MODEL} stands in the settings"
        )
        return Target(asked.places[0].address, asked.key, wanted=asked.model)
    try:
        target = ask(place, asked.key, asked.model)
    except NeedsKey:
        raise Refused(needs_key(place)) from None
    if not target.models:
        tell(f"the Linx at {place.address} has no model yet: {asked.model or PLACEHOLDER_MODEL} stands in the settings")
    elif asked.model is not None and target.find(asked.model) is None:
        tell(f"the Linx at {place.address} does not list {asked.model}")
    return target


def needs_key(place: Place) -> str:
    return f"the Linx at {place.address} needs its key: LINX_API_KEY, server.api_key in the config, or --api-key"


def show(asked: Asked, folders: Folders, say: Say, tell: Say) -> bool:
    """Print what to do. ``say`` is for what was asked for, ``tell`` for what is to be known beside it."""
    target = found_target(asked, tell)
    told = settings_of(asked.client, target, folders)
    say(f"{told.title}, with the Linx at {target.address}:\n")
    for line in told.steps:
        say(line)
    for path, text in told.files:
        say(f"  {path}")
        for line in text.splitlines():
            say(f"    {line}".rstrip())
    if told.files:
        say(f"\n`linx setup {told.client} --write` does this, and --undo takes it back.")
    _warn(asked.client, target, tell)
    return True


def save(asked: Asked, folders: Folders, say: Say, tell: Say) -> bool:
    """Write the settings, or print them where there is no file to write. Returns whether all was done."""
    if asked.client.edits is None:
        tell(f"{asked.client.title} keeps its settings where Linx cannot write them, so this is for you to do:")
        return show(asked, folders, say, tell)
    target = found_target(asked, tell)
    record = Record(state_file(RECORD))
    is_done = True
    for one in asked.client.edits(target, folders):
        try:
            say(write(one, record, target.key or "").text)
        except NotWritten as why:
            is_done = False
            tell(f"{why}. Put this into it by hand:")
            for line in one.edit.apply("").splitlines():
                tell(f"    {line}")
    for line in asked.client.left_to_do(target):
        say(for_shell(line, folders.platform))
    _warn(asked.client, target, tell)
    return is_done


def put_back(asked: Asked, folders: Folders, say: Say, tell: Say) -> bool:
    """Undo. No Linx needs to run for that."""
    if asked.client.edits is None:
        raise Refused(f"Linx writes no file of {asked.client.title}, so there is nothing to undo")
    place = asked.places[0]
    record = Record(state_file(RECORD))
    is_done = True
    for one in reversed(asked.client.edits(Target(place.address, asked.key, wanted=asked.model), folders)):
        try:
            say(undo(one, record).text)
        except NotWritten as why:
            is_done = False
            tell(str(why))
    return is_done


def _warn(client: Client, target: Target, tell: Say) -> None:
    if (line := too_small(client, target)) is not None:
        tell(line)


DO: dict[str, Callable[[Asked, Folders, Say, Say], bool]] = {"show": show, "write": save, "undo": put_back}
