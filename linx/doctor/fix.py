"""``--fix``: writes what the findings propose into the config, and keeps the file as it was beside it.

Rule: the new text is tried as a config before it is written, so a fix never makes a config that Linx refuses. An edit
that would is left out. A second run changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from linx.config import save
from linx.config.shape import SECTIONS
from linx.core.errors import ConfigError, quote
from linx.doctor import edit
from linx.doctor.finding import Change
from linx.providers.auto import AUTO
from linx.providers.kinds import OPENROUTER
from linx.providers.mappings import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linx.doctor.checks.table import Found
    from linx.doctor.facts import Facts
    from linx.doctor.finding import Edit

BACKUP = ".before-fix"
OPENROUTER_KEY = "OPENROUTER_API_KEY"


def fix(facts: Facts, found: Sequence[Found], has_problem: Callable[[bytes], ConfigError | None]) -> list[str]:
    """Write the file, and return a line for each thing that was done. Raises ConfigError where it cannot be written.

    ``has_problem`` says what is wrong with the text of a config.
    """
    path = facts.config.path or facts.config.place_to_write
    edits = _edits(facts, found)
    label = quote(path, 200)
    done: list[str] = []

    def change(old: bytes | None) -> bytes:
        text = edit.EMPTY if old is None else old
        for each in edits:
            tried, lines = edit.applied(text, [each])
            if lines and _is_no_worse(has_problem(text), has_problem(tried)):
                text = tried
                done.extend(f"{label}: {line}" for line in lines)
        if not done:
            raise _NothingToDo
        done.insert(0, f"{label} is new" if old is None else f"{label} is kept as it was in {quote(_keep(path), 200)}")
        return text

    with contextlib.suppress(_NothingToDo):
        save.change(path, change)
    return done


def _edits(facts: Facts, found: Sequence[Found]) -> list[Edit]:
    """What the findings propose; with a config that names its providers, servers that come and go are not written."""
    proposed = [each for one in found for each in one.finding.edits if one.finding.mend or facts.config.path is None]
    if facts.config.path is not None:
        return proposed
    return [_with_default(each) for each in (*_kept(facts), *proposed)]


def _with_default(each: Edit) -> Edit:
    """Without a file every name is answered by a local model, and so it is to stay."""
    is_local = isinstance(each, Change) and isinstance(each.value, dict) and "api_key" not in each.value
    if not isinstance(each, Change) or not is_local or "endpoint" not in each.value:
        return each
    return Change(each.path, {**each.value, "model_mappings": {DEFAULT: AUTO}})


class _NothingToDo(Exception):
    """The file has everything already, so it is not written."""


def _kept(facts: Facts) -> Iterator[Edit]:
    """What works without a file, and would not with one: a file has exactly the providers that it names."""
    if facts.config.path is not None or facts.config.config is None:
        return
    for provider in facts.providers:
        name = provider.config.name
        if provider.trouble is None and name in SECTIONS:
            key = {"api_key": f"env:{OPENROUTER_KEY}"} if name == OPENROUTER.name else {}
            yield Change((name,), {"enabled": True, "endpoint": provider.config.endpoint, **key})


def _is_no_worse(before: ConfigError | None, after: ConfigError | None) -> bool:
    """Several mistakes are told one after the other, so the next one may come to light."""
    return after is None or (before is not None and str(after) != str(before))


def _keep(path: str) -> str:
    """Copy the file to a name beside it that nothing has yet; return that name."""
    real = os.path.realpath(path)
    names = (f"{real}{BACKUP}{more}" for more in ("", *(f"-{number}" for number in range(2, 1000))))
    copy = next(name for name in names if not os.path.lexists(name))
    shutil.copy2(real, copy)
    return copy
