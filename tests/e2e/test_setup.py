"""``linx setup`` as a user starts it, in an empty home; and what serving pays for it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.e2e.linx_process import ROOT
from tests.fakes.provider import closed_port

if TYPE_CHECKING:
    from pathlib import Path

# By hand, with the versions of docs/clients/README.md, each client was run by `launch` and by `setup --write`, also in
# a home whose files pointed it elsewhere, at a Linx with a key and at one without.


def linx(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(home), "PATH": "/nowhere", "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    argv = [sys.executable, str(ROOT / "linx.py"), *words]
    return subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=60, check=False)


def files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_written_and_undone_in_an_empty_home(tmp_path: Path) -> None:
    port = str(closed_port())
    done = linx(tmp_path, "setup", "claude-code", "--write", "--port", port)
    assert done.returncode == 0, done.stderr
    assert f"no Linx runs at http://127.0.0.1:{port}" in done.stderr
    ((path, text),) = files(tmp_path).items()
    assert done.stdout.startswith(f"wrote {tmp_path / path}")
    assert f"http://127.0.0.1:{port}".encode() in text
    assert linx(tmp_path, "setup", "claude-code", "--undo").returncode == 0
    assert [*tmp_path.iterdir()] == []


def test_a_key_from_the_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch(0o600)
    config = {"server": {"api_key": "a-key-of-this-linx-0123", "port": closed_port()}}
    (tmp_path / "config.json").write_bytes(jsontext.dumps(config))
    assert 'apiKey: "a-key-of-this-linx-0123"' in linx(tmp_path, "setup", "continue").stdout


def test_serving_imports_none_of_it() -> None:
    code = "import linx.cli, linx.app, sys; print([name for name in sys.modules if name.startswith('linx.setup')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
