"""Which mappings hold: names, patterns, ``default``, and those whose models are not there."""

from __future__ import annotations

import pytest

from linx.providers.mappings import Mappings, Missing


def all_there(model: str) -> bool:
    return True


def mappings(**configured: str) -> Mappings:
    return Mappings(configured, all_there)


def test_a_name_is_found_with_its_usual_additions() -> None:
    one = mappings(m="big", default="other")
    assert (one.exact("m"), one.exact("m:latest"), one.exact("models/m"), one.exact("m:other")) == ("big",) * 3 + (
        None,
    )
    assert (one.default, one.names) == ("other", ("m",))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gpt-4o", "b"),
        ("gpt-4o-mini", "c"),
        ("gpt-5", "a"),
        ("gpt-5:latest", "a"),
        ("models/gpt-5", "a"),
        ("gpt", None),
        ("my-gpt-5", None),
        ("claude.x", "d"),
        ("claudeZx", None),
    ],
)
def test_the_longest_pattern_that_fits_counts(name: str, model: str | None) -> None:
    one = Mappings({"gpt-*": "a", "gpt-4*": "b", "gpt-4*mini": "c", "claude.*": "d"}, all_there)
    assert one.by_pattern(name) == model
    assert one.exact(name) is None
    assert one.names == ()


def test_what_is_not_there_is_as_if_it_were_not_configured() -> None:
    configured = {"a": "here", "b": "gone", "c*": "gone", "default": "gone"}
    one = Mappings(configured, lambda model: model == "here")
    assert one.missing == (Missing("b", "gone"), Missing("c*", "gone"), Missing("default", "gone"))
    assert (one.names, one.exact("b"), one.by_pattern("cx"), one.default) == (("a",), None, None, None)


def test_an_auto_name_shows_in_lists_by_what_it_stands_for() -> None:
    assert mappings(m="auto").shows_auto
    assert not mappings(default="auto").shows_auto


def test_default_alone_maps_no_name() -> None:
    assert not mappings(default="x")
    assert mappings(m="x")
    assert Mappings({"m*": "x"}, all_there)
