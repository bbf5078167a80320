"""What a service runs first: its variables and its log are in place before Linx begins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import linx
from linx.service.child import WORD

ROOT = Path(__file__).parent.parent.parent


def run(tmp_path: Path, log: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "linx.py"), WORD, str(tmp_path / "service.env"), log, *words],
        cwd=tmp_path,
        env={**os.environ, "LINX_CONFIG": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_variables_of_the_file_are_there(tmp_path: Path) -> None:
    (tmp_path / "service.env").write_text('LINX_CONFIG="gone-with-service.json"\n')
    done = run(tmp_path, "-", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "linx: gone-with-service.json: no such file (given by LINX_CONFIG)\n"


def test_the_log_takes_both_outputs_and_is_added_to(tmp_path: Path) -> None:
    """Also without the file of variables, which a user may have removed."""
    log = tmp_path / "service.log"
    log.write_text("before\n")
    done = run(tmp_path, str(log), "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(tmp_path, str(log), "--prot")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    assert log.read_text() == f"before\nLinx {linx.__version__}\nlinx: unknown option '--prot'; did you mean --port?\n"
