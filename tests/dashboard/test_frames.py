"""Frames as the library of the tests, which is a client's, reads them."""

from __future__ import annotations

import pytest
import wsproto
from wsproto.events import CloseConnection, TextMessage
from wsproto.frame_protocol import FrameProtocol

from linx.dashboard import frames


def read(data: bytes) -> list[object]:
    protocol = FrameProtocol(client=True, extensions=[])
    protocol.receive_bytes(data)
    return [(frame.opcode, frame.payload, frame.message_finished) for frame in protocol.received_frames()]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_text_of_any_length(size: int) -> None:
    text = "é" + "x" * max(0, size - 2)
    payload = text.encode()[:size] if size > 1 else b"x" * size
    shown = "".join(str(one[1]) for one in read(frames.text(payload)))  # type: ignore[index]
    assert shown == payload.decode()


def test_two_frames_together() -> None:
    client = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)
    client.receive_data(frames.text(b"{}") + frames.text(b"[1]") + frames.close(frames.GOING_AWAY, "bye"))
    told = list(client.events())
    assert [one.data for one in told if isinstance(one, TextMessage)] == ["{}", "[1]"]
    last = told[-1]
    assert isinstance(last, CloseConnection)
    assert (last.code, last.reason) == (1001, "bye")
