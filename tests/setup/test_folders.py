"""Where clients keep their settings, on each system, by an environment that is handed in."""

from __future__ import annotations

import pytest

from linx.setup.folders import Folders

LINUX = Folders.of("linux", {"HOME": "/home/ann"})
MAC = Folders.of("darwin", {"HOME": "/Users/ann"})
WINDOWS = Folders.of("win32", {"USERPROFILE": r"C:\Users\ann", "APPDATA": r"C:\Users\ann\AppData\Roaming"})


@pytest.mark.parametrize(
    ("folders", "application", "config", "home"),
    [
        (LINUX, "/home/ann/.config/Code", "/home/ann/.config/zed", "/home/ann/.codex"),
        (MAC, "/Users/ann/Library/Application Support/Code", "/Users/ann/.config/zed", "/Users/ann/.codex"),
        (WINDOWS, r"C:\Users\ann\AppData\Roaming\Code", r"C:\Users\ann\.config\zed", r"C:\Users\ann\.codex"),
    ],
    ids=["linux", "mac", "windows"],
)
def test_folders(folders: Folders, application: str, config: str, home: str) -> None:
    assert str(folders.application("Code")) == application
    assert str(folders.config("zed")) == config
    assert str(folders.at_home(".codex")) == home


def test_variables_that_name_folders() -> None:
    env = {"HOME": "/home/ann", "XDG_CONFIG_HOME": "/cfg", "CODEX_HOME": "/codex", "EMPTY": ""}
    folders = Folders.of("linux", env)
    assert str(folders.application("Code")) == "/cfg/Code"
    assert str(folders.chosen("CODEX_HOME", ".codex")) == "/codex"
    assert str(folders.chosen("EMPTY", ".codex")) == "/home/ann/.codex"
    assert str(Folders.of("win32", {"USERPROFILE": r"D:\ann"}).application("Zed")) == r"D:\ann\AppData\Roaming\Zed"


def test_without_a_home_the_system_is_asked() -> None:
    assert Folders.of("linux", {}).home
