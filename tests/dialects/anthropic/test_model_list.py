"""Anthropic's model list, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Garbled
from linx.dialects.anthropic.model_list import canonical_name, page_path, read_page, without_date
from tests.fakes import wire_anthropic
from tests.fakes.catalogue import Model

ENTRY = wire_anthropic.model_info(Model("claude-haiku-4-5-20251001"))


def test_what_an_entry_tells() -> None:
    (model,), after = read_page({"data": [ENTRY], "has_more": False, "first_id": "a", "last_id": "a"})
    assert after is None
    assert (model.name, model.context_length, model.created) == ("claude-haiku-4-5-20251001", 200_000, 1_759_276_800)
    assert model.capabilities == frozenset(("completion", "tools", "vision", "thinking"))
    assert model.entry == ENTRY


def test_a_model_that_neither_thinks_nor_sees() -> None:
    none = {"image_input": {"supported": False}, "thinking": {"supported": False}}
    (model,), _ = read_page({"data": [{"id": "m", "capabilities": none}]})
    assert model.capabilities == frozenset(("completion", "tools"))


def test_an_entry_that_says_no_more_than_a_name() -> None:
    odd = {"id": "m", "max_input_tokens": None, "created_at": "yesterday", "capabilities": None}
    (model,), _ = read_page({"data": [odd, {"id": 3}, "x"]})
    assert (model.name, model.context_length, model.created, model.capabilities) == ("m", None, None, None)


def test_pages() -> None:
    models = [Model(f"m {number}") for number in range(5)]
    page = wire_anthropic.model_list(models, {"limit": "2"})
    found, after = read_page(page)
    assert [model.name for model in found] == ["m 0", "m 1"]
    assert after == "m 1"
    assert page_path(None) == "/models?limit=1000"
    assert page_path(after) == "/models?limit=1000&after_id=m%201"
    last = wire_anthropic.model_list(models, {"limit": "2", "after_id": "m 3"})
    assert read_page(last)[1] is None


@pytest.mark.parametrize("page", [{"data": [], "has_more": True, "last_id": "x"}, {"data": [ENTRY], "has_more": True}])
def test_a_next_page_that_leads_nowhere(page: Any) -> None:
    assert read_page(page)[1] is None


@pytest.mark.parametrize("page", [None, [], {}, {"data": None}, {"object": "list"}])
def test_what_is_no_list(page: Any) -> None:
    with pytest.raises(Garbled):
        read_page(page)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("claude-sonnet-5:latest", "claude-sonnet-5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
    ],
)
def test_a_name_without_the_word_for_the_newest(name: str, plain: str) -> None:
    assert canonical_name(name) == plain


@pytest.mark.parametrize(
    ("name", "plain"),
    [("claude-haiku-4-5-20251001", "claude-haiku-4-5"), ("claude-haiku-4-5", "claude-haiku-4-5"), ("m-123", "m-123")],
)
def test_a_name_without_its_date(name: str, plain: str) -> None:
    assert without_date(name) == plain
