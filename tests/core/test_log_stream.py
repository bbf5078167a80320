"""The log's stream: what is read arrives whole and in order, and what is not read delays nobody."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING

import pytest

from linx.core.log_stream import MAX_WAITING, LogStream, standard_error

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(select, "poll"), reason="needs poll")


@pytest.fixture
def pipe() -> Iterator[tuple[int, LogStream]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        yield reader, LogStream(writer)
    finally:
        os.close(reader)
        os.close(writer)


def read_all(reader: int, stream: LogStream) -> str:
    got = b""
    while True:
        try:
            got += os.read(reader, 65536)
        except BlockingIOError:
            return got.decode()
        stream.flush()


def lines(count: int) -> list[str]:
    return [f"line {number} {'é' * 40}\n" for number in range(count)]


def test_lines_arrive_at_once(pipe: tuple[int, LogStream]) -> None:
    reader, stream = pipe
    stream.write("one\n")
    stream.flush()
    assert os.read(reader, 100) == b"one\n"


def test_a_full_pipe_is_not_waited_for_and_nothing_within_the_bound_is_lost(pipe: tuple[int, LogStream]) -> None:
    reader, stream = pipe
    written = lines(5000)  # half a megabyte; a pipe holds 64 KiB
    for line in written:
        stream.write(line)
        stream.flush()
    assert read_all(reader, stream) == "".join(written)


def test_beyond_the_bound_lines_are_counted(pipe: tuple[int, LogStream]) -> None:
    reader, stream = pipe
    written = lines(20_000)
    for line in written:
        stream.write(line)
        stream.flush()
    got = read_all(reader, stream)
    kept = got.splitlines(keepends=True)
    assert MAX_WAITING <= len(got.encode()) <= MAX_WAITING + 2 * 65536
    assert kept[:-1] == written[: len(kept) - 1]
    assert f"({20_000 - len(kept) + 1} lines of the log are missing here" in kept[-1]


def test_a_reader_that_is_gone_is_no_problem() -> None:
    reader, writer = os.pipe()
    stream = LogStream(writer)
    os.close(reader)
    stream.write("nobody reads this\n")
    stream.flush()
    os.close(writer)
    stream.write("nor this\n")
    stream.flush()


def test_half_a_character_is_written_as_it_can_be(pipe: tuple[int, LogStream]) -> None:
    reader, stream = pipe
    stream.write("\udc80\n")
    stream.flush()
    assert os.read(reader, 100) == b"\\udc80\n"


def test_a_standard_error_without_a_descriptor_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert standard_error() is None
