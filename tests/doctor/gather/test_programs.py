"""The tunnel's program and the service, by what is on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linx.config.shape import TunnelConfig
from linx.doctor.gather.programs import service, tunnel

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="scripts")


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o700)
    return {"PATH": str(folder), "HOME": str(folder), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@posix
def test_ssh_and_whether_its_host_is_known(tmp_path: Path) -> None:
    env = program(tmp_path, "ssh", "echo 'OpenSSH_9.2p1 Debian, OpenSSL 3' >&2")
    found = tunnel(TunnelConfig(), env)
    assert (found.version, found.is_host_known, found.problem) == ("OpenSSH_9.2p1 Debian", False, "")
    (tmp_path / "linx").mkdir()
    (tmp_path / "linx" / "known_hosts").write_text("other ssh-rsa A\nlocalhost.run,1.2.3.4 ssh-rsa B\n")
    assert tunnel(TunnelConfig(), env).is_host_known is True
    assert "server of your own" in tunnel(TunnelConfig(type="ssh"), env).problem
    assert tunnel(TunnelConfig(type="ngrok"), env).path == ""


@posix
def test_a_service_that_is_installed_and_does_not_run(tmp_path: Path) -> None:
    env = program(tmp_path, "systemctl", "exit 3")
    assert not service("linux", env).is_installed
    (tmp_path / "systemd" / "user").mkdir(parents=True)
    (tmp_path / "systemd" / "user" / "linx.service").write_text("")
    found = service("linux", env)
    assert (found.is_installed, found.is_running) == (True, False)
    assert found.problem
    assert not service("plan9", env).is_installed
