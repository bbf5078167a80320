"""When a provider is asked to close the connection behind a whole answer."""

from __future__ import annotations

from linx.providers.pace import MANY_READS, SHORT_S, Pace


def test_a_provider_is_asked_to_close_after_an_answer_of_many_reads() -> None:
    pace = Pace(may_close=True)
    assert not pace.wants_close
    pace.was_read(MANY_READS - 1)
    assert not pace.wants_close
    pace.was_read(MANY_READS)
    assert pace.wants_close
    pace.was_read(1)
    assert not pace.wants_close


def test_not_where_a_connection_is_dear() -> None:
    pace = Pace(may_close=False)
    pace.was_read(MANY_READS)
    assert not pace.wants_close


def test_not_where_answers_are_short() -> None:
    pace = Pace(may_close=True)
    pace.was_read(MANY_READS)
    pace.was_awaited(SHORT_S, is_late=False)
    assert pace.wants_close
    pace.was_awaited(SHORT_S / 2, is_late=False)
    assert not pace.wants_close


def test_never_again_where_the_connection_stayed_open() -> None:
    pace = Pace(may_close=True)
    pace.was_read(MANY_READS)
    pace.was_awaited(1.0, is_late=True)
    pace.was_read(MANY_READS)
    assert not pace.wants_close
