"""The benchmark's own parts: an upstream that answers, a client that counts, figures that add up."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from benchmarks import charts, dialects, report
from benchmarks.contenders import ROOT
from benchmarks.load import Load, LoadError, Target
from benchmarks.workloads import GROUPS, WORKLOADS, percentile

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.upstream"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().split()[-1])
        finally:
            process.terminate()


@pytest.mark.parametrize("burst", [1, 2, 7])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_every_frame_asked_for_arrives_with_its_delay(port: int, path: str, burst: int) -> None:
    target = Target(port, path)
    with Load(target, 3) as load:
        seen = load.closed_loop(target.request(5, stream=True, burst=burst), 0.0, least=6)
    assert seen.requests >= 6
    assert seen.frames == len(seen.delays) == 5 * seen.requests
    assert all(0 < delay < 10_000_000_000 for delay in seen.delays)


def test_paced_frames_keep_their_pace(port: int) -> None:
    target = Target(port)
    with Load(target, 2) as load:
        seen = load.closed_loop(target.request(10, stream=True, interval_us=2000), 0.0)
    assert all(whole >= 9 * 2_000_000 for whole in seen.wholes)


def test_a_long_body_and_a_whole_answer(port: int) -> None:
    target = Target(port)
    request = target.request(2, stream=False, body_bytes=100_000)
    assert len(request) > 95_000
    with Load(target, 1) as load:
        assert load.closed_loop(request, 0.0).frames == 1


def test_what_is_no_200_ends_the_measurement() -> None:
    with (
        contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server,
        Load(Target(server.getsockname()[1]), 1) as load,
    ):
        accepted, _address = server.accept()
        with accepted:
            accepted.sendall(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")
            with pytest.raises(LoadError, match="500 Oh"):
                load.closed_loop(b"GET / HTTP/1.1\r\n\r\n", 0.0)


def test_ratios_are_taken_round_by_round() -> None:
    result = report.Result(rounds=3)
    for ours, theirs in ((10.0, 5.0), (40.0, 10.0), (9.0, 3.0)):
        result.add("paced", "linx", {"cpu_us_per_frame": ours}, 0.5, 1.0)
        result.add("paced", "nginx", {"cpu_us_per_frame": theirs}, 0.5, 1.0)
    assert result.median("paced", "linx", "cpu_us_per_frame") == 10.0
    assert result.ratio("paced", "linx", "cpu_us_per_frame") == 3.0
    assert "linx" in report.table(result)
    picture = charts.bars("CPU", [("nginx", 5.0, False), ("Linx <&>", 10.0, True)])
    assert ElementTree.fromstring(picture).tag.endswith("svg")


def test_percentiles_and_groups() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(100)), 0.99) == 99
    assert {name for group in GROUPS.values() for name in group} <= set(WORKLOADS)


@pytest.mark.parametrize("provider", dialects.DECODERS)
@pytest.mark.parametrize("client", dialects.FACES)
def test_every_pair_of_dialects_gives_frames(provider: str, client: str) -> None:
    decoding, encoding, size = dialects.microseconds(provider, client, 8, per_read=2)
    assert decoding > 0
    assert encoding > 0
    assert size > 20
