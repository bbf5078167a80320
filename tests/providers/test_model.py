"""A model of which nothing is known but its name; what is learnt makes a new one."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from linx.providers.model import Model


def test_what_is_not_told_is_unknown() -> None:
    one, other = Model("a"), Model("a")
    assert (one.context_length, one.capabilities, one.price, one.created, one.listed) == (None, None, None, None, {})
    one.listed["id"] = "a"
    assert other.listed == {}


def test_a_model_is_never_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Model("a").context_length = 1  # type: ignore[misc]  # which is what this test is about
