"""What holds for every condition, whichever it is; ``test_meaning`` has the errors of real providers."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import Fallback
from linx.dialects.failures import conditions
from linx.dialects.failures.conditions import BY_STATUS, BY_STATUS_CLASS, FAILED_ENDS, INVALID, Condition
from linx.dialects.failures.rules import RULES

CONDITIONS = {name: value for name, value in vars(conditions).items() if isinstance(value, Condition)}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_fault_of_the_request_blames_no_provider(name: str) -> None:
    condition = CONDITIONS[name]
    if condition.kind == INVALID:
        assert 400 <= condition.status < 500
        assert not condition.blames_provider
    if condition.fallback is not Fallback.YES:
        assert condition.kind == INVALID


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_wait_belongs_to_a_condition_that_has_one(name: str) -> None:
    condition = CONDITIONS[name]
    if condition.is_pause is not False or condition.wait_s is not None:
        assert condition.has_wait


def test_every_condition_can_be_recognised() -> None:
    found = [*BY_STATUS.values(), *BY_STATUS_CLASS.values(), *FAILED_ENDS.values(), *(rule.condition for rule in RULES)]
    assert [name for name, value in CONDITIONS.items() if value not in found] == []


def test_a_failing_end_may_be_tried_elsewhere() -> None:
    assert {condition.fallback for condition in FAILED_ENDS.values()} == {Fallback.YES}
    assert {word for word in FAILED_ENDS if word != word.lower() or "-" in word or " " in word} == set()
