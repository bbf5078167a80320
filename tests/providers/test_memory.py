"""How large a model may be, from what a server has had loaded."""

from __future__ import annotations

import pytest

from linx.providers import memory
from linx.providers.memory import InMemory, Memory, bytes_of_machine

GB = 10**9


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "bytes_of_machine", lambda: 16 * GB)


def test_elsewhere_what_was_loaded_fits() -> None:
    there = Memory(is_here=False)
    assert there.room() is None
    there.seen([InMemory(4096, 4 * GB, 4 * GB), InMemory(4096, 2 * GB, 2 * GB)])
    there.seen([])
    assert there.room() == 6 * GB


def test_here_the_machine_is_known() -> None:
    here = Memory(is_here=True)
    assert here.room() == int(16 * GB * 0.75 * 0.8)
    here.seen([InMemory(4096, 14 * GB, 0)])
    assert here.room() == int(14 * GB * 0.8)


def test_a_model_of_which_a_part_only_is_on_the_card_has_filled_the_card() -> None:
    """``size_vram`` of /api/ps is less than ``size`` then (ollama: docs/api.md, "List Running Models")."""
    here = Memory(is_here=True)
    here.seen([InMemory(4096, 20 * GB, 8 * GB)])
    assert here.room() == int(8 * GB * 0.8)
    here.seen([InMemory(4096, 3 * GB, 3 * GB)])
    assert here.room() == int(8 * GB * 0.8)


def test_this_machine_tells_its_memory() -> None:
    assert (bytes_of_machine() or 0) > 100 * 2**20


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "bytes_of_machine", lambda: None)
    assert Memory(is_here=True).room() is None
