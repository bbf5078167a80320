"""The child by itself: its leash, and what it asks llama.cpp for."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import xllamacpp

from linx.children.demo import child as demo_child

ROOT = Path(__file__).parents[3]


def start(model: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", demo_child.__file__, str(model), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_the_leash_ends_a_child_that_is_busy() -> None:
    code = "import time\nfrom linx.children.demo import child\nchild.tie(0)\nprint('tied', flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"tied\n"
        child.stdin.close()
        assert child.wait(10) == -signal.SIGIO


def test_a_leash_that_is_cut_already_ends_it_too(tiny_model: Path) -> None:
    with start(tiny_model, 1) as child:
        child.communicate(b"key\n", timeout=10)
    assert child.returncode in (0, -signal.SIGIO)  # seen by itself, or by the kernel


def test_without_a_key_it_does_not_begin(tiny_model: Path) -> None:
    with start(tiny_model, 1) as child:
        output, _ = child.communicate(b"", timeout=10)
    assert (child.returncode, output) == (1, b"")


def test_a_taken_port_is_said(tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, start(tiny_model, other.getsockname()[1]) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"key\n")
        child.stdin.flush()
        assert b"couldn't bind" in child.stdout.read()
        assert child.wait(10) == 1


def test_only_this_machine_and_only_with_the_key_is_served() -> None:
    params = demo_child.configure(xllamacpp.CommonParams(), "/models/tiny.q4.gguf", 1234, "key")
    assert params.hostnames == ["127.0.0.1"]
    assert params.port == 1234
    assert params.api_keys == ["key"]
    assert params.model.path == "/models/tiny.q4.gguf"
    assert params.model_alias == {"tiny.q4"}
    assert not params.ui
    assert not params.endpoint_slots
    assert params.n_parallel == demo_child.N_SLOTS
    assert params.cpuparams.n_threads >= 1


def test_threads_leave_room_for_linx() -> None:
    assert [demo_child.n_threads(cores) for cores in (1, 2, 3, 4, 64)] == [1, 2, 2, 3, 8]
