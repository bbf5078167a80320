"""How an answer is shown: to people, to programs, to spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest

from linx.core import jsontext
from linx.ledger.questions import TOTALS, Line, Usage, total_of
from linx.ledger.report import BAR, Style, as_csv, as_json, as_table, bar_of, money

LINES = (
    Line(("openai/gpt-4o", "gpt-4o"), (41, 2, 0, 120_000, 0, 12_000, 0.84, 0.0)),
    Line(("qwen2.5-coder:32b", "gpt-4o"), (1204, 1, 1204, 4_120_331, 0, 861_020, 0.0, 12.4)),
)
WEEK = Usage("model", "2026-01-25", LINES, total_of(LINES))
NOTHING = Usage("day", "2026-01-25", (), (0,) * len(TOTALS))
PLAIN = Style()


def test_the_table() -> None:
    assert as_table(WEEK, PLAIN) == (
        "Usage since 2026-01-25, by model\n"
        "\n"
        "model              asked   requests  failed  local     prompt   answer   cost   saved\n"
        "─────────────────────────────────────────────────────────────────────────────────────\n"
        "openai/gpt-4o      gpt-4o        41       2      0    120,000   12,000  $0.84       -  ▍\n"
        "qwen2.5-coder:32b  gpt-4o     1,204       1  1,204  4,120,331  861,020      -  $12.40  ████████████████\n"
        "─────────────────────────────────────────────────────────────────────────────────────\n"
        "total                         1,245       3  1,204  4,240,331  873,020  $0.84  $12.40\n"
        "\n"
        "1,204 of 1,245 requests (97%) were answered on your own machines and saved $12.40; $0.84 spent on others.\n"
    )


def test_a_terminal_without_unicode() -> None:
    text = as_table(WEEK, Style(is_ascii=True))
    assert text.isascii()
    assert f"  {'#' * BAR}\n" in text


def test_colours_mark_what_left_the_machine() -> None:
    text = as_table(WEEK, Style(is_coloured=True))
    assert "\x1b[33m▍\x1b[0m" in text
    assert f"\x1b[32m{'█' * BAR}\x1b[0m" in text
    assert "\x1b" not in as_table(WEEK, PLAIN)


def test_nothing_to_show() -> None:
    assert as_table(NOTHING, PLAIN) == "No requests since 2026-01-25.\n"
    assert as_table(NOTHING._replace(since=""), PLAIN) == "No requests.\n"
    assert jsontext.loads(as_json(NOTHING, PLAIN).encode())["rows"] == []
    assert as_csv(NOTHING, PLAIN).splitlines()[1] == "total,0,0,0,0,0,0,0,0"


def test_json_has_every_column() -> None:
    shown = jsontext.loads(as_json(WEEK, PLAIN).encode())
    assert (shown["by"], shown["since"]) == ("model", "2026-01-25")
    assert shown["rows"][0] == {
        "model": "openai/gpt-4o",
        "asked": "gpt-4o",
        "requests": 41,
        "failed": 2,
        "local_requests": 0,
        "prompt_tokens": 120_000,
        "cached_tokens": 0,
        "completion_tokens": 12_000,
        "cost_usd": 0.84,
        "saved_usd": 0.0,
    }
    assert shown["total"]["requests"] == 1245


def test_csv_has_every_column_and_a_total() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(WEEK, PLAIN))))
    assert [row["model"] for row in rows] == ["openai/gpt-4o", "qwen2.5-coder:32b", "total"]
    assert rows[2]["saved_usd"] == "12.4"
    assert tuple(rows[0])[2:] == TOTALS


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "@SUM(A1)"])
def test_a_name_is_no_formula_in_a_spreadsheet(name: str) -> None:
    line = Line((name, "m"), LINES[0].numbers)
    (row, _total) = csv.DictReader(io.StringIO(as_csv(WEEK._replace(lines=(line,)), PLAIN)))
    assert row["model"] == "'" + name


def test_a_name_cannot_write_on_the_terminal() -> None:
    line = Line(("\x1b[2Jm\nm", "x" * 99), LINES[0].numbers)
    for text in (as_table(WEEK._replace(lines=(line,)), PLAIN), as_csv(WEEK._replace(lines=(line,)), PLAIN)):
        assert "\x1b" not in text
        assert "m\nm" not in text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"),
        (0.000042, "$0.000042"),
        (0.0042, "$0.0042"),
        (0.01, "$0.01"),
        (12.345, "$12.35"),
        (1e6, "$1,000,000.00"),
    ],
)
def test_money(usd: float, text: str) -> None:
    assert money(usd) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, ""), (1e-9, "▏"), (0.5, "█" * 8), (0.53, "█" * 8 + "▌"), (1, "█" * 16)]
)
def test_bars(share: float, text: str) -> None:
    assert bar_of(share, PLAIN) == text
