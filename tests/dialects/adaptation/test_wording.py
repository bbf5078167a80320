"""How refusals put it."""

from __future__ import annotations

import pytest

from linx.dialects.adaptation.wording import is_refused, names, says_unknown, says_value, words_of
from linx.dialects.failures.meaning import failure


@pytest.mark.parametrize(
    ("words", "is_named"),
    [
        ("top_p is unsupported", True),
        ("'top_p'", True),
        ("`top_p`", True),
        ("body.top_p: extra", True),
        ("topp: unknown", True),
        ("messages.0.top_p: extra", False),
        ("top_p_max", False),
        ("stop_p", False),
        ("my-top_p", False),
    ],
)
def test_a_field_is_named_as_a_word_of_its_own(words: str, is_named: bool) -> None:
    assert names(words, "top_p") is is_named


def test_places_in_pythons_notation_are_read() -> None:
    refusal = failure(400, b"[{'loc': ('body', 'messages', 1, 'top_p'), 'msg': 'Extra inputs are not permitted'}]")
    assert "body.messages.1.top_p" in words_of(refusal)
    assert not is_refused(refusal, "top_p")


def test_the_sentence_that_names_the_field_has_to_refuse_it() -> None:
    assert is_refused(failure(400, b"Bad request. top_p is not supported."), "top_p")
    assert not is_refused(failure(400, b"tools are not supported. You sent top_p 1."), "top_p")
    assert not is_refused(failure(400, b"top_p must be between 0 and 1; other values are not supported"), "top_p")


def test_unknown_and_unexpected_are_not_expected() -> None:
    assert says_unknown("got an unexpected keyword argument")
    assert not says_value("got an unexpected keyword argument")
    assert says_value("expected a number")


@pytest.mark.parametrize(
    ("words", "is_named"),
    [
        ("unrecognized request argument supplied: user", True),
        ("invalid 'user': string too long", True),
        ("body.user: extra inputs are not permitted", True),
        ("user: extra inputs are not permitted", True),
        ("additional properties are not allowed ('user' was unexpected)", True),
        ("extra parameters ['store', 'user'] are not allowed when extra-parameters is not set", True),
        ("messages with role 'user' are not allowed here", False),
        ("expected last role user or tool, but got assistant", False),
        ("only user and assistant roles are supported", False),
        ("body.messages.1.user.name: extra inputs are not permitted", False),
    ],
)
def test_a_field_that_is_called_like_a_role_is_not_the_role(words: str, is_named: bool) -> None:
    assert names(words, "user") is is_named
