"""The Dockerfile, read line by line: what gets into the image, who runs there, and that its health check works."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from linx import command_line
from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
INSTRUCTIONS = {
    *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "LABEL"),
}


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments; comments are out, and continued lines are one."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.partition(" ") for line in whole.splitlines() if line.strip()]
    return [(name, re.sub(r"\s+", " ", rest).strip()) for name, _space, rest in pairs]


def last(name: str) -> str:
    """The argument that is in force in the image."""
    return [rest for found, rest in instructions() if found == name][-1]


def words(name: str) -> list[str]:
    """The command of an instruction, which is a JSON list, so that no shell stands between Linx and its signals."""
    found = jsontext.loads(last(name)[last(name).index("[") :].encode())
    assert isinstance(found, list)
    return [str(one) for one in found]


def copied() -> Iterator[str]:
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from="):
            yield from rest.split()[:-1]


def test_it_holds_instructions_only() -> None:
    assert {name for name, _rest in instructions()} <= INSTRUCTIONS
    assert instructions()[0][0] == "FROM"


def test_each_base_has_a_version_that_linx_is_tested_with() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    for base in (rest for name, rest in instructions() if name == "FROM"):
        match = re.fullmatch(r"python:(3\.\d+)-slim( AS \w+)?", base)
        assert match is not None, base
        assert f'"{match[1]}"' in workflow


def test_all_that_is_copied_exists_and_is_not_ignored() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"  # whatever lies in a checkout, a config with keys for one, stays out of the image
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert set(copied()) == allowed
    for name in allowed:
        assert (ROOT / name).exists(), name
    assert any(fnmatch.fnmatch("linx/__pycache__", line) for line in lines)


def test_what_the_package_is_built_from_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert needed <= set(copied())


def test_what_runs_beside_the_keys_is_what_is_locked() -> None:
    runs = " ".join(rest for name, rest in instructions() if name == "RUN")
    assert "--require-hashes --no-deps --requirement requirements.lock" in runs
    assert re.findall(r"pip install (?!.*--no-deps)[^&]*", runs) == []


def test_it_runs_as_a_user_without_rights_who_may_write_to_the_volume() -> None:
    user, group = last("USER").split(":")  # numbers, so that Kubernetes' runAsNonRoot can tell
    assert int(user) > 0
    assert int(group) > 0
    runs = " ".join(rest for name, rest in instructions() if name == "RUN")
    assert f"--uid {user} " in runs
    assert f"--owner=linx --group=linx --mode=0700 {last('VOLUME')}" in runs
    places = dict(one.split("=", 1) for one in last("ENV").split())
    assert all(places[name].startswith(last("VOLUME") + "/") for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"))
    assert last("WORKDIR") == last("VOLUME")


def test_it_serves_all_addresses_at_the_port_that_it_exposes() -> None:
    """With any other address than those of this machine, Linx demands a key (tests/test_local_listener.py)."""
    command = words("ENTRYPOINT")
    given = command_line.parse(command[1:])
    assert command[0] == "linx"
    assert (given["--host"], given["--port"]) == ("0.0.0.0", last("EXPOSE"))
    assert given["--api-key"] is None  # a key in an image is no secret


async def check(port: int) -> int:
    """The exit code of the health check, with this port in place of the image's."""
    python, option, program = words("HEALTHCHECK")
    assert (python, option) == ("python", "-c")
    assert f"'127.0.0.1', {last('EXPOSE')}," in program
    own = [sys.executable, option, program.replace(last("EXPOSE"), str(port))]
    done = await trio.run_process(own, check=False, stderr=subprocess.DEVNULL)
    return done.returncode


@pytest.mark.parametrize("key", [None, "a-key-of-this-linx-0123"], ids=["no key", "key"])
async def test_the_health_check_tells_a_linx_that_runs(key: str | None, tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": key} if key else {}), tmp_path) as app:
        port = app.bound[0][1]
        assert await check(port) == 0
    assert await check(port) == 1
