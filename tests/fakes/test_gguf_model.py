"""The tiny model is small and the same each time; that llama.cpp loads it is test_demo's matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.gguf_model import write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_small_and_reproducible(tmp_path: Path, tiny_model: Path) -> None:
    again = write_tiny_model(tmp_path / "again.gguf")
    assert again.stat().st_size < 1_000_000
    assert again.read_bytes() == tiny_model.read_bytes()
