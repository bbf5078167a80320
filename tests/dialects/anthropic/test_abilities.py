"""What a model takes, told by its provider's list or by its name."""

from __future__ import annotations

import pytest

from linx.dialects.anthropic.abilities import DEFAULT_MAX_OUTPUT, EFFORTS, Abilities, abilities_of
from tests.fakes import wire_anthropic
from tests.fakes.catalogue import Model

NAMES = [
    "claude-3-5-haiku-20241022",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-6",
    "claude-opus-4-8",
    "claude-sonnet-5",
    "claude-opus-5-5",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_tells_what_the_list_would(name: str) -> None:
    by_name = abilities_of(name, None)
    listed = abilities_of(name, wire_anthropic.model_info(Model(name)))
    assert (by_name.adaptive, by_name.extended, by_name.off, by_name.efforts) == (
        listed.adaptive,
        listed.extended,
        listed.off,
        listed.efforts,
    )
    assert (by_name.takes_samplers, by_name.takes_schemas) == (listed.takes_samplers, listed.takes_schemas)
    assert by_name.max_output <= listed.max_output
    assert (by_name.is_listed, listed.is_listed) == (False, True)


@pytest.mark.parametrize(
    ("name", "adaptive", "extended"),
    [
        ("claude-2.1", False, False),
        ("claude-3-opus-20240229", False, False),
        ("claude-3-7-sonnet-20250219", False, True),
        ("claude-3-7-sonnet-latest", False, True),
        ("claude-opus-4-20250514", False, True),
        ("claude-opus-4-1-20250805", False, True),
        ("anthropic/claude-opus-4.6", True, True),
        ("claude-opus-4-7", True, False),
        ("claude-fable-5-1", True, False),
        ("claude-mythos-preview", True, False),
        ("claude-haiku-12", True, False),
        ("kimi-k3", False, True),
    ],
)
def test_versions_in_names(name: str, adaptive: bool, extended: bool) -> None:
    able = abilities_of(name, {})
    assert (able.adaptive, able.extended) == (adaptive, extended)
    assert able.can_think is (adaptive or extended)


def test_a_date_is_no_version() -> None:
    assert abilities_of("claude-opus-4-20250514", None).max_output == 32_000
    assert abilities_of("claude-opus-4-5-20251101", None).max_output == 64_000


def test_what_cannot_be_kept_from_thinking() -> None:
    assert abilities_of("claude-fable-5", None).off is None
    assert abilities_of("claude-mythos-preview", None).off is None
    assert abilities_of("claude-opus-5", None).off == "disabled"
    listed = wire_anthropic.model_info(Model("claude-sonnet-5-5"))
    assert abilities_of("claude-sonnet-5-5", listed).off == "between_tools"


def test_another_maker_s_model_has_the_older_manners() -> None:
    assert abilities_of("glm-5", None) == Abilities(extended=True, max_output=DEFAULT_MAX_OUTPUT)


def test_a_list_of_older_date_leaves_the_rest_to_the_name() -> None:
    types = {"adaptive": {"supported": True}, "enabled": {"supported": False}}
    able = abilities_of("claude-opus-5", {"capabilities": {"thinking": {"supported": True, "types": types}}})
    assert (able.off, able.efforts, able.takes_samplers) == ("disabled", EFFORTS, False)


@pytest.mark.parametrize(
    "listed",
    [
        {"max_tokens": None, "capabilities": None},
        {"max_tokens": "many", "capabilities": {"thinking": None, "effort": 3}},
        {"max_tokens": 0, "capabilities": {"thinking": {"types": []}}},
    ],
)
def test_a_list_that_says_nothing_of_it(listed: dict[str, object]) -> None:
    assert abilities_of("claude-sonnet-4-6", listed) == abilities_of("claude-sonnet-4-6", None)
