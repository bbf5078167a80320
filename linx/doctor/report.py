"""Shows findings: as a list that people read from top to bottom, or as JSON for programs.

In the list the worst of a check's findings gives its colour; each line has a mark that says the same without colour.
"""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.redaction import escape_controls
from linx.doctor.finding import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.doctor.checks.table import Found
    from linx.doctor.finding import Finding
    from linx.ledger.report import Style

MARKS = {Level.OK: "✓", Level.NOTE: "·", Level.WARNING: "!", Level.BROKEN: "✗"}
ASCII_MARKS = {Level.OK: "+", Level.NOTE: "-", Level.WARNING: "!", Level.BROKEN: "X"}
COLOURS = {Level.OK: "32", Level.NOTE: "36", Level.WARNING: "33", Level.BROKEN: "1;31"}
_DIM, _BOLD = "2", "1"
NARROWEST = 40  # columns of text, on whatever terminal


def as_text(title: str, found: Sequence[Found], style: Style, width: int = 100) -> str:
    """The list, with a line at its end that counts."""
    name_width = max((len(each.check) for each in found), default=0)
    lines = [_painted(title, _BOLD, style), ""]
    shown = ""
    for check, finding in found:
        name = "" if check == shown else check
        shown = check
        lines += _lines(name.ljust(name_width), finding, style, width)
    lines += ["", _count([each.finding for each in found], style)]
    text = "\n".join(lines) + "\n"
    return text if not style.is_ascii else text.encode("ascii", "replace").decode()


def _lines(name: str, finding: Finding, style: Style, width: int) -> list[str]:
    mark = (ASCII_MARKS if style.is_ascii else MARKS)[finding.level]
    indent = " " * (len(name) + 5)
    arrow = "->" if style.is_ascii else "→"
    room = max(NARROWEST, width - len(indent))
    what = escape_controls(finding.what)
    if finding.where:
        what = (
            f"{escape_controls(finding.where)}: {what}"
            if finding.level is not Level.OK
            else f"{escape_controls(finding.where)}  {what}"
        )
    told = textwrap.wrap(what, room, break_long_words=False, break_on_hyphens=False) or [""]
    lines = [f"  {_painted(mark, COLOURS[finding.level], style)} {_painted(name, _DIM, style)} {told[0]}"]
    lines += [indent + line for line in told[1:]]
    if finding.mend:
        # Never wrapped, so that it can be copied.
        lines.append(f"{indent}{_painted(arrow, _DIM, style)} {_painted(escape_controls(finding.mend), _BOLD, style)}")
    return lines


def _count(findings: Sequence[Finding], style: Style) -> str:
    words = {Level.BROKEN: "broken", Level.WARNING: "warning", Level.NOTE: "note"}
    counts = []
    for level, word in words.items():
        count = sum(finding.level is level for finding in findings)
        if count:
            plural = "" if count == 1 or level is Level.BROKEN else "s"
            counts.append(_painted(f"{count} {word}{plural}", COLOURS[level], style))
    fixable = sum(bool(finding.edits and finding.mend) for finding in findings)
    end = f"; linx doctor --fix mends {fixable}" if fixable else ""
    return (", ".join(counts) or _painted("nothing to mend", COLOURS[Level.OK], style)) + end


def _painted(text: str, colour: str, style: Style) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if style.is_coloured and text.strip() else text


def as_json(found: Sequence[Found], done: Sequence[str] = ()) -> str:
    """One object; ``done`` is what ``--fix`` has changed."""
    rows = [
        {
            "level": finding.level.word,
            "check": check,
            "what": finding.what,
            "where": finding.where,
            "mend": finding.mend or None,
            "fixable": bool(finding.edits and finding.mend),
        }
        for check, finding in found
    ]
    return jsontext.dumps_pretty({"worst": worst(found).word, "findings": rows, "fixed": list(done)}).decode() + "\n"


def worst(found: Sequence[Found]) -> Level:
    return max((each.finding.level for each in found), default=Level.OK)


def cleaned(found: Sequence[Found], clean: Callable[[str], str]) -> list[Found]:
    """The same findings without a secret in any of their texts."""
    return [
        each._replace(
            finding=dataclasses.replace(
                each.finding,
                what=clean(each.finding.what),
                where=clean(each.finding.where),
                mend=clean(each.finding.mend),
            )
        )
        for each in found
    ]
