"""Hot reload: looks at the config file every INTERVAL_S, and reads it again when it has changed.

The file is polled, since polling works on every system and with every editor: those that
write in place, those that rename a new file over the old one, and those that delete it
first. A file with a mistake may be half written, so the mistake is reported only if the next
look finds it too. Until then, and until the mistake is mended, the last good config stays in
force.
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
    """Watches ``paths``, which need not exist.

    ``config`` is the last good config; ``problem`` is the mistake in the files since then, if
    there is one. ``load`` reads all layers anew and may raise ConfigError.
    """

    def __init__(self, load: Callable[[], Config], paths: Sequence[str], config: Config) -> None:
        self.config = config
        self.problem: ConfigError | None = None
        self._load = load
        self._paths = (*paths, *([config.path] if config.path else []))
        # None, so that the first look always reads: the files may have changed since ``config`` was read.
        self._stamp: Stamp | None = None
        self._is_doubted = False  # the last look found a mistake for the first time

    async def run(self, changed: Callable[[Config | ConfigError], object]) -> None:
        """Look at the files until cancelled. ``changed`` gets each new config and each new mistake."""
        while True:
            await trio.sleep(INTERVAL_S)
            outcome = self.look()
            if outcome is not None:
                changed(outcome)

    def look(self) -> Config | ConfigError | None:
        """Look at the files once: the new config, a new mistake, or None if nothing is new."""
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
        """Read the files now, whether or not they have changed; a mistake counts at once."""
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
            # The defaults must not take over: they have other providers, and no key.
            return ConfigError(quote(path, 200), "does not exist any more; the last good config stays in force")
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
