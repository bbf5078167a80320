"""Which model a client begins with, and what it is told of the address and the key."""

from __future__ import annotations

from typing import Any

import pytest

from linx.setup.target import MOST_LISTED, Model, Target, model_of

LISTED: dict[str, Any] = {
    "id": "qwen3:8b",
    "context_length": 40_960,
    "capabilities": ["completion", "tools"],
    "architecture": {"input_modalities": ["text", "image"]},
    "pricing": {"prompt": "0", "completion": "0"},
}


def test_an_entry_of_the_list() -> None:
    assert model_of(LISTED, frozenset({"qwen3:8b"})) == Model("qwen3:8b", 40_960, True, True, True, True)
    assert model_of({"id": "x"}) == Model("x")
    assert model_of({**LISTED, "local": False}) == Model("qwen3:8b", 40_960, True, False, True)


@pytest.mark.parametrize("entry", [None, 5, {}, {"id": 5}, {"id": ""}])
def test_no_entry(entry: Any) -> None:
    assert model_of(entry) is None


SMALL = Model("small", 8_192, True, True)
LARGE = Model("large", 131_072, True, True)
NO_TOOLS = Model("no-tools", 131_072, False, True)
REMOTE = Model("remote", 200_000, True)
UNKNOWN = Model("unknown", None, None, True)
EMBEDDING = Model("nomic-embed-text:latest", 131_072, True, True)


@pytest.mark.parametrize(
    ("models", "chosen"),
    [
        ((SMALL, LARGE), "large"),
        ((SMALL, REMOTE), "remote"),
        ((REMOTE, LARGE), "large"),
        ((NO_TOOLS, SMALL), "small"),
        ((NO_TOOLS,), "no-tools"),
        ((EMBEDDING, SMALL), "small"),
        ((EMBEDDING,), "default"),
        ((UNKNOWN, SMALL), "unknown"),
        ((LARGE, Model("loaded", 65_536, True, True, is_loaded=True)), "loaded"),
        ((), "default"),
    ],
    ids=lambda value: "+".join(model.name for model in value) if isinstance(value, tuple) else value,
)
def test_the_model_to_begin_with(models: tuple[Model, ...], chosen: str) -> None:
    assert Target("http://h", models=models).model(19_000).name == chosen


def test_the_user_chooses() -> None:
    target = Target("http://h", models=(LARGE, SMALL), wanted="small")
    assert target.model(19_000) == SMALL
    assert [model.name for model in target.listed()] == ["small", "large"]
    assert Target("http://h", wanted="other").model() == Model("other")
    assert Target("http://h", models=(EMBEDDING,), wanted="nomic-embed-text").model() == EMBEDDING


def test_not_hundreds_are_listed() -> None:
    many = tuple(Model(f"m{number}", number) for number in range(400))
    listed = Target("http://h", models=many).listed()
    assert len(listed) == MOST_LISTED
    assert listed[0].name == "m399"


def test_addresses_and_keys() -> None:
    target = Target("http://h:1", "a/b c")
    assert (target.openai, target.keyed_address, target.sent_key) == (
        "http://h:1/v1",
        "http://h:1/k/a%2Fb%20c",
        "a/b c",
    )
    without = Target("http://h:1")
    assert (without.keyed_address, without.sent_key) == ("http://h:1", "unused")
    assert "a/b c" not in repr(target)
