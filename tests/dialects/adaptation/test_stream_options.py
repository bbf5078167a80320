"""The options of a stream."""

from __future__ import annotations

import pytest

from tests.dialects.adaptation.help import step


@pytest.mark.parametrize(
    "words",
    [
        b"unknown field stream_options",
        b"'StreamOptions' object is not supported",
        b"include_usage is not allowed",
        b"Extra inputs are not permitted",
        b"Unrecognized request argument supplied",
        b"got an unexpected keyword argument",
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_stream_options_are_left_out_also_where_the_words_are_vague(words: bytes, status: int) -> None:
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    assert step(body, words, status) == "stream_options"


@pytest.mark.parametrize("words", [b"internal server error", b"bad request", b"model not supported", b"overloaded"])
def test_but_not_where_they_say_nothing_of_a_field(words: bytes) -> None:
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    assert step(body, words, 500) is None
