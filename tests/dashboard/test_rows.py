"""The row of a request: its fields, its times, and how many tokens have come so far."""

from __future__ import annotations

import pytest

from linx.core.chat import Usage
from linx.core.kept_bodies import KeptBodies
from linx.core.redaction import Redactor
from linx.core.telemetry import AttemptRecord
from linx.dashboard.rows import MAX_NAMES, Rows, has_body, streamed
from tests.dashboard.records import Sending, record, saves_nothing

SECRET = "linx-key-0123456789"
FIELDS = {
    *("id", "started_at", "phase", "method", "path", "model", "served_model", "provider", "attempts", "not_asked"),
    *("status", "first_token_ms", "duration_ms", "tokens", "cost_usd", "saved_usd", "face", "client", "key", "local"),
    *("outcome", "queue", "replay_of"),
}


def rows() -> Rows:
    redactor = Redactor()
    redactor.add(SECRET)
    return Rows(redactor, saves_nothing)


def test_a_row_has_the_fields_of_the_contract() -> None:
    one = record()
    one.attempts = [AttemptRecord("ollama", "m", 100.25, 100.5, "reset", asked=100.3), AttemptRecord("b", "m", 100.5)]
    one.attempts[1].first = 100.75
    one.first_token, one.usage, one.cost_usd = 101.0, Usage(3, 4), 0.5
    shown = rows().row(one)
    assert set(shown) == FIELDS
    assert set(rows().whole(one)) == FIELDS | {"streamed", "bytes", "has_body"}
    first, second = shown["attempts"]
    assert first == {
        "provider": "ollama",
        "model": "m",
        "started_ms": 250.0,
        "asked_ms": 300.0,
        "first_ms": None,
        "ended_ms": 500.0,
        "outcome": "reset",
        "is_hedge": False,
        "local": True,
        "adapted": [],
    }
    assert (second["first_ms"], second["ended_ms"], second["outcome"]) == (750.0, None, None)
    assert (shown["first_token_ms"], shown["duration_ms"]) == (1000.0, None)
    assert shown["tokens"] == {"prompt": 3, "completion": 4, "cached": None}
    one.ended = 101.5
    assert rows().row(one)["duration_ms"] == 1500.0


def test_a_key_in_a_name_is_not_shown() -> None:
    one = record(path=f"/k/{SECRET}/v1", served_model=SECRET)
    one.model = f"m {SECRET}"
    one.attempts = [AttemptRecord("p", SECRET, 100.0)]
    made = rows()
    assert SECRET not in str(made.row(one))
    one.model = "sk-or-v1-0123456789abcdef"
    assert "0123456789abcdef" not in str(made.row(one))


def test_a_key_that_becomes_known_later() -> None:
    redactor = Redactor()
    made = Rows(redactor, saves_nothing)
    assert made.clean(SECRET) == SECRET
    redactor.add(SECRET)
    assert SECRET not in made.clean(SECRET)


def test_remembered_names_are_bounded() -> None:
    made = rows()
    for number in range(3 * MAX_NAMES):
        made.clean(str(number))
    assert len(made._cleaned) <= MAX_NAMES


@pytest.mark.parametrize(
    ("face", "frame"),
    [("openai", b"data: x\n\n"), ("ollama", b'{"message":{}}\n'), ("anthropic", b"event: y\ndata: x\n\n")],
)
def test_tokens_so_far_are_frames(face: str, frame: bytes) -> None:
    one = record(face=face, is_streamed=True)
    one.answer = Sending(2, 10 * len(frame))  # ten frames in two sends, of which five are kept
    assert streamed(one) == 2
    KeptBodies().keep(one, one.answer, "/x", "", (), b"body")
    assert one.kept is not None
    one.kept.answer += 5 * frame
    assert streamed(one) == 10
    assert has_body(one)
    one.usage = Usage(1, 9)
    assert streamed(one) == 9


def test_tokens_so_far_of_an_answer_that_is_collected_are_reads() -> None:
    one = record(reads=7)
    assert streamed(one) == 7
    one.answer = Sending(1, 500)
    assert streamed(one) == 7


def test_of_an_answer_that_was_cut_short_the_estimate_stays() -> None:
    one = record(sends=12, bytes_sent=1200, is_streamed=True, ended=101.0)
    assert streamed(one) == 12
    assert rows().whole(one)["bytes"] == 1200


def test_a_name_does_not_look_like_another() -> None:
    """Marks of writing direction turn round what follows them, and a control character may do anything."""
    one = record(model="gpt\u202e5-3newq", served_model="a\x1b[2Jb", path="/v1/\u2066x")
    row = rows().whole(one)
    assert (row["model"], row["served_model"], row["path"]) == ("gpt\\u202e5-3newq", "a\\x1b[2Jb", "/v1/\\u2066x")
