"""Levels are in order, and a change names its key."""

from __future__ import annotations

from linx.doctor.finding import Change, Level, Renaming


def test_the_worst_level_is_the_largest() -> None:
    assert max(Level) is Level.BROKEN
    assert [level.word for level in sorted(Level)] == ["ok", "note", "warning", "broken"]


def test_an_edit_names_the_key_that_it_changes() -> None:
    assert Change(("providers", "box", "kind"), "openai").key == "providers.box.kind"
    assert Renaming(("rooting",), "routing").key == "rooting"
