"""Packages of Linx, built once for all tests, and how they are run: with an environment that has nothing in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
INPUTS = ("linx/**/*", "linx.py", "packaging/*", "requirements.lock", "scripts/build", "scripts/venv")
STATE = ROOT / "build" / "binary" / "state"
BINARY = ROOT / "dist" / "linx"


def build_binary() -> Path:
    """``dist/linx``, built where what it is made of has changed since; that takes half a minute."""
    state = f"{sys.version}{_digest()}"
    if not (BINARY.exists() and STATE.exists() and STATE.read_text() == state):
        env = {**os.environ, "PYTHON": sys.executable}
        done = subprocess.run(
            [ROOT / "scripts/build"], env=env, capture_output=True, text=True, timeout=600, check=False
        )
        if "needs Python" in done.stderr and os.environ.get("CI") != "true":
            pytest.skip(done.stderr)
        assert done.returncode == 0, done.stdout + done.stderr
        STATE.write_text(state)
    return BINARY


def _digest() -> str:
    found = hashlib.blake2b()
    for path in sorted(path for pattern in INPUTS for path in ROOT.glob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()


def run(program: Path, *words: str, env: dict[str, str], cwd: Path | str = "/") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], env=env, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
