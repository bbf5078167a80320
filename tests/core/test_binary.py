"""The binary's own file, which is not the program that it has unpacked; and what older versions have left."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from linx.core import binary

if TYPE_CHECKING:
    from pathlib import Path

only_posix = pytest.mark.skipif(os.name != "posix", reason="on Windows nothing is unpacked")
OWN, OLD, NEW = "0.2.0-0123456789abcdef", "0.1.0-aaaaaaaaaaaaaaaa", "0.2.0rc1-bbbbbbbbbbbbbbbb"


def test_linx_in_a_python_is_no_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binary.VARIABLE, "/opt/linx")
    assert not binary.is_binary()


def test_the_file_that_the_user_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert binary.is_binary()
    monkeypatch.setenv(binary.VARIABLE, "/opt/linx")
    assert binary.path() == "/opt/linx"
    monkeypatch.delenv(binary.VARIABLE)
    assert binary.path() == sys.executable


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A first start of version 0.2.0, beside folders that are years old."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / OWN / "linx"))
    monkeypatch.setenv(binary.VARIABLE, "/opt/linx")
    monkeypatch.setenv(binary.UNPACKED, "1")
    for name in (OWN, OLD, NEW, f".{OLD}.77", "mine"):
        (tmp_path / name / "_internal").mkdir(parents=True)
        os.utime(tmp_path / name, (0, 0))
    return tmp_path


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@only_posix
def test_the_first_start_removes_what_older_versions_have_left(unpacked: Path) -> None:
    os.utime(unpacked / NEW)  # may just be starting
    binary.settle()
    assert names(unpacked) == {OWN, NEW, "mine"}
    assert binary.UNPACKED not in os.environ  # a child is no first start


@only_posix
def test_a_later_start_removes_nothing(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binary.UNPACKED)
    binary.settle()
    assert len(names(unpacked)) == 5


@only_posix
def test_what_another_linx_runs_in_stays(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(unpacked / OLD / "linx"))
    monkeypatch.delenv(binary.UNPACKED)
    binary.settle()  # the older version, which runs on
    monkeypatch.setattr(sys, "executable", str(unpacked / OWN / "linx"))
    monkeypatch.setenv(binary.UNPACKED, "1")
    binary.settle()
    assert names(unpacked) == {OWN, OLD, "mine"}


@only_posix
def test_where_nothing_was_unpacked_nothing_is_looked_for(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binary.VARIABLE)
    binary.settle()
    assert len(names(unpacked)) == 5
