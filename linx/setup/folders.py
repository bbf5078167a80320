"""Where clients keep their settings on each system, by the rules of these clients; nothing is looked at here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Folders:
    """One user on one system. ``platform`` is Python's ``sys.platform``."""

    platform: str
    env: Mapping[str, str] = field(repr=False)
    home: str

    @classmethod
    def of(cls, platform: str, env: Mapping[str, str]) -> Folders:
        """Of the user whose environment this is."""
        is_windows = platform == "win32"
        home = env.get("USERPROFILE") if is_windows else env.get("HOME")
        return cls(platform, env, home or os.path.expanduser("~"))

    def path(self, *parts: str) -> PurePath:
        return PureWindowsPath(*parts) if self.platform == "win32" else PurePosixPath(*parts)

    def at_home(self, *parts: str) -> PurePath:
        return self.path(self.home, *parts)

    def config(self, *parts: str) -> PurePath:
        """For programs that keep to XDG's folders on every system."""
        return self.path(self.env.get("XDG_CONFIG_HOME") or str(self.at_home(".config")), *parts)

    def application(self, *parts: str) -> PurePath:
        """For programs with windows, whose folder is the system's own: Application Support, Roaming, .config."""
        if self.platform == "win32":
            return self.path(self.env.get("APPDATA") or str(self.at_home("AppData", "Roaming")), *parts)
        if self.platform == "darwin":
            return self.at_home("Library", "Application Support", *parts)
        return self.config(*parts)

    def chosen(self, variable: str, *usual: str) -> PurePath:
        """The folder that a client's own variable names, else one at home."""
        value = self.env.get(variable)
        return self.path(value) if value else self.at_home(*usual)
