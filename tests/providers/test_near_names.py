"""Which names an error asks about: near ones, and no others."""

from __future__ import annotations

import pytest

from linx.providers.near_names import LONGEST_NAME, near_names

NAMES = [
    *("llama3:8b", "llama3:70b", "qwen3:32b", "qwen3-coder:30b", "gpt-4o", "gpt-4o-mini", "claude-haiku-4-5"),
    *("openai/gpt-5.1", "deepseek/deepseek-v4", "mistralai/mistral-small", "phi4"),
]


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("lama3:8b", ["llama3:8b", "llama3:70b"]),
        ("LLAMA3", ["llama3:8b", "llama3:70b"]),
        ("qwen3", ["qwen3:32b", "qwen3-coder:30b"]),
        ("gpt-4o-min", ["gpt-4o-mini", "gpt-4o"]),
        ("gpt-5.1", ["openai/gpt-5.1"]),
        ("deepseek-v4", ["deepseek/deepseek-v4"]),
        ("meta/llama3", ["llama3:8b", "llama3:70b"]),
        ("mistral-smal", ["mistralai/mistral-small"]),
        # What today's clients ask for by default, and what is unlike all of these.
        ("claude-opus-4-8", []),
        ("claude-sonnet-4-6", []),
        ("o3", []),
        ("text-embedding-3-small", []),
        ("m", []),
        ("", []),
        ("x" * (LONGEST_NAME + 1), []),
    ],
)
def test_only_near_names_are_asked_about(asked: str, near: list[str]) -> None:
    assert near_names(asked, NAMES) == near
