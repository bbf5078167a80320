"""What is known of a host or model before it has refused anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import Adapted
from linx.dialects.adaptation import known
from linx.dialects.adaptation.known import Known, known_beforehand

if TYPE_CHECKING:
    import pytest

A, B = Adapted("a"), Adapted("b")


def test_host_and_model_both_have_to_fit_and_nothing_is_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (Known("api.one.test", "*", (A,)), Known("*.one.test", "o3*", (A, B)))
    monkeypatch.setattr(known, "KNOWN", entries)
    assert known_beforehand("API.one.test", "gpt") == (A,)
    assert known_beforehand("api.one.test", "O3-mini") == (A, B)
    assert known_beforehand("one.test", "o3") == ()
