from __future__ import annotations

import pytest

from linx.dialects.failures.conditions import AUTH, FAILED
from linx.dialects.failures.reading import read_value
from linx.dialects.failures.rules import RULES, Rule

LABELLED = {"message": "no", "type": "Some_Label"}


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule(FAILED), False),
        (Rule(FAILED, labels=frozenset(("some_label", "x"))), True),
        (Rule(FAILED, labels=frozenset(("label",))), False),
        (Rule(FAILED, words=("x", "no")), True),
        (Rule(FAILED, words=("some_label",)), False),
        (Rule(FAILED, is_met=lambda reading: reading.texts == ["no"]), True),
        (Rule(FAILED, words=("no",), statuses=frozenset((400, None))), True),
        (Rule(FAILED, words=("no",), statuses=frozenset((None,))), False),
        (Rule(FAILED, words=("no",), never=frozenset((400,))), False),
    ],
    ids=["nothing", "label", "part of a label", "words", "a label is no word", "test", "status", "no status", "never"],
)
def test_a_rule_fits_by_label_words_or_test_within_its_statuses(rule: Rule, fits: bool) -> None:
    assert rule.fits(read_value(LABELLED), 400) is fits


def test_the_words_of_rules_are_in_lower_case() -> None:
    for rule in RULES:
        assert [*rule.words, *rule.labels] == [text.lower() for text in (*rule.words, *rule.labels)]


def test_a_rejected_key_is_known_by_its_words() -> None:
    reading = read_value({"message": "Incorrect API key provided", "code": "x"})
    assert next(rule.condition for rule in RULES if rule.fits(reading, 403)) is AUTH
    assert not any(rule.fits(reading, 500) for rule in RULES)
