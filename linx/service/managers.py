"""Which service manager a system has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from linx.service import launchd, systemd, task_scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.service.job import Manager


def _systemd(env: Mapping[str, str], home: str, _own_folder: str) -> Manager:
    return systemd.manager(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"))


def _launchd(_env: Mapping[str, str], home: str, _own_folder: str) -> Manager:
    return launchd.manager(home, os.getuid())


def _task_scheduler(env: Mapping[str, str], _home: str, own_folder: str) -> Manager:
    domain, name = env.get("USERDOMAIN", ""), env.get("USERNAME", "")
    return task_scheduler.manager(own_folder, f"{domain}\\{name}" if domain else name)


MANAGERS: dict[str, Callable[[Mapping[str, str], str, str], Manager]] = {
    "linux": _systemd,
    "darwin": _launchd,
    "win32": _task_scheduler,
}
"""By Python's ``sys.platform``. ``own_folder`` is Linx's in the user's config folder."""
