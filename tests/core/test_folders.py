"""Where files of Linx's own belong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from linx.core.folders import config_file, state_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the variable is one of Linux")
def test_settings_are_in_the_users_folder_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert config_file("config.json") == tmp_path / "config" / "linx" / "config.json"
    assert not (tmp_path / "config").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the variable is one of Linux")
def test_the_state_folder_is_the_users_and_is_not_made_by_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_file("a.json") == tmp_path / "state" / "linx" / "a.json"
    assert not (tmp_path / "state").exists()
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_file("a.json") == tmp_path / ".local" / "state" / "linx" / "a.json"
