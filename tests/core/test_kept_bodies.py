"""The bodies that are kept for the dashboard: which, how much of them, and how little memory."""

from __future__ import annotations

import pytest

from linx.core.kept_bodies import MAX_BODY, MAX_LARGE, MOST_ASKED, MOST_KEPT, SMALL, Beginning, Kept, KeptBodies


class Answer:
    def __init__(self) -> None:
        self.kept: Kept | None = None


class Record:
    """The parts of a request's record that are looked at."""

    def __init__(self) -> None:
        self.kept: Kept | None = None
        self.answer: Answer | None = Answer()


def keep(bodies: KeptBodies, body: bytes = b"") -> Record:
    record = Record()
    assert record.answer is not None
    bodies.keep(record, record.answer, "/x", "", (), body)
    return record


def kept_in(record: Record) -> Kept:
    assert record.kept is not None
    return record.kept


def asked(body: bytes) -> Beginning:
    return Beginning(b"/x", (), body, len(body))


def test_a_body_is_referred_to_and_a_large_one_is_cut() -> None:
    bodies = KeptBodies()
    tiny, small, large = b"x" * SMALL, b"x" * MAX_BODY, b"y" * (MAX_BODY + 1)
    first, second, third = (kept_in(keep(bodies, body)) for body in (tiny, small, large))
    assert first.body is tiny
    assert second.body is small
    assert (second.is_whole, bodies.large) == (True, 2 * MAX_BODY)
    assert (len(third.body), third.size, third.is_whole) == (MAX_BODY, MAX_BODY + 1, False)


def test_only_the_last_requests_are_kept_and_an_old_one_gets_no_more() -> None:
    bodies = KeptBodies()
    records = [keep(bodies, bytes(SMALL + 1)) for _ in range(MOST_KEPT + 3)]
    assert [record.kept is None for record in records] == [True] * 3 + [False] * MOST_KEPT
    assert [record.answer and record.answer.kept for record in records[:3]] == [None] * 3
    assert bodies.large == MOST_KEPT * (SMALL + 1)
    records[3].answer = None  # it is over
    keep(bodies)
    assert records[3].kept is None


def test_all_together_are_bounded_however_large_they_are() -> None:
    bodies = KeptBodies()
    for _ in range(MOST_KEPT):
        last = keep(bodies, bytes(MAX_BODY))
        for _ in range(3):
            kept_in(last).note_asked(object(), asked(bytes(MAX_BODY + 1)), is_stream=False)
    assert MAX_LARGE - 4 * MAX_BODY < bodies.large <= MAX_LARGE
    assert [len(one.body) for _attempt, one in kept_in(last).asked] == [MAX_BODY] * 3


def test_of_an_attempt_the_last_body_is_kept() -> None:
    kept = kept_in(keep(KeptBodies()))
    attempt, other = object(), object()
    for one, body in ((attempt, b"first"), (other, b"b"), (attempt, b"2nd")):
        kept.note_asked(one, asked(body), is_stream=False)
    assert [one.body for _attempt, one in kept.asked] == [b"b", b"2nd"]


def test_a_request_with_very_many_attempts() -> None:
    bodies = KeptBodies()
    kept = kept_in(keep(bodies))
    for _ in range(2 * MOST_ASKED):
        kept.note_asked(object(), asked(bytes(SMALL + 1)), is_stream=False)
    assert len(kept.asked) == MOST_ASKED
    assert bodies.large == MOST_ASKED * (SMALL + 1)


def test_a_body_that_is_relayed_as_it_comes_is_not_held() -> None:
    kept = kept_in(keep(KeptBodies()))
    sending = asked(b"")
    kept.note_asked(object(), sending, is_stream=True)
    [(_attempt, one)] = kept.asked
    assert one is not sending
    assert isinstance(one, Beginning)
    assert one.size is None


@pytest.mark.parametrize("is_over", [False, True], ids=["it runs", "it is over"])
def test_switching_it_off_forgets_all(is_over: bool) -> None:
    bodies = KeptBodies()
    record = keep(bodies, bytes(MAX_BODY))
    answer = record.answer
    if is_over:
        record.answer = None
    bodies.apply(is_on=False)
    assert (bodies.is_on, bodies.large, record.kept) == (False, 0, None)
    assert is_over or (answer is not None and answer.kept is None)


def test_frames_are_counted_as_they_come() -> None:
    kept = kept_in(keep(KeptBodies()))
    seen = []
    for piece in (b"data: a\n\n", b"data: b\n", b"\ndata: c\n\n", b""):
        kept.answer += piece
        seen.append(kept.frames(b"\n\n"))
    assert seen == [1, 1, 3, 3]
