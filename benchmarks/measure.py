"""Builds the program of ``benchmarks/go``: provider and load generator.

It is built once for each state of its sources, into the cache folder; it needs Go and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.setting import CACHE

SOURCES = Path(__file__).resolve().parent / "go"
USUAL_PLACES = "/usr/local/go/bin:/usr/lib/go/bin:/opt/homebrew/bin"
BUILD_S = 300


class NoProgram(Exception):
    """Why provider and load generator cannot be built."""


def go() -> str | None:
    """The path of Go's command."""
    return shutil.which("go") or shutil.which("go", path=USUAL_PLACES)


def program(folder: Path = CACHE) -> Path:
    """The built program. Raises NoProgram."""
    sources = sorted([*SOURCES.glob("*.go"), SOURCES / "go.mod"])
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    path = folder / f"measure-{state}"
    if path.exists():
        return path
    compiler = go()
    if compiler is None:
        raise NoProgram("provider and load generator of the benchmark are written in Go, and there is no go command")
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    # No module of others is needed, so nothing is downloaded, not even another version of Go.
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "0"}
    command = [compiler, "build", "-o", str(partial), "."]
    try:
        subprocess.run(command, cwd=SOURCES, env=env, check=True, capture_output=True, text=True, timeout=BUILD_S)
    except subprocess.CalledProcessError as error:
        raise NoProgram(f"go build: {error.stderr.strip()[-1000:]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoProgram(f"go build: {error}") from None
    partial.replace(path)
    return path
