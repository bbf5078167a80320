"""The simulated queue: the table in the docs is what it prints, and shows what the docs say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.queueing import KEYS, MODELS, RULES, Result, Traffic, flood, mixed, simulate, table

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parent.parent.parent / "docs" / "routing.md"


def test_the_table_in_the_docs_is_what_the_command_prints() -> None:
    assert "\n".join(table()) in DOCS.read_text()


def under_each_rule(traffic: Traffic) -> tuple[Result, ...]:
    return tuple(simulate(traffic, knows) for knows in RULES.values())


@pytest.mark.parametrize("make", [mixed, flood], ids=lambda make: make.__name__)
def test_each_request_is_answered_once_under_each_rule(make: Callable[[], Traffic]) -> None:
    traffic = make()
    for result in under_each_rule(traffic):
        assert {key: len(result.waits_s[key]) for key in KEYS} == {
            key: sum(asked.key == key for asked in traffic.asked) for key in KEYS
        }
        assert result.swaps >= len(MODELS)


def test_the_loaded_model_first_swaps_less_and_everybody_waits_less() -> None:
    first_come, in_turn, linx = under_each_rule(mixed())
    assert linx.swaps < 0.75 * min(first_come.swaps, in_turn.swaps)
    assert linx.p95_s() < 0.25 * min(first_come.p95_s(), in_turn.p95_s())
    assert all(max(linx.waits_s[key]) < max(first_come.waits_s[key]) for key in KEYS)


def test_a_flood_of_one_key_holds_up_no_other() -> None:
    first_come, _in_turn, linx = under_each_rule(flood())
    for key in ("bob", "cid"):
        assert max(linx.waits_s[key]) < 0.25 * max(first_come.waits_s[key])
    assert linx.ended_s < first_come.ended_s
