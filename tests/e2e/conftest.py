"""What the tests over real sockets may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.llamacpp import LlamaCpp, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def llamacpp(tiny_model: Path) -> Iterator[LlamaCpp]:
    """A real llama.cpp with the tiny model, one for all tests."""
    with running(tiny_model) as llama:
        yield llama
