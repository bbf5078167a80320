"""Regular expressions must mean the same in every Python that Linx runs on."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# The parser of ``re`` is the one witness of how a pattern is understood; it has no public name.
PARSER: Any = importlib.import_module("re._parser")
ROOT = Path(__file__).parent.parent
RUN_AS_FILES = {"linx/__main__.py", "linx/children/tunnel/child.py", "linx/children/demo/child.py"}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for path in sorted((ROOT / "linx").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name in RUN_AS_FILES or path.name == "__init__.py":
            continue
        module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
        for attribute, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{name}:{attribute}", value


def risky(parsed: Any) -> Iterator[Any]:
    """Possessive repeats of more than a character, where that is not an atomic group."""
    for operator, argument in parsed:
        name = str(operator)
        if name == "POSSESSIVE_REPEAT":
            (inner, _), *more = argument[2]
            if more or str(inner) not in ("IN", "LITERAL", "NOT_LITERAL", "ANY", "ATOMIC_GROUP"):
                yield argument[2]
        for part in argument if isinstance(argument, tuple | list) else (argument,):
            if isinstance(part, PARSER.SubPattern):
                yield from risky(part)
            elif isinstance(part, list):
                for branch in part:
                    if isinstance(branch, PARSER.SubPattern):
                        yield from risky(branch)


def test_what_is_repeated_possessively_is_a_character_or_an_atomic_group() -> None:
    """Python before 3.11.5, which Debian 12 has, keeps the half of a last round that did not match."""
    found = [
        name for name, pattern in patterns() if any(risky(PARSER.parse(pattern.pattern, pattern.flags & ~re.UNICODE)))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("pattern", "is_risky"),
    [
        ("(?:a[bc])*+", True),
        ("(?:(?>a[bc]))*+", False),
        ("[ab]*+", False),
        ("x(?:y|(?:ab)?+)", True),
        ("(a|b)*", False),
    ],
)
def test_the_law_tells_them_apart(pattern: str, is_risky: bool) -> None:
    assert any(risky(PARSER.parse(pattern))) is is_risky
