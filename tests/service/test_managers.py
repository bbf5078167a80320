"""Each system has its service manager."""

from __future__ import annotations

import pytest

from linx.service.managers import MANAGERS

ENV = {"USERDOMAIN": "DESK", "USERNAME": "anna"}


@pytest.mark.parametrize(
    ("platform", "name", "path"),
    [
        ("linux", "systemd", "/home/anna/.config/systemd/user/linx.service"),
        ("darwin", "launchd", "/home/anna/Library/LaunchAgents/io.github.linx-gateway.linx.plist"),
        ("win32", "Task Scheduler", "/own\\linx-task.xml"),
    ],
)
def test_the_manager_of_a_system(platform: str, name: str, path: str) -> None:
    found = MANAGERS[platform](ENV, "/home/anna", "/own")
    assert (found.name, found.path) == (name, path)


def test_the_unit_lies_where_the_variable_says() -> None:
    found = MANAGERS["linux"]({"XDG_CONFIG_HOME": "/x"}, "/home/anna", "/own")
    assert found.path == "/x/systemd/user/linx.service"


@pytest.mark.parametrize(("env", "user"), [(ENV, "DESK\\anna"), ({"USERNAME": "anna"}, "anna")])
def test_the_user_of_a_task(env: dict[str, str], user: str) -> None:
    from tests.service.jobs import JOB

    text = MANAGERS["win32"](env, "C:\\", "C:\\own").text(JOB).decode("utf-16")
    assert f"<UserId>{user}</UserId>" in text
