"""A real llama.cpp with the tiny model, in a process of its own, for tests that ask it through a Linx."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.children.demo import child as demo_child
from tests.fakes.provider import closed_port
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "llama-key"


@dataclass(frozen=True)
class LlamaCpp:
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def config(self, **settings: Any) -> dict[str, Any]:
        """A Linx config with it as the only provider; its model is called ``tiny``."""
        provider = {"kind": "llamacpp", "endpoint": self.endpoint, "api_key": KEY, **settings}
        sections: dict[str, Any] = {name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")}
        return {**sections, "providers": {"llama": provider}, "server": {"port": 0}}


_EVERYTHING = """
import runpy, sys
child = runpy.run_path(sys.argv.pop(1))
configure = child["configure"]
def with_everything(*given):
    params = configure(*given)
    params.embedding = params.endpoint_slots = True
    return params
child["main"].__globals__["configure"] = with_everything
sys.exit(child["main"](sys.argv[1:]))
"""
"""The demo's server with ``--embeddings`` and ``--slots``."""


@contextlib.contextmanager
def running(model: Path, *, everything: bool = False) -> Iterator[LlamaCpp]:
    """Start it, wait until it has loaded the model, and end it. ``everything``: with paths that are off by default."""
    llama = LlamaCpp(closed_port())
    program = ["-c", _EVERYTHING, demo_child.__file__] if everything else ["-P", demo_child.__file__]
    process = subprocess.Popen(
        [sys.executable, *program, str(model), str(llama.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdin is not None
        if sys.platform == "linux":
            # The server starts a thread for each core that it may use. Two threads spin while they wait for each other,
            # which takes ten times the CPU on a busy machine. The child counts its cores after it has read the key.
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        process.stdin.write(KEY.encode() + b"\n")
        process.stdin.flush()
        give_up_at = time.monotonic() + HANG_S
        while not _is_up(llama):
            assert process.poll() is None, "llama.cpp ended at its start"
            assert time.monotonic() < give_up_at, "llama.cpp did not come up"
            time.sleep(0.05)
        yield llama
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _is_up(llama: LlamaCpp) -> bool:
    try:
        with urllib.request.urlopen(f"{llama.endpoint}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
