"""Checks of the config file: which is in force, what is wrong with it, what is probably not meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from linx.doctor.edit import line_of
from linx.doctor.finding import Change, Finding, Renaming, broken, note, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.doctor.facts import ConfigFacts, Facts
    from linx.doctor.finding import Edit


def config_file(facts: Facts) -> Iterator[Finding]:
    """Which file is in force and why, or what is wrong with it."""
    config = facts.config
    for path in config.passed_over:
        yield note("is another program's file, and is passed over", path)
    if config.problem is None:
        where = config.path or ""
        yield ok(
            f"is in force: {config.reason}" if where else f"the built-in defaults are in force: {config.reason}", where
        )
        return
    place = Place.of(config)
    mend, edits = next(
        (
            made(found, place)
            for pattern, made in _CONFIG_MENDS
            if (found := re.search(pattern, config.problem.problem))
        ),
        (f"correct {place.key or 'it'} in {place.file}", ()),
    )
    yield broken(f"cannot be used: {config.problem.problem}", config.problem.where, mend, edits)


class Place(NamedTuple):
    """Where a mistake is: the file, the dotted key ("" where it has none), and that key in steps if they are plain."""

    file: str
    key: str
    path: tuple[str, ...]

    @classmethod
    def of(cls, config: ConfigFacts) -> Place:
        assert config.problem is not None
        label, _, key = config.problem.where.partition(": ")
        is_plain = bool(key) and not re.search(r"['\[\]]", key)
        return cls(config.path or label, key, tuple(key.split(".")) if is_plain else ())


Mend = tuple[str, tuple["Edit", ...]]


def _rename(found: re.Match[str], place: Place) -> Mend:
    near = found[1]
    if not place.path:
        return f"write {near} there, in {place.file}", ()
    steps = near.split(".")
    if len(steps) > 1:
        return f"move it to {near} in {place.file}", ()
    renaming = Renaming(place.path, near)
    return f"rename {place.key} to {near} in {place.file}", (renaming,)


def _choose(found: re.Match[str], place: Place) -> Mend:
    if not place.path:
        return f"write {found[1]} there, in {place.file}", ()
    change = Change(place.path, found[1])
    return f"{line_of(change)} in {place.file}", (change,)


_CONFIG_MENDS: tuple[tuple[str, Callable[[re.Match[str], Place], Mend]], ...] = (
    (r"^unknown key; did you mean (\S+)\?$", _rename),
    (r"^must be one of .*; did you mean (\S+)\?$", _choose),
    (r"comments are not allowed", lambda _found, place: (f"remove the comments from {place.file}", ())),
    (r"\brun: (chmod \S+ .+)$", lambda found, _place: (found[1], ())),
    (r"^cannot be read: Permission denied", lambda _found, place: (f"chmod u+r {place.file}", ())),
    (r"^is empty; the least that works is \{\}", lambda _found, place: (f"echo '{{}}' > {place.file}", ())),
    (
        r"^is Linx's own address",
        lambda _found, place: (f"correct {place.key} in {place.file}, or start linx --port 8180", ()),
    ),
    (r"given by --config", lambda _found, _place: ("name a file that is there with --config", ())),
    (r"given by LINX_CONFIG", lambda _found, _place: ("unset LINX_CONFIG", ())),
)


def config_warnings(facts: Facts) -> Iterator[Finding]:
    """What works and is probably not meant, as the start of Linx says it."""
    config = facts.config
    if config.config is None:
        return
    for text in config.config.warnings:
        where, _, what = text.partition(": ")
        if config.path is not None and re.match(r"\S+: ", what):
            key, _, what = what.partition(": ")
            where = f"{where}: {key}"
        yield warning(what, where, _mend_of(what, where, config.path or where))


def _mend_of(what: str, where: str, file: str) -> str:
    key = where.rpartition(": ")[2]
    for pattern, mend in _WARNING_MENDS:
        if found := re.search(pattern, what):
            return mend.format(*found.groups(), key=key, file=file)
    return f"correct {key} in {file}" if key != where else ""


_WARNING_MENDS = (
    (r"environment variable (\S+) is not set", "export {0}=..."),
    (r"run: chmod 600", "chmod 600 {file}"),
    (
        r"is a placeholder and is not sent",
        'put the key there, or "env:NAME" and the key into that variable: {key} in {file}',
    ),
    (
        r"answers no request without a key",
        'put the key there, or "env:NAME" and the key into that variable: {key} in {file}',
    ),
    (r"use https://", "write https:// in {key} in {file}"),
    (r"has no effect: only kind", "remove {key} from {file}"),
    (r"use LINX_API_KEY", "export LINX_API_KEY=... in place of --api-key"),
    (r"is shorter than|is a placeholder that", "linx key add NAME, and remove the short one from {file}"),
)
