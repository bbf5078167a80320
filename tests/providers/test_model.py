"""A model of which nothing is known but its name."""

from __future__ import annotations

from linx.providers.model import Model


def test_what_is_not_told_is_unknown() -> None:
    one, other = Model("a"), Model("a")
    assert (one.context_length, one.capabilities, one.price, one.created, one.listed) == (None, None, None, None, {})
    one.listed["id"] = "a"
    assert other.listed == {}
