"""``--gui``: which program opens the dashboard, with which words, and what happens where none does."""

from __future__ import annotations

import os
import stat
import sys
import webbrowser
from typing import TYPE_CHECKING

import pytest

from linx import gui

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://localhost:8080/dashboard"


@pytest.mark.parametrize(
    ("platform", "env", "there", "found"),
    [
        ("linux", {}, {"chromium", "google-chrome"}, "chromium"),
        ("linux", {}, {"microsoft-edge"}, "microsoft-edge"),
        ("linux", {}, {"/snap/bin/chromium"}, "/snap/bin/chromium"),
        ("linux", {}, {"firefox"}, None),
        (
            "darwin",
            {"HOME": "/Users/a"},
            {"/Users/a/Applications/Chromium.app/Contents/MacOS/Chromium"},
            "/Users/a/Applications/Chromium.app/Contents/MacOS/Chromium",
        ),
        (
            "win32",
            {"PROGRAMFILES(X86)": r"C:\P86", "PROGRAMFILES": r"C:\P"},
            {r"C:\P86\Microsoft\Edge\Application\msedge.exe"},
            r"C:\P86\Microsoft\Edge\Application\msedge.exe",
        ),
        ("win32", {}, set(), None),
    ],
    ids=["chromium first", "edge", "snap", "firefox has no such window", "a user's own app", "edge on windows", "none"],
)
def test_the_browser_of_each_system(platform: str, env: dict[str, str], there: set[str], found: str | None) -> None:
    assert gui.find_browser(platform, env, lambda name: name if name in there else None) == found


def test_a_screen_is_needed() -> None:
    assert gui.has_display("darwin", {})
    assert gui.has_display("linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert not gui.has_display("linux", {"DISPLAY": ""})


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``chromium`` that writes its arguments to a file and ends well."""
    program = tmp_path / "chromium"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/opened\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    return program


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the browser here is a shell script")


async def test_it_opens_in_a_window_of_its_own(browser: Path) -> None:
    said: list[str] = []
    await gui.open_dashboard(URL, said.append)
    assert (browser.parent / "opened").read_text() == f"--app={URL}\n"
    assert said == []


class Browser:
    def __init__(self, works: bool) -> None:
        self.works = works
        self.opened: list[str] = []

    def open(self, url: str) -> bool:
        self.opened.append(url)
        return self.works


@pytest.fixture
def broken_browser(browser: Path) -> None:
    browser.write_text("#!/bin/sh\nexit 1\n")


@pytest.mark.usefixtures("broken_browser")
async def test_where_that_fails_the_default_browser_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    default = Browser(works=True)
    monkeypatch.setattr(webbrowser, "get", lambda: default)
    said: list[str] = []
    await gui.open_dashboard(URL, said.append)
    assert (default.opened, said) == ([URL], [])


@pytest.mark.parametrize(
    "default", [Browser(works=False), webbrowser.GenericBrowser("w3m"), None], ids=["broken", "text", "none"]
)
async def test_else_it_is_said(default: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def get() -> object:
        if default is None:
            raise webbrowser.Error
        return default

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", get)
    monkeypatch.setattr(gui, "find_browser", lambda *_: "/nowhere/chromium")
    said: list[str] = []
    await gui.open_dashboard(URL, said.append)
    assert said == [f"The dashboard is at {URL}"]


async def test_without_a_screen_nothing_is_started(browser: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    said: list[str] = []
    await gui.open_dashboard(URL, said.append)
    assert not (browser.parent / "opened").exists() or sys.platform == "darwin"
    assert said == [f"The dashboard is at {URL}"]
