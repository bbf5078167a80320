"""The options table."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.errors import BadRequest
from linx.dialects.ollama.options import option, options


def test_right_types_pass_and_nulls_are_absent() -> None:
    given = {"temperature": 0, "top_p": 0.5, "num_ctx": 4096, "use_mmap": False, "stop": ["a"], "seed": None}
    assert options(given) == {"temperature": 0, "top_p": 0.5, "num_ctx": 4096, "use_mmap": False, "stop": ["a"]}


@pytest.mark.parametrize(("given", "taken"), [(40.0, 40), (2048.5, 2048), (-1.9, -1)])
def test_a_fraction_of_an_integer_is_cut_off_as_ollama_does(given: float, taken: int) -> None:
    value = option("num_ctx", given)
    assert value == taken
    assert type(value) is int


def test_an_unknown_option_passes() -> None:
    assert options({"n_discard": -1, "new": {"x": 1}}) == {"n_discard": -1, "new": {"x": 1}}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("num_ctx", "4096", "integer"),
        ("num_ctx", 1e300, "integer"),
        ("num_ctx", True, "integer"),
        ("seed", 2**63, "integer"),
        ("seed", -(2**63) - 1, "integer"),
        ("temperature", "0", "number"),
        ("temperature", False, "number"),
        ("use_mmap", 1, "boolean"),
        ("stop", "a", "array"),
        ("stop", ["a", 1], "array"),
    ],
)
def test_a_wrong_type_is_named(name: str, value: Any, kind: str) -> None:
    with pytest.raises(BadRequest) as refused:
        options({name: value})
    assert refused.value.message == f"options.{name} must be of type {kind}"
    assert refused.value.param == f"options.{name}"


def test_the_client_reads_its_own_name() -> None:
    with pytest.raises(BadRequest, match="max_tokens must be of type integer"):
        option("num_predict", "9", "max_tokens")
