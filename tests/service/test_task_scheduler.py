"""The scheduled task, read by a parser of XML, its command line by the rules of Windows."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from xml.etree import ElementTree

from linx.service.task_scheduler import manager, task
from tests.service.jobs import JOB, ODD

NAMES = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def read(data: bytes) -> dict[str, str]:
    """The texts in the task, each by its path."""
    found = {}

    def walk(element: ElementTree.Element, path: str) -> None:
        name = element.tag.rpartition("}")[2]
        assert element.tag == f"{{{NAMES['t']}}}{name}"
        if (element.text or "").strip():
            found[f"{path}{name}"] = element.text or ""
        for child in element:
            walk(child, f"{path}{name}/")

    walk(ElementTree.fromstring(data), "")
    return found


def test_the_task() -> None:
    job = replace(JOB, own=("C:\\Program Files\\Linx & Co\\linx.exe",), options=("--config", 'C:\\a b\\"c".json'))
    user = "DESK<TOP>\\Anna & Bob"
    words = ("--service-child", f"{ODD}/service.env", f"{ODD}/service.log", "--config", 'C:\\a b\\"c".json')
    assert read(manager("C:\\Linx", user).text(job)) == {
        "Task/RegistrationInfo/Description": "Linx, one address for every language model",
        "Task/Triggers/LogonTrigger/Repetition/Interval": "PT5M",
        "Task/Triggers/LogonTrigger/UserId": user,
        "Task/Principals/Principal/UserId": user,
        "Task/Principals/Principal/LogonType": "InteractiveToken",
        "Task/Principals/Principal/RunLevel": "LeastPrivilege",
        "Task/Settings/MultipleInstancesPolicy": "IgnoreNew",
        "Task/Settings/DisallowStartIfOnBatteries": "false",
        "Task/Settings/StopIfGoingOnBatteries": "false",
        "Task/Settings/ExecutionTimeLimit": "PT0S",
        "Task/Settings/Priority": "5",
        "Task/Actions/Exec/Command": "C:\\Program Files\\Linx & Co\\linx.exe",
        "Task/Actions/Exec/Arguments": subprocess.list2cmdline(words),
    }


def test_the_file_is_in_the_encoding_that_it_names() -> None:
    data = manager("C:\\Linx", "Änne").text(JOB)
    assert data.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert 'encoding="UTF-16"' in data.decode("utf-16")
    assert data.decode("utf-16") == task(JOB, "Änne")


def test_it_is_asked_by_its_name() -> None:
    found = manager("C:\\Linx", "D\\a")
    assert found.path == "C:\\Linx\\linx-task.xml"
    assert ("schtasks", "/Create", "/TN", "Linx", "/XML", found.path, "/F") in [step.words for step in found.install]
    assert found.is_running('"\\Linx","11/29/2026 3:00:00 AM","Running"\r\n')
    assert not found.is_running('"\\Linx","N/A","Ready"\r\n')
