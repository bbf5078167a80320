"""What a parametrized case is called where its table gives it no name: its value, readable and short.

pytest by itself calls a dict, a list, an object or a long text by its place in the table, and
whoever reads that ``test_what_is_refused[body7]`` failed has to count. A value that cannot be
told apart by what it shows stays with that.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 90
"""Characters of one value; the name of the test and further values stand on the same line."""
_FROM_START, _FROM_END = 56, 28
_ENOUGH = 1_000  # characters that are looked at, at the start of a long text and at its end
_RUN = re.compile(r"(.{1,8}?)\1{7,}")
_SHORT_BINARY = 8  # bytes that are still shown as text with escapes, whatever they are
_OTHER_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]")


def readable(value: object) -> str | None:
    """An id for ``value``; None where pytest's own is as good."""
    if value is None or isinstance(value, bool | int | float | enum.Enum | re.Pattern) or hasattr(value, "__name__"):
        return None
    text = shown(value)
    return None if " at 0x" in text else shortened(text)


def shown(value: object) -> str:
    """Much like ``repr``, but texts without quotes, and of an object only what is not as usual."""
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, bytes | bytearray):
        return _bytes(bytes(value))
    if isinstance(value, dict):
        return f"{{{', '.join(f'{shown(key)}: {shown(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, set | frozenset):  # whose own order is another in each run
        return f"{{{', '.join(sorted(map(shown, value)))}}}"
    if dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        return f"{type(value).__name__}({', '.join(f'{name}={shown(item)}' for name, item in _unusual(value))})"
    return _escaped(repr(value))


def _unusual(value: Any) -> Iterator[tuple[str, object]]:
    """The fields of a dataclass or a struct that differ from their defaults."""
    fields = msgspec.structs.fields(value) if isinstance(value, msgspec.Struct) else dataclasses.fields(value)
    for field in fields:
        given = getattr(value, field.name)
        usual = field.default
        if callable(field.default_factory):
            usual = field.default_factory()
        if type(given) is not type(usual) or given != usual:
            yield field.name, given


def _bytes(data: bytes) -> str:
    part = data[:_ENOUGH]
    if len(data) > _SHORT_BINARY and 4 * len(_OTHER_BYTES.findall(part)) > len(part):
        return f"{data[:12].hex(' ', 4)} .. ({len(data)} bytes)"
    return _escaped(data.decode("latin-1"))


def _escaped(text: str) -> str:
    """On one line and in ASCII; a backslash stays one."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isascii() and char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def shortened(text: str) -> str:
    """``text`` with eight or more of the same told as a number, and without its middle if it still is long."""
    if len(text) <= 2 * _ENOUGH:
        start = end = _RUN.sub(_counted, text)
        if len(start) <= LONGEST:
            return start
    else:
        start, end = (_RUN.sub(_counted, part) for part in (text[:_ENOUGH], text[-_ENOUGH:]))
    return f"{start[:_FROM_START]} .. {end[-_FROM_END:]} ({len(text)} characters)"


def _counted(run: re.Match[str]) -> str:
    return f"{run[1]}*{len(run[0]) // len(run[1])}" + (" " if run.end() < len(run.string) else "")
