"""The fake provider in Python, for measurements that must run where there is no Go (viewers, readers)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from benchmarks.prompts import Plan
from benchmarks.setting import ROOT

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


def _answer(port: int, path: str, plan: Plan, *, stream: bool = True) -> bytes:
    body = json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": plan.words}]}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", body, timeout=10) as answer:
        data: bytes = answer.read()
    return data


@pytest.mark.parametrize("burst", [1, 2, 7])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_every_frame_asked_for_arrives(port: int, path: str, burst: int) -> None:
    assert _answer(port, path, Plan(5, burst=burst)).count(b"@") == 5


def test_paced_frames_keep_their_pace(port: int) -> None:
    begun = time.monotonic()
    _answer(port, "/v1/chat/completions", Plan(10, interval_us=2000))
    assert time.monotonic() - begun >= 9 * 0.002


def test_a_whole_answer(port: int) -> None:
    assert b'"message"' in _answer(port, "/v1/chat/completions", Plan(2), stream=False)
