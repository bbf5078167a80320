"""A recorded terminal as an SVG: lines light up when they appeared, and stay; before that they are faint.

Rule: nothing is loaded from elsewhere, and a viewer that plays no animation, or is asked for less motion, shows the
whole. The panel is dark on any page, as terminals are, with a rim that is seen on a dark page too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = 100
CELL, LINE, SIZE, PAD, BAR = 8.4, 20, 14, 18, 34  # pixels
INK, PANEL, RIM, FAINT = "#d6dde6", "#12161c", "#3a434f", "#8b97a5"
_EIGHT = (FAINT, "#ff7b72", "#6fd08c", "#e3b341", "#79b8ff", "#d2a8ff", "#76d9e6", INK)
COLOURS = {first + place: colour for first in (30, 90) for place, colour in enumerate(_EIGHT)}
"""Of the numbers by which programs ask for a colour."""
_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|[\x00-\x08\x0b-\x1a\x1c-\x1f\r]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the terminal. ``at_s`` is when it appears; a command is typed, one character after the other."""

    at_s: float
    text: str
    is_typed: bool = False


TYPED_S = 0.035  # for a character
PROMPT = "$ "


def svg(lines: Sequence[Line], title: str) -> str:
    """The picture. Lines longer than the terminal are wrapped."""
    rows = [row for line in lines for row in _wrapped(line)]
    width, height = round(2 * PAD + COLUMNS * CELL), BAR + PAD + len(rows) * LINE + PAD // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>",
        f"text {{ font: {SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;"
        f" fill: {INK}; white-space: pre }}",
        ".b { font-weight: 700 } .d { opacity: .65 }",
        "@media (prefers-reduced-motion: no-preference) { .l { animation: on 1ms both } "
        "@keyframes on { from { opacity: .22 } to { opacity: 1 } } }",
        "</style>",
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="{PANEL}" stroke="{RIM}"/>',
        *(f'<circle cx="{PAD + 18 * n}" cy="{BAR / 2:g}" r="5.5" fill="{RIM}"/>' for n in range(3)),
        f'<text x="{width / 2:g}" y="{BAR / 2 + 5:g}" text-anchor="middle" style="fill:{FAINT}">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        y = BAR + PAD + number * LINE
        for at_s, column, piece in _steps(row):
            x, spans = PAD + column * CELL, "".join(_spans(piece))
            length = len(_SGR.sub("", piece)) * CELL
            parts.append(
                f'<text class="l" x="{x:.1f}" y="{y}" textLength="{length:.1f}" style="animation-delay:{at_s:.2f}s">'
                f"{spans}</text>"
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _steps(row: Line) -> Iterator[tuple[float, int, str]]:
    """The pieces of a row that appear at once: when, at which column."""
    if not row.text.strip():
        return
    if not row.is_typed:
        yield row.at_s, 0, row.text
        return
    column = 0
    if row.text.startswith(PROMPT):
        yield row.at_s, 0, f"\x1b[32m{PROMPT}\x1b[0m"
        column = len(PROMPT)
    for word in re.findall(r"\s*\S+", row.text[column:]):
        column_s = row.at_s + (column + len(word)) * TYPED_S
        yield column_s, column + len(word) - len(word.lstrip()), f"\x1b[1m{word.lstrip()}\x1b[0m"
        column += len(word)


def _wrapped(line: Line) -> Iterator[Line]:
    """The rows of a line. A colour that goes on behind a break is given anew."""
    text, at_s = _OTHER.sub("", line.text.expandtabs()), line.at_s
    while True:
        head, rest = _cut(text)
        yield Line(at_s, head, line.is_typed)
        if not rest:
            return
        at_s += len(head) * TYPED_S if line.is_typed else 0
        text = rest


def _cut(text: str) -> tuple[str, str]:
    seen, place, style = 0, 0, ""
    while place < len(text):
        match = _SGR.match(text, place)
        if match:
            style = "" if match[1] in ("", "0") else match[0]
            place = match.end()
            continue
        if seen == COLUMNS:
            return text[:place], style + text[place:]
        seen, place = seen + 1, place + 1
    return text, ""


def _spans(text: str) -> Iterator[str]:
    classes: set[str] = set()
    colour = ""
    place = 0
    for match in [*_SGR.finditer(text), None]:
        piece = text[place : match.start() if match else len(text)]
        if piece:
            style = f' style="fill:{colour}"' if colour else ""
            named = f' class="{" ".join(sorted(classes))}"' if classes else ""
            yield f"<tspan{named}{style}>{escape(piece)}</tspan>" if style or named else escape(piece)
        if match is None:
            return
        place = match.end()
        for number in map(int, filter(None, match[1].split(";") if match[1] else ["0"])):
            if number == 0:
                classes, colour = set(), ""
            elif number in (1, 2):
                classes.add("b" if number == 1 else "d")
            elif number == 22:
                classes.clear()
            elif number == 39:
                colour = ""
            else:
                colour = COLOURS.get(number, colour)
