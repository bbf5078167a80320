"""Opens the dashboard for ``--gui``: in a window of its own, else in the default browser, else by saying where it is.

The address never holds a key: other users of this machine can see the arguments of programs. Where Linx wants a key,
the page asks for it. Nothing here can stop Linx or make it wait, and a browser goes on when Linx ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path

import trio

Find = Callable[[str], str | None]
"""The path of a program by its name or path; None where there is none."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser")
MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
WINDOWS_PROGRAMS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Chromium\Application\chrome.exe",
    r"BraveSoftware\Brave-Browser\Application\brave.exe",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
BAD_START_S = 3.0
"""A browser that fails so soon has opened no window."""
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


async def open_dashboard(url: str, say: Callable[[str], None]) -> None:
    """Open ``url``; ``say`` tells the person at the terminal where it is, if it cannot be opened."""
    if has_display(sys.platform, os.environ):
        browser = find_browser(sys.platform, os.environ, shutil.which)
        if browser is not None and await _starts([browser, f"--app={url}"]):
            return
        if await trio.to_thread.run_sync(_open_in_default, url, abandon_on_cancel=True):
            return
    say(f"The dashboard is at {url}")


def has_display(platform: str, env: Mapping[str, str]) -> bool:
    """Is there a screen? Without one, a browser would start in the terminal, or not at all."""
    return platform in ("win32", "darwin") or any(env.get(name) for name in _DISPLAYS)


def find_browser(platform: str, env: Mapping[str, str], find: Find) -> str | None:
    """An installed browser that has windows without an address bar."""
    return next(filter(None, map(find, _places(platform, env))), None)


def _places(platform: str, env: Mapping[str, str]) -> list[str]:
    if platform == "win32":
        folders = [env[name] for name in WINDOWS_FOLDERS if env.get(name)]
        return [rf"{folder}\{program}" for program in WINDOWS_PROGRAMS for folder in folders]
    if platform == "darwin":
        roots = ("/Applications", f"{env.get('HOME', '')}/Applications")
        return [f"{root}/{app}.app/Contents/MacOS/{app}" for app in MAC_APPS for root in roots]
    return [*NAMES, "/snap/bin/chromium", "/opt/google/chrome/chrome"]


async def _starts(command: list[str]) -> bool:
    """Start a browser in a session of its own, so that Ctrl-C in the terminal ends Linx alone."""
    nowhere = subprocess.DEVNULL
    try:
        process = await trio.lowlevel.open_process(
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd=Path.home(), start_new_session=True
        )
    except OSError:
        return False
    with trio.move_on_after(BAD_START_S):
        return await process.wait() == 0
    return True


def _open_in_default(url: str) -> bool:
    """Open ``url`` in the default browser, unless that is one that runs in a terminal."""
    try:
        browser = webbrowser.get()
        return type(browser) is not webbrowser.GenericBrowser and browser.open(url)
    except (webbrowser.Error, OSError):
        return False
