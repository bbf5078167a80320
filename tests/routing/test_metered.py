"""The meter: how many tokens were streamed, about, from the size of what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.routing.metered import Metered, StreamMeter

if TYPE_CHECKING:
    from linx.routing.metered import Source

FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
LINE = b'{"model":"m","message":{"role":"assistant","content":"%s"},"done":false}\n'
EVENT = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"%s"}}\n\n'


def tokens(*reads: bytes) -> int:
    meter = StreamMeter()
    for data in reads:
        meter.count(data)
    return meter.tokens


@pytest.mark.parametrize("frame", [FRAME, LINE, EVENT], ids=["sse", "ndjson", "events"])
def test_a_short_frame_is_a_token(frame: bytes) -> None:
    assert tokens(*[frame % b"abcd"] * 10) == 10
    assert tokens((frame % b"abcd") * 10) == 10
    whole = (frame % b"abcd") * 4
    assert tokens(whole[:100], whole[100:]) in (3, 4, 5)


def test_a_long_frame_is_as_many_as_its_text() -> None:
    assert tokens(FRAME % b"abcd", FRAME % (b"abcd" * 50)) == 2 + 49


def test_comments_and_the_end_are_no_tokens() -> None:
    assert tokens(b": OPENROUTER PROCESSING\n\n" * 9, FRAME % b"abcd", b"data: [DONE]\n\n", b"") == 1


def test_nothing_is_nothing() -> None:
    assert tokens() == 0


async def test_what_is_read_is_counted_and_passed_on() -> None:
    class Two:
        is_whole = True
        is_late = False

        def be_patient(self) -> bool:
            return True

        def header(self, name: str) -> str | None:
            return name.upper()

        async def read(self, limit: int = 9) -> bytes:
            return FRAME % b"%d" % limit if limit > 0 else b""

    source: Source = Two()
    meter = StreamMeter()
    metered = Metered(source, meter)
    assert (metered.is_whole, metered.is_late, metered.be_patient(), metered.header("a")) == (True, False, True, "A")
    assert await metered.read(5) == FRAME % b"5"
    assert await metered.read(0) == b""
    assert meter.tokens == 1
