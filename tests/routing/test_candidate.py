"""A candidate."""

from __future__ import annotations

from linx.providers.model import Model
from linx.routing.candidate import Candidate
from tests.routing.world import has, provider


def test_how_it_shows_itself() -> None:
    one = has(provider("a"), "m")
    one.slots.active, one.relaying = 2, 1
    assert repr(one) == "<Provider a (openai) 1 models, 3 active>"
    assert str(Candidate(one, "m")) == "a/m"
    assert Model("m").listed == {}
