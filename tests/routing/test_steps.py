"""Which of the adaptations of an attempt are worth remembering."""

from __future__ import annotations

import time

from linx.core.chat import Adapted
from linx.routing.steps import Steps

A, B, C = Adapted("a"), Adapted("b", "x"), Adapted("b", "y")
FIRST, SECOND = "a is refused", "b is refused"


def test_what_was_taken_is_proven_once() -> None:
    steps = Steps((C,))
    assert steps.add(A, FIRST, is_own=True) == []
    assert (steps.applied, steps.tried) == ((C, A), (A,))
    assert steps.proven() == [A]
    assert steps.proven() == []


def test_another_complaint_proves_what_was_tried_against_the_one_before() -> None:
    steps = Steps(())
    steps.add(A, FIRST, is_own=True)
    assert steps.add(B, SECOND, is_own=True) == [A]
    assert steps.proven() == [B]


def test_the_same_complaint_that_asks_for_another_row_says_that_the_first_was_in_vain() -> None:
    steps = Steps(())
    steps.add(A, f"{FIRST} (request 12ab34)", is_own=True)
    assert steps.add(B, f"{FIRST} (request 98cd76)", is_own=True) == []
    assert steps.applied == (A, B)
    assert steps.proven() == [B]


def test_a_row_that_goes_on_is_proven_as_a_whole() -> None:
    """A level is lowered twice by the same vague words: both steps are needed for the first level."""
    steps = Steps(())
    steps.add(B, SECOND, is_own=True)
    assert steps.add(C, SECOND, is_own=True) == []
    assert steps.proven() == [B, C]


def test_what_only_a_quotation_asks_for_is_tried_and_never_proven() -> None:
    steps = Steps(())
    steps.add(A, FIRST, is_own=False)
    assert steps.applied == (A,)
    assert steps.proven() == []


def test_it_knows_what_was_known_at_the_beginning() -> None:
    steps = Steps((A, B))
    steps.add(C, FIRST, is_own=True)
    assert [steps.was_known(one) for one in (A, C)] == [True, False]


def test_long_words_are_compared_in_a_moment() -> None:
    steps = Steps(())
    began = time.perf_counter()
    for step in (A, B, C):
        steps.add(step, "a" * 8192, is_own=True)
    assert time.perf_counter() - began < 0.1
    assert steps.proven() == [B, C]
