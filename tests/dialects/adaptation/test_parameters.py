"""Fields of a body that a provider does not take."""

from __future__ import annotations

from linx.dialects.adaptation.parameters import without


def test_a_field_is_left_out_of_a_copy() -> None:
    body = {"a": 1, "b": 2}
    assert without(body, "a") == {"b": 2}
    assert without(body, "c") is body
    assert body == {"a": 1, "b": 2}
