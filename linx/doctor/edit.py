"""Changes of a config's text, as findings propose them: what they do not name stays byte for byte.

Pure: a text goes in, and a text and what was done come out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.config import text_edit
from linx.core import jsontext
from linx.doctor.finding import Change, Edit, Renaming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.config.text_edit import Part

EMPTY = b"{\n}\n"
"""The text of a config file that does not exist yet."""


def applied(text: bytes, edits: Iterable[Edit]) -> tuple[bytes, list[str]]:
    """The changed text, and a line for each edit that has changed something."""
    done = []
    for edit in edits:
        new = _renamed(text, edit) if isinstance(edit, Renaming) else _changed(text, edit)
        if new != text:
            text = new
            done.append(told(edit))
    return text, done


def told(edit: Edit) -> str:
    if isinstance(edit, Renaming):
        return f"{edit.key}: renamed to {edit.name}"
    return f"{edit.key}: {written(edit.value)}"


def written(value: Any) -> str:
    """A value as people write it: on one line, with spaces."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{jsontext.dumps(key).decode()}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return jsontext.dumps(value).decode()


def line_of(change: Change) -> str:
    """The change as a piece of the file: ``"server": {"port": 8180}``."""
    value = change.value
    for key in reversed(change.path):
        value = {key: value}
    return written(value)[1:-1]


def _changed(text: bytes, change: Change) -> bytes:
    at = text_edit.root(text)
    for place, name in enumerate(change.path):
        part = text_edit.member(text, at, name)
        rest = change.path[place + 1 :]
        if part is None:
            return text_edit.with_member(text, at, name, written(_nested(rest, change.value)).encode())
        is_object = text[part.value : part.value + 1] == b"{"
        if not rest or not is_object:
            return _replaced(text, part, _nested(rest, change.value))
        at = part.value
    return text


def _replaced(text: bytes, part: Part, value: Any) -> bytes:
    present = jsontext.loads(text[part.value : part.end])
    return text if present == value else text_edit.replaced(text, part, written(value).encode())


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _renamed(text: bytes, renaming: Renaming) -> bytes:
    *above, name = renaming.path
    at = text_edit.root(text)
    for step in above:
        part = text_edit.member(text, at, step)
        if part is None:
            return text
        at = part.value
    part = text_edit.member(text, at, name)
    if part is None or text_edit.member(text, at, renaming.name) is not None:
        return text
    old = jsontext.dumps(name)
    end = part.start + len(old)
    if text[part.start : end] != old:  # it is written with escapes
        return text
    return text[: part.start] + jsontext.dumps(renaming.name) + text[end:]
