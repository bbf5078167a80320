"""A LaunchAgent of macOS: a property list in the user's Library (launchd.plist(5))."""

from __future__ import annotations

import plistlib
import posixpath
from typing import Any

from linx.service.child import WORD
from linx.service.job import GRACE_S, Job, Manager, Step

LABEL = "io.github.linx-gateway.linx"
THROTTLE_S = 10
"""launchd's own least time between two starts."""
TRIES = 3
"""``bootstrap`` fails with 5 (Input/output error) while launchd still ends the job that ``bootout`` has taken out
(tomcounsell/ai#2013, asmvik/skhd#264)."""


def agent(job: Job) -> bytes:
    """The property list. launchd reads no file of variables, so Linx's child does."""
    described: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": [*job.own, WORD, job.variables, "-", *job.options],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": THROTTLE_S,
        "ProcessType": "Interactive",  # without the limits on CPU and I/O that launchd sets for background work
        "StandardOutPath": job.log,
        "StandardErrorPath": job.log,
    }
    if job.drain_s:
        described["ExitTimeOut"] = round(job.drain_s + GRACE_S)
    else:
        described["ExitTimeOut"] = 0  # without a limit
    return plistlib.dumps(described)


def manager(home: str, user: int) -> Manager:
    """The launchd of this user, whose number this is."""
    domain, path = f"gui/{user}", posixpath.join(home, "Library", "LaunchAgents", f"{LABEL}.plist")
    job = f"{domain}/{LABEL}"
    out = Step(("launchctl", "bootout", job), may_fail=True)
    return Manager(
        name="launchd",
        program="launchctl",
        path=path,
        text=agent,
        reach=Step(("launchctl", "print", domain)),
        install=(out, Step(("launchctl", "enable", job)), Step(("launchctl", "bootstrap", domain, path), tries=TRIES)),
        stop=(out,),
        forget=(),
        ask=Step(("launchctl", "print", job), may_fail=True),
        is_running=lambda said: "state = running" in said,
        where_log="tail -f {log}",
    )
