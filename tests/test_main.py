"""The ways to start Linx behave alike, from any directory, and quickly."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import linx

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
WAYS = {
    "script": [sys.executable, str(ROOT / "linx.py")],
    "module": [sys.executable, "-m", "linx"],
    "command": [str(Path(sys.executable).with_name("linx"))],
}


def run(way: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = WAYS[way]
    if not os.path.exists(command[0]):
        pytest.skip("Linx is not installed here")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*command, *arguments], cwd=cwd, env=env, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("way", WAYS)
def test_the_exit_code_and_both_outputs_are_the_same(way: str, tmp_path: Path) -> None:
    good = run(way, "--version", cwd=tmp_path)
    assert (good.returncode, good.stdout, good.stderr) == (0, f"Linx {linx.__version__}\n".encode(), b"")
    bad = run(way, "--prot", "1", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr == b"linx: unknown option '--prot'; did you mean --port?\n"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Linx on a free port, which is ended with the test however that ends."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*WAYS["script"], "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def test_serving_starts_with_one_line_and_ends_with_0(serving: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """And a second one on the same port ends with 1, and says what to try."""
    assert serving.stdout is not None
    line = serving.stdout.readline().decode()
    ready = re.fullmatch(rf"Linx {re.escape(linx.__version__)} listening on http://127\.0\.0\.1:(\d+)\n", line)
    assert ready is not None, line
    second = run("module", "--port", ready[1], cwd=tmp_path)
    assert (second.returncode, second.stdout) == (1, b"")
    assert second.stderr.count(b"\n") == 1
    assert f"127.0.0.1:{ready[1]}".encode() in second.stderr
    serving.send_signal(signal.SIGTERM)
    rest, _nothing = serving.communicate(timeout=30)
    assert (serving.returncode, rest) == (0, b"")


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*WAYS["module"], "schema"],
        cwd=tmp_path,
        env=env,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_mistake_is_told_without_loading_the_rest(tmp_path: Path) -> None:
    program = (
        "import sys; from linx.cli import main; code = main(['--config', 'gone.json']); "
        "print(code, sorted({'trio', 'h11', 'ssl', 'linx.app'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, check=True)
    assert done.stdout == b"2 []\n"


def test_the_script_holds_nothing_but_the_call() -> None:
    code = ast.unparse(ast.Module(ast.parse((ROOT / "linx.py").read_text()).body[1:], []))
    assert code == ("import sys\nfrom linx.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())")


def test_the_script_names_what_uv_has_to_install() -> None:
    """Inline script metadata (PEP 723): ``uv run linx.py`` installs what pyproject.toml declares."""
    block = re.findall(r"(?m)^# /// script\n((?:#(?: .*)?\n)+)# ///$", (ROOT / "linx.py").read_text())
    assert len(block) == 1
    metadata = tomllib.loads("".join(line[2:] + "\n" for line in block[0].splitlines()))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata == {"requires-python": project["requires-python"], "dependencies": project["dependencies"]}


def test_the_command_starts_like_the_others() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"linx": "linx.__main__:main"}
