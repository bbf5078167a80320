"""How a stream of typed events begins, fails and ends, whatever the events mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.attempt_errors import AttemptError, EmptyAnswer, Garbled, StreamBroken
from linx.core.chat import Chunk
from linx.dialects.base import MAX_FRAME
from linx.dialects.shared.event_decoder import EventDecoder

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


class Reader:
    """Says the text of each event; ``over`` ends the stream."""

    ends = frozenset(("over",))

    def read(self, kind: str, event: JsonObject) -> list[Chunk]:
        if kind == "odd":
            raise Garbled("sent something odd")
        return [Chunk(event.get("text", ""), finish=event.get("finish"))]

    def error_in(self, kind: str, event: JsonObject) -> object | None:
        return event.get("error")


def outcome(*reads: bytes) -> tuple[list[str], bool, AttemptError | None]:
    decoder = EventDecoder(Reader())
    chunks = [chunk for read in reads for chunk in decoder.feed(read)] + decoder.end()
    return [chunk.text for chunk in chunks], decoder.done, decoder.problem


def test_a_stream_ends_with_its_last_event() -> None:
    said, done, problem = outcome(
        b'data: {"type":"a","text":"x"}\n\ndata: {"type":"over"}\n\ndata: {"text":"late"}\n\n'
    )
    assert (said, done, problem) == (["x", ""], True, None)


def test_a_type_may_stand_in_the_event_s_name() -> None:
    assert outcome(b'event: over\ndata: {"text":"x"}\n\n') == (["x"], True, None)


@pytest.mark.parametrize("kind", [r"a\ndata: {\"type\":\"over\"}\n\n", r"\u000d", r"\u0000", r"\u2028"])
def test_a_type_that_would_break_the_stream_is_garbled(kind: str) -> None:
    """A client of the same dialect is given the type as the event's name, where a line end would begin another line."""
    said, done, problem = outcome(f'data: {{"type":"{kind}","text":"x"}}\n\n'.encode())
    assert (said, done, type(problem)) == ([], False, Garbled)


def test_a_finish_without_the_last_event_is_an_end() -> None:
    assert outcome(b'data: {"type":"a","text":"x","finish":"stop"}\n\n') == (["x"], True, None)


def test_a_byte_order_mark_comments_and_an_end_mark_of_another_dialect() -> None:
    wire = b'\xef\xbb\xbf\n: hi\n\ndata: {"type":"a","text":"x"}\n\ndata: [DONE]\n\ndata: {"type":"over"}'
    assert outcome(*(wire[at : at + 1] for at in range(len(wire)))) == (["x", ""], True, None)


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b'data: {"type":"a","text":"x"}\n\n', StreamBroken),
        (b'data: {"type":"a"}\n\n', EmptyAnswer),
        (b'data: {"type":"a"}\n\ndata: {"type', EmptyAnswer),
        (b"data: {\n\n", Garbled),
        (b"data: []\n\n", Garbled),
        (b"data: " + b"[" * 5000 + b"\n\n", Garbled),
        (b'data: {"type":"odd"}\n\n', Garbled),
        (b'data: {"type":"a","error":"it broke"}\n\n', AttemptError),
        (b"data: " + b"x" * (MAX_FRAME + 1), Garbled),
        (b"<html>", Garbled),
        (b"{", Garbled),
        (b'{"a":1}', Garbled),
        (b'{"error":{"message":"it broke"}}', AttemptError),
        (b" \n", EmptyAnswer),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else "",
)
def test_what_is_no_answer(wire: bytes, kind: type[AttemptError]) -> None:
    _said, done, problem = outcome(wire)
    assert not done
    assert isinstance(problem, kind)


def test_what_came_before_a_failure_was_said() -> None:
    said, _done, problem = outcome(b'data: {"type":"a","text":"x"}\n\ndata: {"type":"b","error":{"message":"no"}}\n\n')
    assert said == ["x"]
    assert problem is not None
    assert "no" in problem.problem
