"""What every test may ask for: the tiny model file, and programs outside Python."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.fakes.gguf_model import write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(command): a program that must be installed; see scripts/system-packages")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        command = marker.args[0]
        if find_program(command) is None:
            missing = f"{command} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)


def find_program(command: str) -> str | None:
    """Where a program is; servers live outside an ordinary user's PATH."""
    return shutil.which(command, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real GGUF file that llama.cpp loads in well under a second."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")
