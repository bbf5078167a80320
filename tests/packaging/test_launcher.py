"""The launcher in front of the binary: what it unpacks, where, and how it starts it. The program is a script here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.launched import ROOT, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the binary for Windows has no launcher")
PROGRAM = """\
#!/bin/sh
echo "$0"
echo "$_LINX_BINARY"
echo "${PATH-no path}"
printf '<%s>' "$@"
exit 7
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "_internal").mkdir(parents=True)
    (folder / "linx").write_text(PROGRAM)
    (folder / "linx").chmod(0o755)
    (folder / "_internal" / "library").write_bytes(os.urandom(100_000))
    target = tmp_path / "a b" / "linx"
    subprocess.run([sys.executable, ROOT / "packaging/assemble.py", folder, target], check=True)
    return target


def program_in(folder: Path) -> Path:
    """The one version that is unpacked there, with nothing beside it."""
    (version,) = folder.iterdir()
    assert re.fullmatch(r"\d+\.\d+\.\d+\w*-[0-9a-f]{16}", version.name)
    assert version.stat().st_mode & 0o777 == 0o700
    assert len((version / "_internal" / "library").read_bytes()) == 100_000
    return version / "linx"


def test_the_program_gets_its_words_and_its_path(launcher: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/nowhere"}
    done = run(launcher, "a b", "", "*", "--x=$HOME", env=env, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (7, "")
    program, binary, path, words = done.stdout.splitlines()
    assert Path(program) == program_in(tmp_path / ".cache" / "linx")
    assert (Path(binary), path, words) == (launcher, "/nowhere", "<a b><><*><--x=$HOME>")


def test_it_is_found_by_a_relative_path_and_through_a_link(launcher: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert Path(run(Path("a b/linx"), env=env, cwd=tmp_path).stdout.splitlines()[1]) == launcher
    (tmp_path / "link").symlink_to(launcher)
    assert run(tmp_path / "link", env=env).stdout.splitlines()[1] == str(tmp_path / "link")


def test_the_cache_of_the_environment(launcher: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "x=y")}  # env(1) would set a variable
    assert run(launcher, env=env).returncode == 7
    program_in(tmp_path / "x=y" / "linx")
    env["XDG_CACHE_HOME"] = "relative"  # to be passed over, says the XDG base directory specification
    assert run(launcher, env=env).returncode == 7
    program_in(tmp_path / "home" / ".cache" / "linx")


NO_CACHE = {
    "no home": {},
    "a home that cannot be written to": {"HOME": "/proc"},
    "a cache that is a file": {"XDG_CACHE_HOME": "/etc/hostname"},
}


@pytest.mark.parametrize("env", NO_CACHE.values(), ids=NO_CACHE)
def test_without_a_cache_it_is_unpacked_beside_other_temporary_files(
    env: dict[str, str], launcher: Path, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    assert run(launcher, env={**env, "TMPDIR": str(tmp_path / "tmp")}).returncode == 7
    (own,) = (tmp_path / "tmp").iterdir()
    assert own.name == f"linx-{os.getuid()}"
    assert own.stat().st_mode & 0o777 == 0o700
    program_in(own)


def test_nothing_is_run_from_where_somebody_else_may_have_put_it(launcher: Path, tmp_path: Path) -> None:
    """The folder for temporary files is everybody's: a link there may lead anywhere."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "tmp" / f"linx-{os.getuid()}").symlink_to(tmp_path / "mine")
    done = run(launcher, env={"TMPDIR": str(tmp_path / "tmp")})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"linx: {launcher} is damaged, or cannot be unpacked: ")
    assert [*(tmp_path / "mine").iterdir()] == []


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_root_runs_nothing_of_a_users_cache(launcher: Path, tmp_path: Path) -> None:
    """``sudo`` may leave HOME as it was."""
    cache = tmp_path / "home" / ".cache" / "linx"
    cache.mkdir(parents=True)
    os.chown(cache, 12345, 12345)
    (tmp_path / "tmp").mkdir()
    env = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    assert run(launcher, env=env).returncode == 7
    assert [*cache.iterdir()] == []


def test_a_damaged_file_says_so_and_leaves_nothing(launcher: Path, tmp_path: Path) -> None:
    launcher.write_bytes(launcher.read_bytes()[:-200])
    (tmp_path / "tmp").mkdir()
    done = run(launcher, env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 1
    assert done.stderr.startswith(f"linx: {launcher} is damaged")
    assert [*(tmp_path / ".cache" / "linx").iterdir(), *(tmp_path / "tmp" / f"linx-{os.getuid()}").iterdir()] == []


def test_many_first_starts_at_once(launcher: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    starts = [subprocess.Popen([launcher], env=env, stdout=subprocess.PIPE) for _ in range(8)]
    programs = {start.communicate()[0].splitlines()[0] for start in starts}
    assert [start.returncode for start in starts] == [7] * 8
    assert programs == {os.fsencode(program_in(tmp_path / ".cache" / "linx"))}


def test_the_same_folder_gives_the_same_file(launcher: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    os.utime(tmp_path / "folder" / "linx", (0, 0))
    subprocess.run([sys.executable, ROOT / "packaging/assemble.py", tmp_path / "folder", again], check=True)
    assert again.read_bytes() == launcher.read_bytes()
