"""What does not fit is said in a sentence, and the nearest known word is found."""

from __future__ import annotations

import pytest

from linx.config.misfit import fitted, nearest
from linx.config.shape import ServerConfig
from linx.core.errors import ConfigError


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("enpoint", "endpoint"),
        ("apiKey", "api_key"),
        ("API-KEY", "api_key"),
        ("enable_fallback", "fallback_enabled"),
        ("modelmapping", "model_mappings"),
        ("zzzz", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_word(word: str, expected: str | None) -> None:
    assert nearest(word, ("endpoint", "api_key", "fallback_enabled", "model_mappings")) == expected


def test_a_misfit_at_the_top_is_told_without_a_path() -> None:
    with pytest.raises(ConfigError, match=r"^here: must be an object, not a list$"):
        fitted([], ServerConfig, "here")
