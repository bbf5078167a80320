"""The model list as Anthropic's clients and Codex read it."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.handlers.models.other_shapes import anthropic_entry, anthropic_list, asked_page, codex_list

ENTRIES: list[dict[str, Any]] = [
    {"id": name, "created": 1_755_800_000, "owned_by": "ollama", "object": "model"} for name in "abcde"
]
# Every field that Codex's own reader has no default for.
NEEDED = {
    "slug": str,
    "display_name": str,
    "supported_reasoning_levels": list,
    "shell_type": str,
    "visibility": str,
    "supported_in_api": bool,
    "priority": int,
    "base_instructions": str,
    "supports_reasoning_summaries": bool,
    "support_verbosity": bool,
    "truncation_policy": dict,
    "supports_parallel_tool_calls": bool,
    "experimental_supported_tools": list,
}


def page_of(entries: list[dict[str, Any]], query: dict[str, list[str]]) -> Any:
    return jsontext.loads(b"".join(anthropic_list(entries, asked_page(query))))


def codex_models(entries: list[dict[str, Any]]) -> Any:
    return jsontext.loads(b"".join(codex_list(entries, None)))["models"]


def test_an_entry() -> None:
    assert anthropic_entry({**ENTRIES[0], "context_length": 8192}) == {
        "type": "model",
        "id": "a",
        "display_name": "a",
        "created_at": "2025-08-21T18:13:20Z",
        "lifecycle": "active",
        "max_input_tokens": 8192,
        **dict.fromkeys(("capabilities", "deprecated_at", "line", "max_tokens", "retires_at")),
    }


@pytest.mark.parametrize("more", [{}, {"context_length": 8192}, {"lifecycle": "deprecated"}])
def test_an_entry_is_one_of_the_newest_sdk(more: dict[str, Any]) -> None:
    entry = anthropic_entry({**ENTRIES[0], **more})
    assert entry.keys() == anthropic.types.ModelInfo.model_fields.keys()
    model = anthropic.types.ModelInfo.model_validate(entry)
    assert (model.id, model.lifecycle) == ("a", more.get("lifecycle", "active"))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, "ab"),
        ({"lifecycle": ["retired"]}, "c"),
        ({"lifecycle": ["active", "retired"]}, "ac"),
        ({"lifecycle[]": ["deprecated"]}, "b"),
    ],
)
def test_models_that_are_on_their_way_out(query: dict[str, list[str]], ids: str) -> None:
    stages = ("active", "deprecated", "retired")
    entries = [{**entry, "lifecycle": stage} for entry, stage in zip(ENTRIES, stages, strict=False)]
    del entries[0]["lifecycle"]
    page = page_of(entries, query)
    assert "".join(entry["id"] for entry in page["data"]) == ids


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        ({}, "abcde", False),
        ({"limit": ["2"]}, "ab", True),
        ({"limit": ["2"], "after_id": ["b"]}, "cd", True),
        ({"limit": ["2"], "after_id": ["c"]}, "de", False),
        ({"after_id": ["e"]}, "", False),
        ({"limit": ["2"], "before_id": ["e"]}, "cd", True),
        ({"limit": ["2"], "before_id": ["b"]}, "a", False),
    ],
)
def test_pages(query: dict[str, list[str]], ids: str, has_more: bool) -> None:
    page = page_of(ENTRIES, query)
    assert "".join(entry["id"] for entry in page["data"]) == ids
    assert page["has_more"] is has_more
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": ["0"]},
        {"limit": ["x"]},
        {"limit": ["1001"]},
        {"limit": ["²"]},
        {"after_id": ["z"]},
        {"before_id": ["z"]},
        {"before_id": [""]},
        {"lifecycle": ["x"]},
    ],
)
def test_pages_that_cannot_be(query: dict[str, list[str]]) -> None:
    with pytest.raises(BadRequest):
        page_of(ENTRIES, query)


def test_codex_finds_all_it_needs() -> None:
    models = codex_models([*ENTRIES, {**ENTRIES[0], "id": "f", "context_length": 4096}])
    for model in models:
        assert {name: type(model[name]) for name in NEEDED} == NEEDED
        assert model.keys() >= {"description", "upgrade", "default_verbosity", "apply_patch_tool_type"}
        assert model["truncation_policy"].keys() == {"mode", "limit"}
    assert [model["priority"] for model in models] == [0, 1, 2, 3, 4, 5]
    assert models[-1]["context_window"] == 4096
    assert "context_window" not in models[0]


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [(None, ["text", "image"]), (["text"], ["text"]), (["text", "image", "audio"], ["text", "image"])],
)
def test_codex_is_told_what_a_model_can_see(inputs: list[str] | None, shown: list[str]) -> None:
    known = {} if inputs is None else {"architecture": {"input_modalities": inputs}}
    assert codex_models([{**ENTRIES[0], **known}])[0]["input_modalities"] == shown
