"""Hot reload: looks at the config file every INTERVAL_S, and reads it again when it has changed.

The file is polled, since polling works on every system and with every editor: those that
write in place, those that rename a new file over the old one, and those that delete it
first. A file with a mistake may be half written, so the mistake is reported only if the next
look finds it too. Until then, and until the mistake is mended, the last good config stays in
force. A file that the system cannot read at the moment is read again at each look.

Files are touched in a thread only, since a pipe or a mount that is gone may block for ever.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import trio

from linx.config.file import CannotRead
from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from linx.config.model import Config

    Changed = Callable[[Config | ConfigError], Awaitable[None]]

INTERVAL_S = 0.9
MOST_S = 5.0
"""How long a look at the files may take. A thread that is stuck is then left alone, and no second one is begun."""

Result = TypeVar("Result")
Stamp = tuple[tuple[int, int, int, int] | None, ...]


class Patience:
    """Runs ``work`` in a thread; raises TooSlowError after MOST_S, whatever becomes of the thread."""

    def __init__(self) -> None:
        self._one = trio.CapacityLimiter(1)

    async def __call__(self, work: Callable[[], Result]) -> Result:
        with trio.fail_after(MOST_S):
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._one)


class ConfigWatch:
    """Watches ``paths``, which need not exist.

    ``config`` is the last good config; ``problem`` is the mistake in the files since then, if
    there is one. ``load`` reads all layers anew and may raise ConfigError. ``in_thread`` runs what
    touches a file, and may raise TooSlowError.
    """

    def __init__(
        self,
        load: Callable[[], Config],
        paths: Sequence[str],
        config: Config,
        in_thread: Callable[[Callable[[], Stamp | Config]], Awaitable[Stamp | Config]] | None = None,
    ) -> None:
        self.config = config
        self.problem: ConfigError | None = None
        self._load = load
        self._paths = (*paths, *([config.path] if config.path else []))
        # None, so that the first look always reads: the files may have changed since ``config`` was read.
        self._stamp: Stamp | None = None
        self._is_doubted = False  # the last look found a mistake for the first time
        self._in_thread = in_thread or Patience()
        self._turn = trio.Lock()  # a reload that is asked for does not overtake the look that is under way

    async def run(self, changed: Changed) -> None:
        """Look at the files until cancelled. ``changed`` gets each new config and each new mistake."""
        while True:
            await trio.sleep(INTERVAL_S)
            async with self._turn:
                outcome = await self._look()
                if outcome is not None:
                    await changed(outcome)

    async def reload(self, changed: Changed) -> Config | ConfigError:
        """Read the files now, whether or not they have changed; a mistake counts at once."""
        async with self._turn:
            self._is_doubted = False
            self._stamp, outcome = await self._read()
            if isinstance(outcome, ConfigError):
                self.problem = outcome
            else:
                self.config, self.problem = outcome, None
            await changed(outcome)
            return outcome

    async def _look(self) -> Config | ConfigError | None:
        """Look at the files once: the new config, a new mistake, or None if nothing is new."""
        if not self._is_doubted and await self._stamps() == self._stamp:
            return None
        before, problem_before = self.config, self.problem
        self._stamp, outcome = await self._read()
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

    async def _read(self) -> tuple[Stamp | None, Config | ConfigError]:
        """What the files hold, and their stamps before; no stamps if the files must be read again in any case."""
        stamp = await self._stamps()
        try:
            outcome = await self._in_thread(self._loaded)
            assert not isinstance(outcome, tuple)
        except CannotRead as error:
            return None, error
        except ConfigError as error:
            return stamp, error
        except MemoryError:
            return None, CannotRead(self._shown, "cannot be read: out of memory")
        except trio.TooSlowError:
            return None, CannotRead(self._shown, f"cannot be read: no answer within {MOST_S:g} s")
        return stamp, outcome

    def _loaded(self) -> Config:
        path = self.config.path
        if path is not None and not os.path.lexists(path):
            # The defaults must not take over: they have other providers, and no key.
            raise ConfigError(quote(path, 200), "does not exist any more; the last good config stays in force")
        return self._load()

    async def _stamps(self) -> Stamp | None:
        """None if the files do not answer."""
        try:
            stamps = await self._in_thread(self._stamps_now)
        except trio.TooSlowError:
            return None
        assert isinstance(stamps, tuple)
        return stamps

    def _stamps_now(self) -> Stamp:
        # By way of a list: a tuple that still grows fails where another thread looks at all objects just then.
        stamps = [_stamp(path) for path in self._paths]
        return tuple(stamps)

    @property
    def _shown(self) -> str:
        return quote(self._paths[0] if self.config.path is None else self.config.path, 200)


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
