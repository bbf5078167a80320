"""The binary's own file, which is not the program that it has unpacked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from linx.core import binary

if TYPE_CHECKING:
    import pytest


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
