"""The measurement of what open pages cost, in small: it starts everything, counts, and says what it found."""

from __future__ import annotations

import sys

import pytest

from benchmarks.viewers import Options, main, parse


def test_its_options() -> None:
    assert parse(["--streams", "3", "--most", "5"]) == Options(streams=3, most=5.0)


@pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from /proc")
async def test_pages_are_open_while_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    assert await main(Options(streams=4, seconds=0.3, rounds=1, most=1e9)) == 0
    told = capsys.readouterr().out
    assert "with 3:" in told
    assert int(told.split("messages to pages: ")[1].split()[0]) > 2
    assert told.endswith("good\n")
