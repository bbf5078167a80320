"""The binary, in a folder of its own whose name is no easy one, for a user with an empty home."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.packaging.launched import build_binary

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform == "win32":
        pytest.skip("scripts/build was not tried on Windows")
    folder = tmp_path_factory.mktemp("built") / "my tools, ä"
    folder.mkdir()
    shutil.copy(build_binary(), folder / "linx")
    return folder / "linx"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the binary is unpacked, by whichever test is the first."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def bare(cache: Path, tmp_path: Path) -> dict[str, str]:
    """An environment with a home, the tests' folders for what is unpacked, and nothing else: not even a PATH."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(cache), "TMPDIR": str(tmp_path / "tmp")}
