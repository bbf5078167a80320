"""The signatures of a provider's tool calls."""

from __future__ import annotations

from linx.providers.signatures import KEPT, KEPT_S, Signatures

ONE, OTHER, THIRD = object(), object(), object()


def test_they_are_kept_for_a_time() -> None:
    signatures = Signatures()
    assert signatures.known(0.0) is None
    signatures.keep("a", "1", 0.0, ONE)
    signatures.keep("b", "2", 10.0, ONE)
    assert signatures.known(KEPT_S) == {"a": "1", "b": "2"}
    assert signatures.known(KEPT_S + 5) == {"b": "2"}
    signatures.keep("b", "3", KEPT_S, ONE)
    assert signatures.known(KEPT_S + 11) == {"b": "3"}
    assert signatures.known(KEPT_S * 3) is None


def test_and_only_so_many() -> None:
    signatures = Signatures()
    for number in range(KEPT + 10):
        signatures.keep(str(number), "x", 0.0, ONE)
        signatures.keep("0", "y", 0.0, ONE)  # the youngest again
    known = signatures.known(0.0)
    assert known is not None
    assert len(known) == KEPT
    assert known["0"] == "y"
    assert "1" not in known


def test_an_id_that_two_answers_have_names_no_call() -> None:
    """Else one client's signature would get into the conversation of another."""
    signatures = Signatures()
    signatures.keep("call_0", "of one", 0.0, ONE)
    signatures.keep("call_1", "of one", 0.0, ONE)
    for answer in (OTHER, THIRD, THIRD):
        signatures.keep("call_0", "of another", 1.0, answer)
        assert signatures.known(1.0) == {"call_0": None, "call_1": "of one"}
    assert signatures.known(KEPT_S + 2) is None
    signatures.keep("call_0", "new", KEPT_S + 2, OTHER)
    assert signatures.known(KEPT_S + 2) == {"call_0": "new"}
