"""Top-level keys that stand on a line of their own, as in TOML and YAML: found, set, and taken out again.

Rule: only a value that begins and ends on its line is touched; what it means is for the caller to check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.setup.edits.edit import Unfit, newline_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_VALUES = r"(?:\"(?:[^\"\\\r\n]|\\[^\r\n])*\"|'[^'\r\n]*'"


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a format writes ``key = value``."""

    between: str
    """As it is written."""
    line: re.Pattern[str]
    """A whole line with its key, its value and what is behind the value, as groups."""


TOML = Syntax(
    " = ", re.compile(rf"([ \t]*\"?([A-Za-z0-9_-]+)\"?[ \t]*=[ \t]*)({_VALUES}|[A-Za-z0-9_.+:-]+))([ \t]*(?:#.*)?)")
)
YAML = Syntax(
    ": ",
    re.compile(
        rf"(([A-Za-z0-9_-]+)[ \t]*:[ \t]+)({_VALUES}|[^\s#'\"&*!|>%@`\[\]{{}},?:-][^#\r\n]*?))([ \t]*(?:[ \t]#.*)?)"
    ),
)


def split(text: str) -> list[str]:
    """The lines with their ends. Only line feeds end a line, as in both formats."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def place(lines: Iterable[str], key: str, syntax: Syntax) -> tuple[int, re.Match[str]] | None:
    """The line of a key among ``lines``; Unfit if there are two of them."""
    found = [
        (number, match)
        for number, line in enumerate(lines)
        if (match := syntax.line.fullmatch(line.rstrip("\r\n"))) and match[2] == key
    ]
    if len(found) > 1:
        raise Unfit(f"has {key} twice")
    return found[0] if found else None


def with_value(line: str, match: re.Match[str], raw: str) -> str:
    """The line with another value; indentation and comment stay."""
    return match[1] + raw + match[4] + line[len(line.rstrip("\r\n")) :]


def ended(lines: list[str], newline: str) -> list[str]:
    """The lines, the last of which has an end as well."""
    if lines and not lines[-1].endswith("\n"):
        return [*lines[:-1], lines[-1] + newline]
    return lines


def new_line(text: str, key: str, raw: str, syntax: Syntax) -> str:
    return f"{key}{syntax.between}{raw}{newline_of(text)}"
