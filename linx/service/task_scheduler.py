"""A scheduled task of Windows, which starts at this user's logon ([MS-TSCH] 2.5)."""

from __future__ import annotations

import ntpath
import subprocess
from xml.sax.saxutils import escape

from linx.service.child import WORD
from linx.service.job import DESCRIPTION, Job, Manager, Step

TASK = "Linx"


def task(job: Job, user: str) -> str:
    """The task as XML.

    The trigger names the user: without, it is for all users, and only an administrator may register it
    (hanamorix/companion-emergence#260). The scheduler's RestartOnFailure is for a task that could not be started,
    not for a program that has failed, so the trigger is repeated every five minutes, and ignored while Linx runs.
    """
    words = (*job.own[1:], WORD, job.variables, job.log, *job.options)
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>{escape(DESCRIPTION)}</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Repetition>
        <Interval>PT5M</Interval>
      </Repetition>
      <UserId>{escape(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(job.own[0])}</Command>
      <Arguments>{escape(subprocess.list2cmdline(words))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def manager(config_folder: str, user: str) -> Manager:
    """The Task Scheduler; ``user`` is DOMAIN\\NAME."""
    path = ntpath.join(config_folder, "linx-task.xml")

    def step(*words: str, may_fail: bool = False) -> Step:
        return Step(("schtasks", *words), may_fail)

    return Manager(
        name="Task Scheduler",
        program="schtasks",
        path=path,
        text=lambda job: task(job, user).encode("utf-16"),
        reach=step("/Query", "/FO", "LIST"),
        install=(
            step("/End", "/TN", TASK, may_fail=True),
            step("/Create", "/TN", TASK, "/XML", path, "/F"),
            step("/Run", "/TN", TASK),
        ),
        stop=(step("/End", "/TN", TASK, may_fail=True), step("/Delete", "/TN", TASK, "/F", may_fail=True)),
        forget=(),
        ask=step("/Query", "/TN", TASK, "/FO", "CSV", "/NH", may_fail=True),
        is_running=_is_running,
        where_log="{log}",
    )


def _is_running(said: str) -> bool:
    """By the state as an English Windows words it; others word it in their language."""
    return '"Running"' in said
