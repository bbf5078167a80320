"""The bodies that are kept for the dashboard: which, how much of them, and how little memory."""

from __future__ import annotations

from linx.core.kept_bodies import MAX_BODY, MAX_BYTES, MOST_ASKED, MOST_KEPT, Asked, KeptBodies


def asked(attempt: object, body: bytes) -> Asked:
    return Asked(attempt, "p", "m", b"/x", (), body)


def test_a_body_is_referred_to_and_a_large_one_is_cut() -> None:
    bodies = KeptBodies()
    small, large = b"x" * MAX_BODY, b"y" * (MAX_BODY + 1)
    first, second = bodies.keep("/x", "", (), small), bodies.keep("/x", "", (), large)
    assert first.body is small
    assert first.is_whole
    assert (len(second.body), second.size, second.is_whole) == (MAX_BODY, MAX_BODY + 1, False)
    assert bodies.size == 2 * MAX_BODY


def test_only_the_last_requests_are_kept() -> None:
    bodies = KeptBodies()
    kept = [bodies.keep("/x", "", (), b"12345") for _ in range(MOST_KEPT + 3)]
    assert [one.is_forgotten for one in kept] == [True] * 3 + [False] * MOST_KEPT
    assert bodies.size == 5 * MOST_KEPT
    assert (kept[0].body, kept[0].room, kept[0].is_whole) == (b"", 0, False)


def test_all_together_are_bounded_however_large_they_are() -> None:
    bodies = KeptBodies()
    for _ in range(MOST_KEPT):
        kept = bodies.keep("/x", "", (), bytes(MAX_BODY))
        for _ in range(3):
            kept.note_asked(asked(object(), bytes(MAX_BODY)))
    assert MAX_BYTES - 4 * MAX_BODY < bodies.size <= MAX_BYTES
    assert not kept.is_forgotten


def test_of_an_attempt_the_last_body_is_kept() -> None:
    bodies = KeptBodies()
    kept = bodies.keep("/x", "", (), b"")
    attempt, other = object(), object()
    for one, body in ((attempt, b"first"), (other, b"b"), (attempt, b"2nd")):
        kept.note_asked(asked(one, body))
    assert [one.body for one in kept.asked] == [b"b", b"2nd"]
    assert bodies.size == 4


def test_a_request_with_very_many_attempts() -> None:
    bodies = KeptBodies()
    kept = bodies.keep("/x", "", (), b"")
    for _ in range(2 * MOST_ASKED):
        kept.note_asked(asked(object(), b"12"))
    assert len(kept.asked) == MOST_ASKED
    assert bodies.size == 2 * MOST_ASKED


def test_switching_it_off_forgets_all() -> None:
    bodies = KeptBodies()
    kept = bodies.keep("/x", "", (), b"secret")
    kept.note_asked(asked(object(), b"secret"))
    kept.answer += b"secret"
    bodies.apply(is_on=False)
    assert (bodies.is_on, bodies.size, kept.is_forgotten) == (False, 0, True)
    assert not kept.body
    assert not kept.asked
    assert not kept.answer
    kept.note_asked(asked(object(), b"later"))
    assert (kept.asked, bodies.size) == ([], 0)


def test_frames_are_counted_as_they_come() -> None:
    kept = KeptBodies().keep("/x", "", (), b"")
    seen = []
    for piece in (b"data: a\n\n", b"data: b\n", b"\ndata: c\n\n", b""):
        kept.answer += piece
        seen.append(kept.frames(b"\n\n"))
    assert seen == [1, 1, 3, 3]
