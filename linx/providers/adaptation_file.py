"""The file in which Linx keeps how the models of the providers have to be asked.

Rule: names alone stand in it, never a word of a request. It is written whole or not at all, and what another Linx
wrote since is merged before. A file that is damaged is set aside; one that another program or a newer Linx wrote is
left alone. All of this waits for the disk, so it is called in a thread.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from linx.core import jsontext
from linx.core.chat import Adapted
from linx.dialects.adaptation.row import DETAIL
from linx.providers.adaptations import MAX_ADAPTED, Lesson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
KEPT_S = 30 * 86400.0
MAX_BYTES = 512 * 1024
MAX_ENTRIES = 1000
MAX_NAME = 200  # characters of a model's name
_FRAME = 100  # bytes around the entries, rounded up
_LAST_MOMENT = 2.0**53  # seconds since 1970; a larger number is none of a clock
_ROW = re.compile(r"[a-z][a-z_]{0,39}")


class Key(NamedTuple):
    """Whose lesson it is: the same name at another origin, or as another kind, is another service."""

    provider: str
    kind: str
    origin: str
    model: str


Entries = dict[Key, Lesson]


class NotOurs(Exception):
    """The file is of another program or of a newer Linx."""


# --- the text -------------------------------------------------------------------------


def parse(data: bytes, now: float) -> Entries:
    """The entries that are not too old. Raises NotOurs, and InvalidJSON for a file that is damaged."""
    tree = jsontext.loads(data)
    if not isinstance(tree, dict) or tree.get("linx") != "adaptations":
        raise NotOurs("another program wrote it")
    if tree.get("format") != FORMAT:
        raise NotOurs("another version of Linx wrote it")
    listed = tree.get("entries")
    read = [_entry(one) for one in listed[: 2 * MAX_ENTRIES]] if isinstance(listed, list) else []
    # A moment that lies ahead is the mistake of a clock: such an entry would never grow old.
    return dict(one for one in read if one is not None and now - KEPT_S <= one[1].learnt_at <= now + 86400.0)


def _entry(given: Any) -> tuple[Key, Lesson] | None:
    """One entry of the file; None where it is not one."""
    if not isinstance(given, dict):
        return None
    names = [given.get(name) for name in Key._fields]
    learnt_at, version, rows = given.get("learnt_at"), given.get("version"), given.get("adapted")
    if not all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in names):
        return None
    if not isinstance(learnt_at, int | float) or not 0 <= learnt_at < _LAST_MOMENT or not isinstance(rows, list):
        return None
    adapted = [
        Adapted(row[0], row[1])
        for row in rows[:MAX_ADAPTED]
        if isinstance(row, list) and len(row) == 2 and all(isinstance(part, str) for part in row)
    ]
    fitting = tuple(one for one in adapted if _may_stand(one))
    if not fitting:
        return None
    return Key(*map(str, names)), Lesson(fitting, float(learnt_at), version if isinstance(version, str) else None)


def _may_stand(adapted: Adapted) -> bool:
    """Is it a name and nothing that a client wrote?"""
    return _ROW.fullmatch(adapted.name) is not None and DETAIL.fullmatch(adapted.detail) is not None


def dump(entries: Entries) -> bytes:
    """The text of the file: the newest entries, as many as it may hold, one a line, since people look into it."""
    newest = sorted(entries.items(), key=lambda one: one[1].learnt_at, reverse=True)[:MAX_ENTRIES]
    lines: list[bytes] = []
    length = _FRAME
    for key, lesson in newest:
        rows = [list(one) for one in lesson.adapted if _may_stand(one)][:MAX_ADAPTED]
        if rows and all(len(name) <= MAX_NAME for name in key):
            entry = {**key._asdict(), "adapted": rows, "version": lesson.version, "learnt_at": int(lesson.learnt_at)}
            line = jsontext.dumps(entry)
            length += len(line) + 2
            if length > MAX_BYTES:
                break
            lines.append(line)
    return b'{"linx":"adaptations","format":%d,"entries":[\n%s\n]}\n' % (FORMAT, b",\n".join(lines))


def merged(theirs: Entries, ours: Entries, versions: Mapping[Key, str | None]) -> Entries:
    """What the file has and what is known here: of each model the newer lesson.

    ``versions`` are those of the providers in force (their keys name no model): what the file has of another version
    of them is dropped.
    """
    whole = {}
    for key, lesson in theirs.items():
        version = versions.get(key._replace(model=""))
        if version is None or lesson.version in (None, version):
            whole[key] = lesson
    for key, lesson in ours.items():
        if key not in whole or whole[key].learnt_at <= lesson.learnt_at:
            whole[key] = lesson
    return whole


# --- the file -------------------------------------------------------------------------


def read_file(path: Path, now: float) -> Entries:
    """What the file holds; nothing where there is none. Raises OSError, NotOurs and InvalidJSON."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    if len(data) > MAX_BYTES:
        raise jsontext.InvalidJSON("larger than it can be")
    return parse(data, now) if data.strip() else {}


def write_file(path: Path, ours: Entries, versions: Mapping[Key, str | None], now: float) -> None:
    """Merge ``ours`` into the file, whole or not at all. Raises OSError and NotOurs."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        theirs = read_file(path, now)
    except jsontext.InvalidJSON:
        path.replace(path.with_suffix(".damaged"))
        theirs = {}
    data = dump(merged(theirs, ours, versions))
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
