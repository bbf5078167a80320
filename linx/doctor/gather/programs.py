"""Programs that Linx starts or is started by: ssh, ngrok, the service manager. None of them connects anywhere here."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from linx.children.tunnel import commands
from linx.doctor.facts import ServiceFacts, TunnelFacts
from linx.service import command
from linx.service.job import Job
from linx.service.managers import MANAGERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.config.shape import TunnelConfig

ANSWER_S = 3.0
_VERSION = {"ssh": "-V", "ngrok": "version"}


def tunnel(config: TunnelConfig, env: Mapping[str, str]) -> TunnelFacts:
    """What this tunnel needs."""
    program = "ngrok" if config.type == "ngrok" else "ssh"
    wanted = os.path.expanduser(config.ngrok_path) if program == "ngrok" else program
    path = shutil.which(wanted, path=env.get("PATH")) or ""
    known_hosts = "" if program == "ngrok" else commands.known_hosts_path(config, env)
    return TunnelFacts(
        config.use_tunnel,
        program,
        path,
        _version(path, _VERSION[program], env) if path else "",
        commands.problem_of(config) or "",
        known_hosts,
        _is_known(known_hosts, config) if known_hosts else None,
    )


def _version(path: str, option: str, env: Mapping[str, str]) -> str:
    """The first line that the program says of itself; "" where it says none in time."""
    try:
        done = subprocess.run(
            [path, option], env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").splitlines()
    return lines[0].partition(",")[0].strip()[:80] if lines else ""


def _is_known(path: str, config: TunnelConfig) -> bool:
    name = config.ssh_host if config.ssh_port == 22 else f"[{config.ssh_host}]:{config.ssh_port}"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return any(name in line.split(" ")[0].split(",") for line in file if line.strip())
    except OSError:
        return False


def service(platform: str, env: Mapping[str, str]) -> ServiceFacts:
    """Is Linx installed as a service, and does it run?"""
    make = MANAGERS.get(platform)
    if make is None:
        return ServiceFacts()
    home = os.path.expanduser("~")
    path = make(env, home, str(command.variables_file().parent)).path
    if not os.path.lexists(path):
        return ServiceFacts()
    asked = command.Asked(Job((), (), str(command.variables_file()), "", 0.0), {}, platform, env, home)
    try:
        return ServiceFacts(True, command.status(asked, lambda _text: None), path)
    except command.Refused as why:
        return ServiceFacts(True, path=path, problem=str(why))
