"""A start on any Python, with or without the packages, and interrupted at any moment."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from linx import starting

ROOT = Path(__file__).parent.parent
ROAD = ["linx.py", "linx/__init__.py", "linx/__main__.py", "linx/starting.py"]


@pytest.mark.parametrize("name", ROAD)
def test_an_old_python_can_read_what_tells_it_so(name: str) -> None:
    ast.parse((ROOT / name).read_text(), feature_version=(3, 6))
    assert "from __future__ import annotations" not in (ROOT / name).read_text()  # Python 3.7


def test_all_packages_are_looked_for() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {re.split(r"[^\w.-]", one, maxsplit=1)[0].lower() for one in declared}
    names = packages_distributions()
    found = {plain for module in starting.PACKAGES for plain in map(str.lower, names[module.partition(".")[0]])}
    assert {one.replace(".", "-") for one in wanted} == {one.replace("_", "-").replace(".", "-") for one in found}


def test_a_python_that_is_too_old() -> None:
    """Even where the packages are missing too: they could not be installed into it."""
    assert starting.explain((3, 9, 2), ["trio"], "/usr/bin/python3") == (
        "linx: Linx needs Python 3.11 or newer, and /usr/bin/python3 is 3.9.2.\n"
        "linx: `uv run linx.py` fetches one; or install it and run PYTHON=/path/to/python3 scripts/run\n"
    )


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_python_that_will_do(version: tuple[int, ...]) -> None:
    assert starting.explain(version, [], "python") == ""


def test_this_python_will_do() -> None:
    assert starting.unfit() == ""


@pytest.mark.parametrize("way", [["linx.py"], ["-m", "linx"]], ids=["script", "module"])
def test_a_python_without_the_packages(way: list[str]) -> None:
    """``-S`` leaves site-packages out, as a Python of the system has none of these."""
    done = subprocess.run(
        [sys.executable, "-S", *way], cwd=ROOT, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    what, do = done.stderr.splitlines()
    assert what.startswith(f"linx: {sys.executable} lacks what Linx needs: trio, h11, orjson, ")
    assert do == "linx: run scripts/run or `uv run linx.py`; or, in a virtual environment, `python -m pip install .`"


def test_an_old_python_imports_nothing_more() -> None:
    program = (
        "import sys; sys.version_info = (3, 8, 10, 'final', 0); from linx.__main__ import main; "
        "code = main(); print(code, 'linx.cli' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
    assert "is 3.8.10." in done.stderr


AT_IMPORT = """\
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Interrupt())
"""
AT_TIME = """\
import os, signal, threading, time

put = signal.signal

def tell(number, handler):
    before = put(number, handler)
    if number == signal.SIGINT:
        signal.signal = put
        main = threading.main_thread().ident
        threading.Thread(target=lambda: (time.sleep({delay}), os.kill(os.getpid(), {number})), daemon=True).start()
    return before

signal.signal = tell
"""
"""Run by Python before its first line of Linx. From here on, that Linx sends itself a signal, so no clock of a test
decides what the signal meets."""
EACH_TENTH = [tenth / 10 for tenth in range(11)] if os.environ.get("LINX_TEST_EVERY_TENTH") else [0.0, 0.4]
POINTS = {
    **{f"import of {name}": AT_IMPORT.replace("{name!r}", repr(name)) for name in ("linx.cli", "msgspec", "trio")},
    **{f"after {delay} s": AT_TIME.replace("{delay}", str(delay)) for delay in EACH_TENTH},
}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_start_ends_with_0_and_no_traceback(point: str, tmp_path: Path) -> None:
    number = signal.SIGTERM if point == "import of trio" else signal.SIGINT
    (tmp_path / "sitecustomize.py").write_text(POINTS[point].replace("{number}", str(int(number))))
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, str(ROOT / "linx.py"), "--port", "0", "--log-level", "error"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("ignored", [False, True], ids=["listened to", "ignored"])
def test_a_signal_that_was_ignored_stays_ignored(ignored: bool) -> None:
    """A shell starts a job in the background with SIGINT ignored."""
    program = (
        "import signal; from linx import starting; before = signal.getsignal(signal.SIGINT); "
        "starting.end_quietly_on_signals(); quiet = signal.getsignal(signal.SIGINT); starting.restore_signals(); "
        "print(quiet is before, signal.getsignal(signal.SIGINT) is before)"
    )
    if ignored:
        program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{ignored} True\n"


LOADED = {
    "LD_LIBRARY_PATH": "/cache/linx/_internal",
    "_PYI_ARCHIVE_FILE": "/cache/linx/linx",
    "_PYI_PARENT_PROCESS_LEVEL": "1",
}


@pytest.mark.skipif(sys.platform == "win32", reason="the loader sets nothing there")
@pytest.mark.parametrize(
    ("loaded", "given"),
    [
        pytest.param(LOADED, {}, id="without a library path"),
        pytest.param(
            {**LOADED, "LD_LIBRARY_PATH": "/cache/linx/_internal:/opt/lib", "LD_LIBRARY_PATH_ORIG": "/opt/lib"},
            {"LD_LIBRARY_PATH": "/opt/lib"},
            id="with one",
        ),
    ],
)
def test_the_binary_gives_its_children_the_environment_that_it_was_given(
    loaded: dict[str, str], given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://pyinstaller.org/en/stable/runtime-information.html tells what the loader sets."""
    monkeypatch.setattr(os, "environ", {**loaded, "HOME": "/home/me"})
    starting.leave_the_loader()
    assert os.environ == {**loaded, "HOME": "/home/me"}
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    starting.leave_the_loader()
    assert os.environ == {**given, "HOME": "/home/me"}


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_signals_that_were_held_back_during_the_loader_come_then() -> None:
    program = (
        "import os, signal, sys; sys.frozen = True; both = {signal.SIGINT, signal.SIGTERM}; "
        "signal.pthread_sigmask(signal.SIG_BLOCK, both); os.kill(os.getpid(), signal.SIGINT); "
        "from linx.__main__ import main; main(); print('not ended')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
