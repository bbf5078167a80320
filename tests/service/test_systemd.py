"""The unit of systemd, held against systemd's own checker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from linx.service.systemd import manager, unit
from tests.service.jobs import JOB, ODD

if TYPE_CHECKING:
    from pathlib import Path


def test_the_unit() -> None:
    assert unit(replace(JOB, own=("/usr/bin/linx",), options=("--port", "80"), variables="/home/a/service.env")) == (
        "[Unit]\n"
        "Description=Linx, one address for every language model\n"
        "Documentation=https://github.com/linx-gateway/linx\n"
        "StartLimitIntervalSec=300\n"
        "StartLimitBurst=10\n"
        "\n"
        "[Service]\n"
        'ExecStart="/usr/bin/linx" "--port" "80"\n'
        "ExecReload=/bin/kill -HUP $MAINPID\n"
        "EnvironmentFile=-/home/a/service.env\n"
        "Restart=on-failure\n"
        "RestartSec=5\n"
        "RestartPreventExitStatus=2\n"
        "KillMode=mixed\n"
        "TimeoutStopSec=45\n"
        "NoNewPrivileges=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def test_what_systemd_would_replace_is_escaped() -> None:
    text = unit(JOB)
    assert '"/home/a b/50%% \\"of\\" $$HOME/it\'s\\\\<&>/linx.py"' in text
    assert f"EnvironmentFile=-{ODD.replace('%', '%%')}/service.env\n" in text


def test_a_drain_without_a_limit_is_waited_for() -> None:
    assert "TimeoutStopSec=infinity\n" in unit(replace(JOB, drain_s=0.0))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("job", [JOB, replace(JOB, options=(), drain_s=0.0)], ids=["odd paths", "no options"])
def test_systemd_finds_nothing_wrong(job: object, tmp_path: Path) -> None:
    assert isinstance(job, type(JOB))
    path = tmp_path / "linx.service"
    path.write_text(unit(replace(job, own=(sys.executable, *job.own[1:]))))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if "linx.service" in line] == []
    path.write_text(path.read_text().replace("Restart=on-failure", "Restart=sometimes"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "sometimes" in done.stdout + done.stderr  # so it would have told


def test_it_is_a_unit_of_the_user() -> None:
    found = manager("/home/a/.config")
    assert found.path == "/home/a/.config/systemd/user/linx.service"
    assert all(step.words[:2] == ("systemctl", "--user") for step in (*found.install, *found.stop, *found.forget))
    assert found.is_running("active\n")
    assert not found.is_running("inactive\n")
    assert not found.is_running("activating\n")
