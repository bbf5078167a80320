"""The packages of JavaScript's clients, in the versions of ``node/package.json``: installed once for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import find_program

NODE = Path(__file__).parent / "node"


def install(folder: Path) -> None:
    """Put them into ``folder``. Where they cannot be had the tests are skipped; with CI=true that is a failure."""
    npm = find_program("npm")
    assert npm is not None
    for file in NODE.iterdir():
        shutil.copy(file, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0:
        return
    why = f"npm cannot install the clients: {done.stderr[-400:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
