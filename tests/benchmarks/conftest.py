"""Provider and load generator of the benchmark: one built program, one running provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import measure
from benchmarks.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def program() -> Path:
    if measure.go() is None:
        pytest.skip("there is no go command")
    return measure.program()


@pytest.fixture(scope="session")
def provider(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    started = Provider(program, tmp_path_factory.mktemp("provider"))
    yield started
    started.process.stop()
