"""Keeps over a restart how the models of the providers have to be asked.

Rule: nothing that befalls the file harms a request. It is read once at the start, and written in a thread soon after
something was learnt and at the end; a problem with it is told once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import trio

from linx.core import jsontext
from linx.core.errors import quote
from linx.dialects.adaptation.table import BY_NAME
from linx.providers.adaptation_file import KEPT_S, Entries, Key, NotOurs, read_file, write_file
from linx.providers.adaptations import Lesson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linx.providers.provider import Provider

ADAPTATIONS_FILE = "adaptations.json"
PAUSE_S = 1.0  # between a lesson and the write, for the lessons that follow
LOOK_S = 3600.0  # how often is it seen whether a lesson is too old?
READ_LIMIT_S = 1.0  # for a start on a disk that hangs
LAST_WRITE_S = 2.0

log = logging.getLogger("linx.adaptation")


class AdaptationMemory:
    """``load`` once, ``apply`` the providers of each config, ``run`` beside everything else."""

    __slots__ = ("_clock", "_entries", "_has_complained", "_is_behind", "_is_closed", "_learnt", "_path", "_providers")

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._entries: Entries = {}  # of the file, as it was at the start
        self._providers: Sequence[Provider] = ()
        self._learnt = trio.Event()
        self._is_closed = False  # nothing is written to a file of somebody else's
        self._has_complained = False
        self._is_behind = False  # the last write failed, so it is tried anew with the next look and at the end

    async def load(self) -> None:
        """Read the file. A disk that hangs does not keep Linx from starting."""
        with trio.move_on_after(READ_LIMIT_S):
            try:
                self._entries = await trio.to_thread.run_sync(
                    read_file, self._path, self._clock(), abandon_on_cancel=True
                )
            except NotOurs as error:
                self._is_closed = True
                self._complain(f"is left alone: {error}")
            except jsontext.InvalidJSON:
                self._complain("is damaged, and set aside when something is learnt")
            except OSError as error:
                self._complain(f"cannot be read: {error.strerror or error}")

    def apply(self, providers: Sequence[Provider]) -> None:
        """These providers are in force: they recall what was learnt of them, and what they learn is kept."""
        self._providers = providers
        of_provider: dict[Key, dict[str, Lesson]] = {}
        for key, one in self._entries.items():
            of_provider.setdefault(key._replace(model=""), {})[key.model] = one
        for provider in providers:
            if provider.adaptations.on_learnt is None:
                provider.adaptations.on_learnt = self._note
                found = of_provider.get(_key(provider, ""), {})
                lessons = {model: _known_rows(one) for model, one in found.items()}
                provider.adaptations.recall({model: one for model, one in lessons.items() if one.adapted})

    async def run(self) -> None:
        """Write soon after each lesson, and once more at the end."""
        try:
            while True:
                with trio.move_on_after(LOOK_S):
                    await self._learnt.wait()
                for provider in self._providers:
                    provider.adaptations.forget_before(self._clock() - KEPT_S)
                if self._is_due:
                    await trio.sleep(PAUSE_S)
                    await self._write()
        finally:
            if self._is_due:
                with trio.move_on_after(LAST_WRITE_S, shield=True):
                    await self._write()

    def _note(self) -> None:
        self._learnt.set()

    @property
    def _is_due(self) -> bool:
        return self._is_behind or self._learnt.is_set()

    async def _write(self) -> None:
        self._learnt = trio.Event()
        self._is_behind = False
        if self._is_closed:
            return
        ours = {
            _key(provider, model): lesson
            for provider in self._providers
            for model, lesson in provider.adaptations.lessons.items()
        }
        versions = {_key(provider, ""): provider.version for provider in self._providers}
        try:
            await trio.to_thread.run_sync(write_file, self._path, ours, versions, self._clock(), abandon_on_cancel=True)
        except NotOurs as error:
            self._is_closed = True
            self._complain(f"is left alone: {error}")
        except (OSError, ValueError) as error:
            self._is_behind = True
            self._complain(f"cannot be written: {getattr(error, 'strerror', None) or error}")

    def _complain(self, problem: str) -> None:
        """Once: a disk that is full stays full for a while."""
        if not self._has_complained:
            self._has_complained = True
            log.warning(
                "what is learnt of the providers is kept until the end only: %s %s",
                quote(str(self._path), 200),
                quote(problem, 200),
            )


def _key(provider: Provider, model: str) -> Key:
    return Key(provider.name, provider.kind.name, str(provider.origin), model)


def _known_rows(lesson: Lesson) -> Lesson:
    """Without the rows that this version of Linx does not have."""
    return Lesson(tuple(one for one in lesson.adapted if one.name in BY_NAME), lesson.learnt_at, lesson.version)
