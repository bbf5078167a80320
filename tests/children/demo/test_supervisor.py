"""The embedded model: found, started, supervised, and ended with Linx, whatever ends Linx."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from linx.children import process
from linx.children.demo import supervisor as demo
from linx.children.demo.commands import argv_for_child
from linx.children.demo.supervisor import Demo
from linx.core import jsontext
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = """
import http.server, sys
key = sys.stdin.readline().strip()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        {then}
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def script(code: str) -> Callable[[Path, int], list[str]]:
    return lambda _model, port: [sys.executable, "-c", code, str(port)]


class Watch:
    """Every state of a Demo in order, and a way to wait for one."""

    def __init__(self, model: Path, command: Callable[[Path, int], list[str]] = argv_for_child) -> None:
        self.states: list[str] = []
        self._changed = trio.Event()
        self.demo = Demo(str(model), on_change=self._note, command=command)

    def _note(self) -> None:
        self.states.append(self.demo.state)
        self._changed.set()
        self._changed = trio.Event()

    async def until(self, *states: str) -> None:
        """Wait until the states so far end with these."""
        with trio.fail_after(HANG_S):
            while self.states[-len(states) :] != list(states):
                await self._changed.wait()


async def ask(endpoint: str, head: str, body: bytes = b"") -> bytes:
    """One request; the whole response."""
    received = b""
    async with await trio.open_tcp_stream("127.0.0.1", int(endpoint.rpartition(":")[2])) as stream:
        fields = f"Host: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.send_all(f"{head}\r\n{fields}".encode() + body)
        async for data in stream:
            received += data
    return received


async def test_a_real_model_answers_and_ends_with_linx(tiny_model: Path) -> None:
    watch = Watch(tiny_model)
    embedded = watch.demo
    assert repr(embedded) == "<Demo tiny on port 0: loading>"
    async with trio.open_nursery() as nursery:
        endpoint = await nursery.start(embedded.run)
        assert endpoint == embedded.endpoint
        assert embedded.state == "loading"
        await watch.until("up")
        body = jsontext.dumps({"messages": [{"role": "user", "content": "the fox"}], "max_tokens": 3})
        head = "POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json"
        assert (await ask(endpoint, head, body)).startswith(b"HTTP/1.1 401")
        response = await ask(endpoint, f"{head}\r\nAuthorization: Bearer {embedded.api_key}", body)
        answer = jsontext.loads(response.partition(b"\r\n\r\n")[2])
        assert answer["model"] == embedded.model_name == "tiny"
        assert answer["usage"]["completion_tokens"] == 3
        nursery.cancel_scope.cancel()
    with pytest.raises(OSError, match="connect"):
        await ask(endpoint, "GET /health HTTP/1.1")
    assert embedded.pid is None
    assert embedded.api_key not in repr(embedded)


async def test_a_broken_model_is_named_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.01)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF, or is it?")
    watch = Watch(broken)
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.demo.run)
        await watch.until("loading", "failed", "loading", "failed")
        nursery.cancel_scope.cancel()
    assert watch.demo.last_error is not None
    assert re.fullmatch(r"llama\.cpp ended with code 1: .*version.*", watch.demo.last_error)


async def test_a_child_that_dies_later_is_started_again(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE_S", 0.01)
    # Healthy once, then gone, as soon as the probe has closed its connection.
    then = "import os; self.wfile.flush(); self.rfile.read(); os._exit(3)"
    watch = Watch(tiny_model, script(ANSWERS.format(then=then)))
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.demo.run)
        await watch.until(*["loading", "up", "failed"] * 2)
        nursery.cancel_scope.cancel()
    assert watch.demo.last_error == "llama.cpp ended with code 3"


async def test_a_child_that_cannot_be_started(tiny_model: Path) -> None:
    watch = Watch(tiny_model, lambda _model, _port: ["/nonexistent/python"])
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.demo.run)
        await watch.until("failed")
        nursery.cancel_scope.cancel()
    assert watch.demo.last_error == "cannot start llama.cpp: No such file or directory"


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("sys.stderr.write('x' * 3_000_000 + '\\n' * 100_000 + 'out of memory'); sys.exit(9)", "code 9: out of memory"),
        # A Ctrl-C in the terminal goes to its foreground session, which the child is not in.
        ("sys.stderr.write(f'leads: {os.getsid(0) == os.getpid()}'); sys.exit(1)", "code 1: leads: True"),
        ("sys.stderr.write('0.1 E srv init: no\\n0.2 E srv init: then\\n'); sys.exit(1)", "code 1: init: no"),
    ],
)
async def test_what_a_child_said_last(tiny_model: Path, code: str, end: str) -> None:
    watch = Watch(tiny_model, script(f"import os, sys; {code}"))
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.demo.run)
        await watch.until("failed")
        nursery.cancel_scope.cancel()
    assert watch.demo.last_error == f"llama.cpp ended with {end}"


async def test_progress_is_logged_while_it_loads(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(demo, "PROGRESS_S", 0.0)
    logged = trio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "demo: loading tiny … 0 s":
                logged.set()

    log, listener = logging.getLogger("linx.demo"), Listener()
    log.addHandler(listener)
    caplog.set_level(logging.INFO, "linx.demo")
    watch = Watch(tiny_model, script("import sys; sys.stdin.readline(); sys.stdin.read()"))
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(watch.demo.run)
            await logged.wait()
            nursery.cancel_scope.cancel()
    log.removeHandler(listener)


KILLED = """
import sys, trio
from pathlib import Path
from tests.children.demo.test_supervisor import Watch

async def main():
    watch = Watch(Path(sys.argv[1]))
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.demo.run)
        await watch.until(sys.argv[2])
        print(watch.demo.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="waits on a process that is no child, which only Linux can")
@pytest.mark.parametrize("state", ["up", "loading"])
async def test_the_child_ends_when_linx_is_killed(tiny_model: Path, state: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tiny_model), state],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    with trio.fail_after(HANG_S):
        await trio.lowlevel.wait_readable(child)
    os.close(child)
