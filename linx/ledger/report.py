"""Shows what ``linx usage`` found: as a table for people, as JSON or as CSV.

The table has a bar for each line's share of all tokens. Columns in which every number is 0 are left out of it; JSON and
CSV always have all.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from linx.core import jsontext
from linx.core.redaction import escape_controls
from linx.ledger.questions import TOTALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.ledger.questions import Line, Usage

BAR = 16  # characters of a whole bar
MAX_NAME = 36  # characters of a name in the table
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEADINGS = {
    "requests": "requests",
    "failed": "failed",
    "local_requests": "local",
    "prompt_tokens": "prompt",
    "cached_tokens": "cached",
    "completion_tokens": "answer",
    "cost_usd": "cost",
    "saved_usd": "saved",
}
_NAMES = {"model": ("model", "asked")}
"""The names of a line where they are not only the dimension's own."""
_AT = {name: place for place, name in enumerate(TOTALS)}
_ALWAYS = ("requests", "prompt_tokens", "completion_tokens", "cost_usd")
_FORMULA = ("=", "+", "@", "\t", "\r")  # a spreadsheet would reckon a text that begins so


class Style(NamedTuple):
    """What the terminal can show."""

    is_coloured: bool = False
    is_ascii: bool = False


def names_of(usage: Usage) -> tuple[str, ...]:
    return _NAMES.get(usage.by, (usage.by,))


# --- for programs ---------------------------------------------------------------------


def as_json(usage: Usage, _style: Style) -> str:
    rows = [{**dict(zip(names_of(usage), line.names, strict=True)), **_numbers(line.numbers)} for line in usage.lines]
    whole = {"by": usage.by, "since": usage.since or None, "rows": rows, "total": _numbers(usage.total)}
    return jsontext.dumps_pretty(whole).decode().rstrip("\n") + "\n"


def as_csv(usage: Usage, _style: Style) -> str:
    """One line of headings, the lines, and the total as the last."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = names_of(usage)
    writer.writerow([*names, *TOTALS])
    for line in usage.lines:
        shown = [f"'{name}" if name.startswith(_FORMULA) else name for name in line.names]
        writer.writerow([*map(escape_controls, shown), *_numbers(line.numbers).values()])
    writer.writerow(["total", *[""] * (len(names) - 1), *_numbers(usage.total).values()])
    return text.getvalue()


def _numbers(numbers: Sequence[float]) -> dict[str, float]:
    return {name: round(number, 9) for name, number in zip(TOTALS, numbers, strict=True)}


# --- for people -----------------------------------------------------------------------


def as_table(usage: Usage, style: Style) -> str:
    since = f" since {usage.since}" if usage.since else ""
    if not usage.lines:
        return f"No requests{since}.\n"
    shown = [name for name in TOTALS if name in _ALWAYS or usage.total[_AT[name]]]
    names = names_of(usage)
    head = [*names, *(_HEADINGS[name] for name in shown)]
    body = [[*map(_short, line.names), *(_cell(name, line.numbers) for name in shown)] for line in usage.lines]
    total = ["total", *[""] * (len(names) - 1), *(_cell(name, usage.total) for name in shown)]
    widths = [max(map(len, column)) for column in zip(head, *body, total, strict=True)]

    def laid_out(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if place < len(names) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded)

    most = max(map(_tokens, usage.lines)) or 1
    rule = ("-" if style.is_ascii else "─") * (sum(widths) + 2 * (len(widths) - 1))
    text = [f"Usage{since}, by {usage.by}", "", _dim(laid_out(head), style), _dim(rule, style)]
    for line, cells in zip(usage.lines, body, strict=True):
        bar = bar_of(_tokens(line) / most, style)
        text.append(f"{laid_out(cells)}  {_tinted(bar, line, style)}".rstrip())
    text += [_dim(rule, style), laid_out(total).rstrip(), "", in_words(usage), ""]
    return "\n".join(text)


def in_words(usage: Usage) -> str:
    """The one sentence that most people ask for."""
    requests, local = usage.total[_AT["requests"]], usage.total[_AT["local_requests"]]
    cost, saved = usage.total[_AT["cost_usd"]], usage.total[_AT["saved_usd"]]
    share = (
        f"{local:,.0f} of {requests:,.0f} requests ({local / (requests or 1):.0%}) were answered on your own machines"
    )
    return f"{share}{f' and saved {money(saved)}' if saved else ''}; {money(cost)} spent on others."


def money(usd: float) -> str:
    """Two digits behind the point, more for less than a cent."""
    if not usd:
        return "$0"
    return f"${usd:,.2f}" if abs(usd) >= 0.01 else f"${usd:.6f}".rstrip("0").rstrip(".")


def bar_of(share: float, style: Style) -> str:
    """A bar for a share from 0 to 1; anything above 0 is visible."""
    if style.is_ascii:
        return "#" * max(round(share * BAR), 1 if share else 0)
    eighths = max(round(share * BAR * 8), 1 if share else 0)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _cell(name: str, numbers: Sequence[float]) -> str:
    number = numbers[_AT[name]]
    if name.endswith("_usd"):
        return money(number) if number else "-"
    return f"{number:,.0f}"


def _tokens(line: Line) -> float:
    return line.numbers[_AT["prompt_tokens"]] + line.numbers[_AT["completion_tokens"]]


def _short(name: str) -> str:
    name = escape_controls(name)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def _tinted(bar: str, line: Line, style: Style) -> str:
    """Green for what was answered on the user's machines, yellow for what left them."""
    if not style.is_coloured or not bar:
        return bar
    is_local = line.numbers[_AT["local_requests"]] * 2 >= line.numbers[_AT["requests"]]
    return f"\x1b[{32 if is_local else 33}m{bar}\x1b[0m"


def _dim(text: str, style: Style) -> str:
    return f"\x1b[2m{text}\x1b[0m" if style.is_coloured else text


FORMATS: Mapping[str, Callable[[Usage, Style], str]] = {"table": as_table, "json": as_json, "csv": as_csv}
