"""What is known of a host or model before it has refused anything."""

from __future__ import annotations

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation import known
from linx.dialects.adaptation.known import Known, known_beforehand
from linx.dialects.adaptation.table import BY_NAME

A, B = Adapted("a"), Adapted("b")


def test_host_and_model_both_have_to_fit_and_nothing_is_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (Known("api.one.test", "*", (A,)), Known("*.one.test", "o3*", (A, B)))
    monkeypatch.setattr(known, "KNOWN", entries)
    assert known_beforehand("API.one.test", "gpt") == (A,)
    assert known_beforehand("api.one.test", "O3-mini") == (A, B)
    assert known_beforehand("one.test", "o3") == ()


@pytest.mark.parametrize("entry", known.KNOWN, ids=lambda entry: entry.host)
def test_what_is_known_is_in_the_table(entry: Known) -> None:
    assert {step.name for step in entry.adapted} <= BY_NAME.keys()
    assert entry.host == entry.host.lower()
    assert entry.model == entry.model.lower()
