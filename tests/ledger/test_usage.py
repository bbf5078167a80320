"""The command ``linx usage`` on ledgers in every state."""

from __future__ import annotations

import io
import sqlite3
from typing import TYPE_CHECKING

import pytest

from linx.config.shape import LedgerConfig
from linx.core import jsontext
from linx.ledger.database import LedgerProblem, open_for_writing
from linx.ledger.period import EVERYTHING
from linx.ledger.report import Style
from linx.ledger.usage import Asked, report, style_of
from tests.ledger.records import row

if TYPE_CHECKING:
    from pathlib import Path

TABLE, JSON = Asked("model", EVERYTHING, "table"), Asked("model", EVERYTHING, "json")


def config(tmp_path: Path, *, enabled: bool = True) -> LedgerConfig:
    return LedgerConfig(path=str(tmp_path / "ledger.db"), enabled=enabled)


def test_while_another_writes(tmp_path: Path) -> None:
    writer, _ = open_for_writing(tmp_path / "ledger.db")
    writer.write([row()])
    assert jsontext.loads(report(config(tmp_path), JSON, Style()).encode())["total"]["requests"] == 1
    writer.close()
    assert "qwen3  gpt-4o" in report(config(tmp_path), TABLE, Style())


def test_without_a_ledger(tmp_path: Path) -> None:
    assert report(config(tmp_path), TABLE, Style()).startswith("No requests yet: there is no ledger at ")
    assert "ledger.enabled is false" in report(config(tmp_path, enabled=False), TABLE, Style())
    assert jsontext.loads(report(config(tmp_path), JSON, Style()).encode())["rows"] == []


def test_a_damaged_ledger_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no ledger" * 500)
    with pytest.raises(LedgerProblem, match=r"ledger\.db cannot be read: it is damaged"):
        report(config(tmp_path), TABLE, Style())
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"]


def test_the_ledger_of_a_newer_linx(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript("CREATE TABLE t (a); PRAGMA application_id = 1279872600; PRAGMA user_version = 99")
    connection.close()
    assert report(config(tmp_path), TABLE, Style()).startswith("No requests yet")
    writer, _ = open_for_writing(tmp_path / "ledger.db")
    writer.write([row()])
    writer.close()
    assert jsontext.loads(report(config(tmp_path), JSON, Style()).encode())["total"]["requests"] == 1


class Terminal(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a terminal has one
        return self._encoding

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "env", "style"),
    [
        (Terminal("utf-8"), {"TERM": "xterm"}, Style(is_coloured=True)),
        (Terminal("UTF8"), {"TERM": "xterm", "NO_COLOR": "1"}, Style()),
        (Terminal("utf-8"), {"TERM": "dumb"}, Style()),
        (Terminal("cp1252"), {}, Style(is_coloured=True, is_ascii=True)),
        (io.StringIO(), {"TERM": "xterm"}, Style(is_ascii=True)),
    ],
    ids=["terminal", "NO_COLOR", "dumb", "no unicode", "no encoding"],
)
def test_what_the_stream_can_show(stream: io.StringIO, env: dict[str, str], style: Style) -> None:
    assert style_of(stream, env) == style
