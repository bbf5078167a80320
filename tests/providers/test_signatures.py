"""The signatures of a provider's tool calls."""

from __future__ import annotations

from linx.providers.signatures import KEPT, KEPT_S, Signatures


def test_they_are_kept_for_a_time() -> None:
    signatures = Signatures()
    assert signatures.known(0.0) is None
    signatures.keep("a", "1", 0.0)
    signatures.keep("b", "2", 10.0)
    assert signatures.known(KEPT_S) == {"a": "1", "b": "2"}
    assert signatures.known(KEPT_S + 5) == {"b": "2"}
    signatures.keep("b", "3", KEPT_S)
    assert signatures.known(KEPT_S + 11) == {"b": "3"}
    assert signatures.known(KEPT_S * 3) is None


def test_and_only_so_many() -> None:
    signatures = Signatures()
    for number in range(KEPT + 10):
        signatures.keep(str(number), "x", 0.0)
        signatures.keep("0", "y", 0.0)  # the youngest again
    known = signatures.known(0.0)
    assert known is not None
    assert len(known) == KEPT
    assert known["0"] == "y"
    assert "1" not in known
