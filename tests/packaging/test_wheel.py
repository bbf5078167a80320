"""What ``pip install`` and ``uv run`` make of Linx: the wheel, built from the sdist, alone in a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import trio

import linx
from linx.dashboard import static_files
from tests.e2e.http_client import ask
from tests.e2e.linx_process import ROOT, LinxProcess, config_for
from tests.fakes.provider import FakeProvider
from tests.packaging.launched import run
from tests.test_starting import POINTS
from tests.waiting import HANG_S

pytestmark = [pytest.mark.untraced, pytest.mark.skipif(sys.platform == "win32", reason="no bin/ there")]
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def uv_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """uv of a new user: an empty home, a cache with nothing in it, and how to reach the registry."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_")) or "proxy" in name.lower()
    }
    folder = tmp_path_factory.mktemp("uv")
    if (index := os.environ.get("PIP_INDEX_URL")) is not None:
        kept.setdefault("UV_DEFAULT_INDEX", index)
    own = {"HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache"), "UV_PYTHON_DOWNLOADS": "never"}
    return {**kept, **own, "UV_PYTHON": sys.executable, "PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def packages(uv_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    subprocess.run([UV, "build", "--quiet", "--out-dir", folder, ROOT], env=uv_env, check=True)
    return folder


@pytest.fixture(scope="module")
def installed(packages: Path, uv_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``linx`` in an environment that has the wheel and what it asks for."""
    clean = tmp_path_factory.mktemp("clean") / "venv"
    (wheel,) = packages.glob("*.whl")
    subprocess.run([UV, "venv", "--quiet", clean], env=uv_env, check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", clean, wheel], env=uv_env, check=True)
    return clean / "bin" / "linx"


def test_the_wheel_has_the_files_of_the_package_and_no_others(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    assert wheel.name == f"linx_gateway-{linx.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "linx"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert names == set(listed.stdout.splitlines())


def test_the_sdist_has_what_is_needed_to_build_and_test(packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "linx.py",
        "LICENSE",
        "README.md",
        "requirements.lock",
        "packaging/linx.spec",
        "scripts/build",
        "tests/conftest.py",
    ):
        assert name in names
    assert not [
        name for name in names if name.endswith((".pyc", ".gguf")) or name.startswith((".venv", "dist/", "build/"))
    ]


def test_the_command_and_the_module_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "--version", env={}, cwd=tmp_path).stdout == f"Linx {linx.__version__}\n"
    python = installed.with_name("python")
    assert run(python, "-m", "linx", "--version", env={}, cwd=tmp_path).stdout == f"Linx {linx.__version__}\n"


@pytest.mark.parametrize("point", ["import of linx.cli", "import of trio"])
def test_an_interrupted_start_of_the_command_ends_with_0(point: str, installed: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(POINTS[point].replace("{number}", str(int(signal.SIGINT))))
    done = run(installed, "--port", "0", "--log-level", "error", env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_the_main_job_and_the_dashboard_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config_for(fake), tmp_path, env=env, command=[str(installed)]) as linx:
            for stream in (False, True):
                assert (await ask(linx.port, "/v1/chat/completions", {**CHAT, "stream": stream})).status == 200
            for name, file in static_files.read().items():
                assert (await ask(linx.port, f"/dashboard/{name}")).body == file.body, name


async def test_uv_runs_a_checkout_with_nothing_installed(uv_env: dict[str, str], tmp_path: Path) -> None:
    """It installs what the first lines of linx.py name. Its signals reach Linx."""
    env = {**uv_env, "UV_CACHE_DIR": str(tmp_path / "cache")}
    command = [UV, "run", "--quiet", str(ROOT / "linx.py")]
    async with FakeProvider("openai", ["m"]) as fake:
        async with LinxProcess(config_for(fake), tmp_path, env=env, command=command) as linx:
            assert (await ask(linx.port, "/v1/chat/completions", CHAT)).status == 200
            linx.process.send_signal(signal.SIGTERM)
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0
