"""A user unit of systemd, after those of Syncthing (etc/linux-systemd/user) and Ollama (install.sh)."""

from __future__ import annotations

import os

from linx.service.job import DESCRIPTION, DOCUMENTATION, GRACE_S, Job, Manager, Step

UNIT = "linx.service"
BAD_CONFIG = 2
"""Linx's exit code for a config that it cannot use: it starts no better the next time."""


def unit(job: Job) -> str:
    """The text of the unit file."""
    stop = f"{job.drain_s + GRACE_S:g}" if job.drain_s else "infinity"
    return f"""\
[Unit]
Description={DESCRIPTION}
Documentation={DOCUMENTATION}
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
ExecStart={" ".join(map(_quoted, (*job.own, *job.options)))}
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-{job.variables.replace("%", "%%")}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={BAD_CONFIG}
KillMode=mixed
TimeoutStopSec={stop}
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """A word of a command line (systemd.service(5)). Single ``%`` and ``$`` would be replaced by systemd."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def manager(config_folder: str) -> Manager:
    """The systemd of this user, whose config folder (``XDG_CONFIG_HOME``) this is."""

    def step(*words: str, may_fail: bool = False) -> Step:
        return Step(("systemctl", "--user", *words), may_fail)

    return Manager(
        name="systemd",
        program="systemctl",
        path=os.path.join(config_folder, "systemd", "user", UNIT),
        text=lambda job: unit(job).encode(),
        reach=step("show-environment"),
        install=(step("daemon-reload"), step("enable", UNIT), step("restart", UNIT)),
        stop=(step("disable", "--now", UNIT, may_fail=True),),
        forget=(step("daemon-reload"), step("reset-failed", UNIT, may_fail=True)),
        ask=step("is-active", UNIT, may_fail=True),
        is_running=lambda said: said.strip() == "active",
        where_log=f"journalctl --user --unit {UNIT}",
        hint="It runs while you are logged in; `loginctl enable-linger` lets it run from boot on.",
    )
