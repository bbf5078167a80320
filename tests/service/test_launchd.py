"""The LaunchAgent, read by the parser of property lists."""

from __future__ import annotations

import plistlib
from dataclasses import replace

from linx.service.launchd import LABEL, agent, manager
from tests.service.jobs import JOB, ODD


def test_the_agent() -> None:
    assert plistlib.loads(agent(JOB)) == {
        "Label": LABEL,
        "ProgramArguments": [
            *("/opt/python/bin/python3", f"{ODD}/linx.py", "--service-child", f"{ODD}/service.env", "-"),
            *("--port", "9000", "--config", f"{ODD}/config.json"),
        ],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Interactive",
        "StandardOutPath": f"{ODD}/service.log",
        "StandardErrorPath": f"{ODD}/service.log",
        "ExitTimeOut": 45,
    }
    assert plistlib.loads(agent(replace(JOB, drain_s=0.0)))["ExitTimeOut"] == 0


def test_it_is_an_agent_of_the_user() -> None:
    found = manager("/Users/a", 501)
    assert found.path == f"/Users/a/Library/LaunchAgents/{LABEL}.plist"
    assert [step.words[1:] for step in found.install] == [
        ("bootout", f"gui/501/{LABEL}"),
        ("enable", f"gui/501/{LABEL}"),
        ("bootstrap", "gui/501", found.path),
    ]
    assert found.is_running("gui/501/x = {\n\tactive count = 1\n\tstate = running\n\tpid = 4\n}")
    assert not found.is_running("gui/501/x = {\n\tstate = spawn scheduled\n}")
