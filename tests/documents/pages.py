"""The documents, and the parts of them that are made from the program.

A part stands between two comments, ``<!-- made: NAME ARGUMENT -->`` and ``<!-- /made -->``. Its name is one of
``PARTS``. What is outside is written by hand and is left alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.documents import clients, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parent.parent.parent
PARTS: Mapping[str, Callable[[str], str]] = {
    "client": clients.settings_part,
    "client-facts": clients.facts_part,
    "clients": clients.table_part,
    "config": reference.section_part,
}
PART = re.compile(r"(<!-- made: (?P<name>[a-z-]+)(?: (?P<argument>[^ ]+))? -->\n).*?(<!-- /made -->)", re.DOTALL)


def documents() -> list[Path]:
    """All documents for whoever uses or changes Linx."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def shown(path: Path) -> str:
    """The path as messages name it."""
    return path.relative_to(ROOT).as_posix()


def made_anew(text: str) -> str:
    """The text with each made part as the program would have it today."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}{PARTS[match['name']](match['argument'] or '').strip()}\n{match[4]}"

    return PART.sub(part, text)
