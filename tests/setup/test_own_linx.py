"""A Linx for one run of a client."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from linx.core.folders import state_file
from linx.setup.own_linx import LOG, NotStarted, command_line, environment, running
from linx.setup.running import is_linx

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-of-this-linx-0123"


def test_the_key_is_not_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment({"PYTHONPATH": "/mine", "A": "b"}, KEY)
    assert (env["LINX_API_KEY"], env["A"]) == (KEY, "b")
    assert env["PYTHONPATH"].endswith(":/mine")
    assert "LINX_API_KEY" not in environment({}, None)
    assert command_line(["--port", "0"])[-2:] == ["--port", "0"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert command_line([]) == [sys.executable, "--launched-child", sys.executable]


def test_it_runs_inside_the_block_and_logs_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with running(["--port", "0"], KEY) as (place, log):
        assert is_linx(place)
        assert log == state_file(LOG)
    assert not is_linx(place)
    assert log.stat().st_mode & 0o777 == 0o600


def test_one_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotStarted, match=r"gone\.json: no such file"), running(["--config", "gone.json"], None):
        pass
