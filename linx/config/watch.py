"""Hot reload: looks at the config file now and then, and reads it again when it changed.

It polls, since that works alike on every system and with every editor: those that write
in place, those that write a new file and rename it, those that delete first. What is read
is the whole config or nothing. A file that cannot be read may be half written, so its
problem is told only after a second look; the last good config stays in force all the while.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.config.model import Config

INTERVAL_S = 0.5

Stamp = tuple[tuple[int, int, int, int] | None, ...]


class ConfigWatch:
    """Watches ``paths``, which need not exist. ``config`` is the last good one, ``problem`` what is wrong since.

    ``load`` reads all layers anew and may refuse with a ConfigError for reasons of its own.
    """

    def __init__(self, load: Callable[[], Config], paths: Sequence[str], config: Config) -> None:
        self.config = config
        self.problem: ConfigError | None = None
        self._load = load
        self._paths = (*paths, *([config.path] if config.path else []))
        # The config was read a while ago, so the first look always reads: nothing is missed in between.
        self._stamp: Stamp | None = None
        self._is_doubted = False  # it could not be read at the last look

    async def run(self, changed: Callable[[Config | ConfigError], object]) -> None:
        """Look for ever. ``changed`` gets each new config, and each new problem with the file."""
        while True:
            await trio.sleep(INTERVAL_S)
            outcome = self.look()
            if outcome is not None:
                changed(outcome)

    def look(self) -> Config | ConfigError | None:
        """One look at the files: the new config, a new problem, or None where nothing is new."""
        stamp = self._stamps()
        if stamp == self._stamp and not self._is_doubted:
            return None
        self._stamp = stamp
        before, problem_before = self.config, self.problem
        outcome = self._read()
        if isinstance(outcome, ConfigError):
            if not self._is_doubted:
                self._is_doubted = True
                return None
            self._is_doubted = False
            self.problem = outcome
            return None if str(problem_before) == str(outcome) else outcome
        self._is_doubted = False
        self.config, self.problem = outcome, None
        return None if outcome == before and problem_before is None else outcome

    def reload(self) -> Config | ConfigError:
        """Read now, because a client or a person asks; the outcome counts whether or not anything has changed."""
        self._stamp = self._stamps()
        self._is_doubted = False
        outcome = self._read()
        if isinstance(outcome, ConfigError):
            self.problem = outcome
        else:
            self.config, self.problem = outcome, None
        return outcome

    def _read(self) -> Config | ConfigError:
        path = self.config.path
        if path is not None and not os.path.lexists(path):
            # Never fall back to the defaults by itself: they have other providers, and no key.
            return ConfigError(quote(path, 200), "is gone; the config stays as it was")
        try:
            return self._load()
        except ConfigError as error:
            return error

    def _stamps(self) -> Stamp:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
