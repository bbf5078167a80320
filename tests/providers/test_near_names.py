"""Which names an error asks about: near ones, and no others."""

from __future__ import annotations

import time

import pytest

from linx.providers.near_names import LONGEST_NAME, MOST_COMPARED, near_names

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


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("model-77", "vendor-7/model-77"),
        ("mdoel-9876", "vendor-6/model-9876"),
        ("MODEL-123", "vendor-3/model-123"),
        ("modle-123", "vendor-3/model-123"),
        ("vendor-1/model-51x", "vendor-1/model-51"),
    ],
)
def test_of_ten_thousand_names_few_are_compared(asked: str, near: str) -> None:
    names = [f"vendor-{number % 10}/model-{number}" for number in range(10_000)]
    start = time.thread_time()
    found = near_names(asked, names)
    took_s = time.thread_time() - start
    assert near in found
    assert took_s < 0.05  # 0.3 s where each is compared


def test_names_of_several_lines_are_compared_like_others() -> None:
    names = [f"model\n{number}" for number in range(MOST_COMPARED + 1)]
    assert near_names("model\n7", names)[0] == "model\n7"
    assert near_names("nothing", names) == []
