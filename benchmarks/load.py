"""The load: what the load generator of ``benchmarks/go`` is asked for, and what it saw.

A frame's text is ``@`` and the time at which it left the provider, so its delay is known on arrival. The delay includes
the time in provider and load generator, so every measurement is also made without a proxy. An answer whose status is
not 200, or that lacks a frame, ends the measurement.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import subprocess
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PATIENCE_S = 20.0  # for streams to begin, and for single answers
SPARE_S = 60.0  # after which the load generator itself is given up


class LoadError(Exception):
    """The contender did not answer as it should."""


@dataclass(frozen=True)
class Job:
    """See ``benchmarks/go/load.go``, which has the same fields."""

    port: int
    requests: Sequence[bytes]
    connections: int = 1
    seconds: float = 0.0
    frames: int = 0
    least: int = 0
    patience_s: float = PATIENCE_S
    is_endless: bool = False
    gap_s: float = 0.0
    settle_s: float = 0.0
    is_fresh: bool = False
    every_s: float = 0.0
    is_cold: bool = False


@dataclass(frozen=True)
class Spread:
    """Of times, in nanoseconds."""

    p50: int = 0
    p99: int = 0
    max: int = 0


@dataclass(frozen=True)
class Seen:
    """What the clients saw. Times are in nanoseconds."""

    requests: int = 0
    frames: int = 0
    window_ns: int = 0
    firsts: Spread = field(default_factory=Spread)
    """From a request to its first frame."""
    wholes: Spread = field(default_factory=Spread)
    """From a request to the end of its answer."""
    delays: Spread = field(default_factory=Spread)
    """Of frames, from the provider to the client."""


def _nothing() -> None:
    pass


def run(
    program: Path, job: Job, *, on_start: Callable[[], None] = _nothing, on_end: Callable[[], None] = _nothing
) -> Seen:
    """Do a job; the functions are called right before and right behind the measurement. Raises LoadError."""
    asked = {**asdict(job), "requests": [base64.b64encode(request).decode() for request in job.requests]}
    with subprocess.Popen(
        [str(program), "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watch = threading.Timer(job.seconds + 2 * job.patience_s + SPARE_S, process.kill)
        watch.start()
        try:
            process.stdin.write(jsontext.dumps(asked) + b"\n")
            process.stdin.flush()
            moments = {b"begin\n": on_start, b"end\n": on_end}
            while (moment := moments.get(line := process.stdout.readline())) is not None:
                moment()
                process.stdin.write(b"go on\n")
                process.stdin.flush()
            if not line:
                raise LoadError(f"the load generator ended: {process.stderr.read().decode()[-500:]}")
            result = jsontext.loads(line)
        except BrokenPipeError:
            raise LoadError(f"the load generator ended: {process.stderr.read().decode()[-500:]}") from None
        finally:
            watch.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    if result["problem"]:
        raise LoadError(result["problem"])
    firsts, wholes, delays = (Spread(**result[name]) for name in ("firsts", "wholes", "delays"))
    return Seen(result["requests"], result["frames"], result["window_ns"], firsts, wholes, delays)


def once(port: int, request: bytes, timeout_s: float = PATIENCE_S) -> bytes:
    """Send one request and read its answer, without the load generator. Raises LoadError or OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as sock:
        sock.sendall(request)
        answer = http.client.HTTPResponse(sock)
        try:
            answer.begin()
            body = answer.read()
        except http.client.HTTPException as error:
            raise LoadError(f"{type(error).__name__}: {error}") from None
    if answer.status != 200:
        raise LoadError(f"status {answer.status}: {body[:300]!r}")
    return body
