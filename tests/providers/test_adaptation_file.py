"""The file in which is kept how models have to be asked."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.chat import Adapted
from linx.providers.adaptation_file import (
    KEPT_S,
    MAX_BYTES,
    MAX_ENTRIES,
    Key,
    NotOurs,
    dump,
    merged,
    parse,
    read_file,
    write_file,
)
from linx.providers.adaptations import MAX_ADAPTED, Lesson

if TYPE_CHECKING:
    from pathlib import Path

NOW = float(int(time.time()))
ROW, OTHER = Adapted("stream_options"), Adapted("parameter", "temperature")
KEY = Key("a", "openai", "http://a.test:1234", "m")


def entry(**changes: Any) -> dict[str, Any]:
    return {**KEY._asdict(), "adapted": [["stream_options", ""]], "version": None, "learnt_at": NOW, **changes}


def file_of(*entries: Any) -> bytes:
    return jsontext.dumps({"linx": "adaptations", "format": 1, "entries": list(entries)})


# --- the text -------------------------------------------------------------------------


def test_what_is_written_is_read_again() -> None:
    entries = {KEY: Lesson((ROW, OTHER), NOW, "0.33"), KEY._replace(model="n"): Lesson((OTHER,), NOW)}
    assert parse(dump(entries), NOW) == entries
    assert parse(dump({}), NOW) == {}


@pytest.mark.parametrize(
    "given",
    [
        entry(provider=5),
        entry(model=""),
        entry(model="x" * 201),
        entry(learnt_at="yesterday"),
        entry(learnt_at=True),
        entry(learnt_at=NOW - KEPT_S - 1),
        entry(learnt_at=NOW + 10 * 86400),
        entry(adapted=[]),
        entry(adapted="stream_options"),
        entry(adapted=[["stream_options"], 5, ["Stream Options", ""], ["a", "the user's own words"], ["a", None]]),
        None,
        [],
    ],
    ids=lambda given: str(given)[:60],
)
def test_an_entry_that_is_none_is_passed_over(given: Any) -> None:
    assert parse(file_of(given, entry(model="good")), NOW) == {KEY._replace(model="good"): Lesson((ROW,), NOW)}


def test_no_word_of_a_request_is_written() -> None:
    spoken = Adapted("parameter", "please write a poem"), Adapted("parameter", "x" * 161)
    assert b"poem" not in dump({KEY: Lesson((*spoken, ROW), NOW)})
    assert parse(dump({KEY: Lesson(spoken, NOW)}), NOW) == {}


def test_the_newest_entries_are_kept_and_they_fit_into_the_file() -> None:
    model = "m" * 190
    many = {KEY._replace(model=f"{model}{number}"): Lesson((ROW,), NOW + number) for number in range(MAX_ENTRIES + 5)}
    data = dump(many)
    assert len(data) < MAX_BYTES
    kept = parse(data, NOW + MAX_ENTRIES)
    assert len(kept) == MAX_ENTRIES
    assert KEY._replace(model=f"{model}4") not in kept


@pytest.mark.parametrize(
    "data", [b"[]", b'"x"', b'{"linx": 1}', b'{"linx": "adaptations", "format": 2, "entries": []}']
)
def test_a_file_of_another_program_or_version_is_known_as_such(data: bytes) -> None:
    with pytest.raises(NotOurs):
        parse(data, NOW)


def test_of_two_lessons_the_newer_one_stays_and_another_version_is_dropped() -> None:
    n, o = KEY._replace(model="n"), KEY._replace(model="o")
    theirs = {KEY: Lesson((ROW,), 1.0), n: Lesson((ROW,), 3.0), o: Lesson((ROW,), 1.0, "1")}
    ours = {KEY: Lesson((OTHER,), 2.0), n: Lesson((OTHER,), 2.0)}
    versions = {KEY._replace(model=""): "2"}
    assert merged(theirs, ours, versions) == {KEY: Lesson((OTHER,), 2.0), n: Lesson((ROW,), 3.0)}
    assert merged({o: theirs[o]}, {}, {}) == {o: theirs[o]}


# --- the file -------------------------------------------------------------------------


def test_a_write_adds_to_what_another_linx_wrote(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    assert read_file(path, NOW) == {}
    other = KEY._replace(provider="b")
    write_file(path, {other: Lesson((ROW,), NOW)}, {}, NOW)
    write_file(path, {KEY: Lesson((ROW,), NOW)}, {}, NOW)
    assert read_file(path, NOW).keys() == {KEY, other}
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for damaged in (b'{"linx": "adap', b"x" * (MAX_BYTES + 1)):
        path.write_bytes(damaged)
        with pytest.raises(jsontext.InvalidJSON):
            read_file(path, NOW)
        write_file(path, {KEY: Lesson((ROW,), NOW)}, {}, NOW)
        assert read_file(path, NOW).keys() == {KEY}
        assert (tmp_path / "state.damaged").read_bytes() == damaged


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_file(path, {KEY: Lesson((ROW,), NOW)}, {}, NOW)
    before = path.read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_file(path, {KEY: Lesson((OTHER,), NOW)}, {}, NOW)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["1" + "0" * 400, "1e400", "-1", "NaN", "9007199254740993"])
def test_a_moment_that_is_none_is_passed_over(moment: str) -> None:
    data = file_of(entry(learnt_at="at")).replace(b'"at"', moment.encode())
    assert parse(data, NOW) == {}


def test_what_is_written_is_never_larger_than_what_is_read() -> None:
    rows = tuple(Adapted("parameter", f"{'x' * 150}{number}") for number in range(MAX_ADAPTED))
    entries = {KEY._replace(model=f"m{number}"): Lesson(rows, NOW - number) for number in range(MAX_ENTRIES)}
    data = dump(entries)
    assert len(data) <= MAX_BYTES
    assert list(parse(data, NOW)) == list(entries)[: len(parse(data, NOW))]
