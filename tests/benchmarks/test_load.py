"""The load generator: it counts, takes answers however they are cut, and says what is wrong with them."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from benchmarks import load, prompts
from benchmarks.load import Job, LoadError
from benchmarks.prompts import Plan
from benchmarks.setting import CHAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.provider import Provider

STAMP = b"@1700000000000000000"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _request(port: int, plan: Plan, *, stream: bool = True) -> bytes:
    return prompts.http(port, CHAT, prompts.chat(plan, stream=stream))


@contextlib.contextmanager
def _answering(pieces: Sequence[bytes], *, closes: bool = False) -> Iterator[int]:
    """A server that answers each request with these writes."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _address = server.accept()
                    with connection:
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        while connection.recv(65536):
                            for piece in pieces:
                                connection.sendall(piece)
                            if closes:
                                break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def test_it_counts_requests_and_frames_and_their_delays(program: Path, provider: Provider) -> None:
    job = Job(provider.port, [_request(provider.port, Plan(5))], 3, frames=5, least=6)
    moments: list[str] = []
    seen = load.run(program, job, on_start=lambda: moments.append("start"), on_end=lambda: moments.append("end"))
    assert seen.requests >= 6
    assert seen.frames == 5 * seen.requests
    assert 0 < seen.delays.p50 <= seen.delays.p99 <= seen.delays.max < 10_000_000_000
    assert 0 < seen.firsts.p50 <= seen.wholes.max
    assert moments == ["start", "end"]


def test_new_connections_and_a_pace(program: Path, provider: Provider) -> None:
    request = _request(provider.port, Plan(2), stream=False)
    job = Job(provider.port, [request], 1, frames=2, least=4, is_fresh=True, every_s=0.01)
    seen = load.run(program, job)
    assert seen.requests == 4
    assert seen.window_ns > 3 * 10_000_000


def test_streams_that_last_longer_than_the_measurement(program: Path, provider: Provider) -> None:
    request = _request(provider.port, Plan(10_000, interval_us=5000))
    seen = load.run(program, Job(provider.port, [request], 4, 0.2, is_endless=True))
    assert seen.requests == 4
    assert 80 < seen.frames < 320  # 160, and room for a busy machine


@pytest.mark.parametrize(
    ("pieces", "closes"),
    [
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n" + STAMP], False),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", STAMP[:7], STAMP[7:]], True),
        ([CHUNKED + b"7;x=1\r\n" + STAMP[:7], b"\r\nd\r\n" + STAMP[7:], b"\r\n0\r\nt: 1\r\n\r\n"], False),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n", STAMP], False),
    ],
    ids=["length", "until-close", "rechunked-within-a-stamp", "continue-first"],
)  # fmt: skip
def test_answers_however_they_are_cut(program: Path, pieces: list[bytes], closes: bool) -> None:
    with _answering(pieces, closes=closes) as port:
        seen = load.run(program, Job(port, [b"GET / HTTP/1.1\r\n\r\n"], frames=1, least=3))
    assert seen.requests == seen.frames == 3


@pytest.mark.parametrize(
    ("pieces", "closes", "problem"),
    [
        ([b"HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nwhy!"], False, "status 500: why!"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnone"], False, "0 frames instead of 1"),
        ([CHUNKED + b"14\r\n" + STAMP + b"\r\n"], True, "breaks off"),
        ([b"nonsense\r\n"], False, "no status line"),
    ],
    ids=["status", "frames-missing", "torn", "no-http"],
)
def test_what_ends_a_measurement(program: Path, pieces: list[bytes], closes: bool, problem: str) -> None:
    with _answering(pieces, closes=closes) as port, pytest.raises(LoadError, match=problem):
        load.run(program, Job(port, [b"GET / HTTP/1.1\r\n\r\n"], frames=1))


def test_a_kept_connection_that_was_closed_is_opened_again(program: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n" + STAMP
    with _answering([answer], closes=True) as port:
        seen = load.run(program, Job(port, [b"GET / HTTP/1.1\r\n\r\n"], frames=1, least=3, every_s=0.01))
    assert seen.requests == 3


def test_a_new_connection_without_an_answer_is_none(program: Path) -> None:
    with _answering([], closes=True) as port, pytest.raises(LoadError, match="no answer"):
        load.run(program, Job(port, [b"GET / HTTP/1.1\r\n\r\n"], frames=1))


def test_patience_ends(program: Path) -> None:
    with _answering([b"HTTP/1.1 200 OK\r\n"]) as port, pytest.raises(LoadError, match="not over after 0 s"):
        load.run(program, Job(port, [b"GET / HTTP/1.1\r\n\r\n"], patience_s=0.2))


def test_one_request_without_the_load_generator() -> None:
    with _answering([b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n" + STAMP]) as port:
        assert load.once(port, b"GET / HTTP/1.1\r\n\r\n") == STAMP
    with _answering([b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno"]) as port, pytest.raises(LoadError, match="404"):
        load.once(port, b"GET / HTTP/1.1\r\n\r\n")
