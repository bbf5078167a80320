"""One run of ``linx doctor``: gather, check, mend where that is asked for, show."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

import trio

import linx
from linx.config.endpoint_rules import endpoint_parts
from linx.config.load import Sources, try_text
from linx.core.errors import ConfigError, quote
from linx.doctor import report
from linx.doctor.checks import remote
from linx.doctor.checks.table import findings
from linx.doctor.finding import Level
from linx.doctor.fix import fix
from linx.doctor.gather.everything import gather
from linx.doctor.gather.remote import look
from linx.ledger.usage import style_of
from linx.upstream.names import install as install_lookups

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from linx.doctor.checks.table import Found
    from linx.doctor.facts import Facts, RemoteFacts
    from linx.providers.kind import Kind

Args = TypeVarTuple("Args")
Result = TypeVar("Result")
ROUNDS = 10
"""Mistakes in a file that are mended one after the other: only the first of them is ever told."""
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    sources: Sources
    kinds: Mapping[str, Kind]
    is_fix: bool = False
    format: str = "table"


def run(asked: Asked, say: Callable[[str], None]) -> bool:
    """Look, and show what was found. Returns whether nothing is broken."""
    clean = asked.sources.redactor.clean
    facts, found = _look(asked)
    done: list[str] = []
    if asked.is_fix:
        for _ in range(ROUNDS):
            before, lines = facts, _fixed(asked, facts, found)
            done += lines
            if not lines:
                break
            facts, found = _look(asked)
            if before.config.problem is None:
                break
    found = report.cleaned(found, clean)
    done = [clean(line) for line in done]
    if asked.format == "json":
        say(report.as_json(found, done))
    else:
        style = style_of(sys.stdout, asked.sources.env)
        say("".join(f"fixed  {line}\n" for line in done) + ("\n" if done else ""))
        say(report.as_text(_title(facts, asked), found, style, _width()))
    return report.worst(found) is not Level.BROKEN


def run_from(url: str, asked: Asked, key: str | None, say: Callable[[str], None]) -> bool:
    """The same for a Linx elsewhere. ``key`` is sent to it. Raises ConfigError where the URL is none."""
    endpoint_parts("--from", url)
    clean = asked.sources.redactor.clean
    with _Waiting("asking that Linx ..."):
        facts = _interruptible(_gather_from, url, key, asked)
    found = report.cleaned(remote.findings(facts), clean)
    if asked.format == "json":
        say(report.as_json(found))
    else:
        title = f"The Linx at {facts.url}, as {linx.__version__} sees it"
        say(report.as_text(title, found, style_of(sys.stdout, asked.sources.env), _width()))
    return report.worst(found) is not Level.BROKEN


async def _gather_from(url: str, key: str | None, asked: Asked) -> RemoteFacts:
    install_lookups()
    return await look(url, key, asked.sources.env, asked.sources.redactor)


def _width() -> int:
    return min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)


def _title(facts: Facts, asked: Asked) -> str:
    named = asked.sources.path or asked.sources.env.get("LINX_CONFIG")
    where = facts.config.path or named or "the built-in defaults"
    return f"Linx {linx.__version__}, with {quote(where, 200)}"


def _look(asked: Asked) -> tuple[Facts, list[Found]]:
    with _Waiting("looking at this machine and at the providers ..."):
        facts = _interruptible(_gather, asked)
    return facts, findings(facts)


async def _gather(asked: Asked) -> Facts:
    install_lookups()  # so that a name server that is silent holds up no other name, nor the end
    return await gather(asked.sources, asked.kinds)


def _interruptible(work: Callable[[Unpack[Args]], Awaitable[Result]], *args: *Args) -> Result:
    """``trio.run``, of which Ctrl-C makes a plain KeyboardInterrupt, and no group of them."""
    try:
        return trio.run(work, *args)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
    raise KeyboardInterrupt


class _Waiting:
    """A line on a terminal for as long as there is nothing to show yet."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_shown = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> None:
        if self._is_shown:
            sys.stderr.write(self._text)
            sys.stderr.flush()

    def __exit__(self, *_error: object) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _fixed(asked: Asked, facts: Facts, found: list[Found]) -> list[str]:
    return fix(facts, found, partial(problem_of, asked.sources, facts))


def problem_of(sources: Sources, facts: Facts, text: bytes) -> ConfigError | None:
    """What is wrong with a text as the config."""
    try:
        try_text(text, facts.config.path or facts.config.place_to_write, sources)
    except ConfigError as error:
        return error
    return None
