"""The child process of ``--demo``: a llama.cpp server.

It is started as a file, so it can import nothing of the package. The key comes as the first
line on standard input, since a process list would show it on a command line. After that,
standard input is the leash: Linx keeps the other end open, and when it closes, because Linx
has ended in any way, this process ends.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any

N_SLOTS = 4
N_CTX = 8192  # tokens of context, shared by all slots: a single request may use all of them
N_PREDICT = 512  # tokens of an answer for requests without a limit, since a small model may repeat itself for ever
MAX_THREADS = 8  # with more threads a small model gets slower


def main(argv: list[str]) -> int:
    """The arguments are ``MODEL PORT``. Serves until the leash closes; returns only if it cannot serve."""
    model, port = argv
    line = sys.stdin.readline()
    if not line:
        return 1  # Linx ended before it had sent the key
    key = line.strip()
    tie(sys.stdin.fileno())
    # Imported after ``tie``, so that this process ends with Linx even during the import.
    from xllamacpp import CommonParams, Server

    try:
        # The constructor returns when the model is loaded; until then /health answers 503.
        _server = Server(configure(CommonParams(), model, int(port), key))
    except RuntimeError as error:
        print(f"llama.cpp cannot serve {model}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - Linx reads it
        return 1
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)  # an ordinary exit would wait for the server's threads, which wait for requests


def tie(fd: int) -> None:
    """Make the kernel end this process when the pipe ``fd`` closes, even while the model loads.

    The kernel sends SIGIO, which ends a process that does not catch it. PR_SET_PDEATHSIG
    cannot be used: it watches the thread that forked, and trio forks in a worker thread that
    ends after some seconds.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        # Linx sends nothing more, so a readable pipe has been closed: before SIGIO was requested.
        if select.select([fd], [], [], 0)[0]:
            os._exit(0)


def configure(params: Any, model: str, port: int, key: str) -> Any:
    """``params`` with the settings of the demo's server."""
    params.model.path = model
    params.model_alias = {os.path.splitext(os.path.basename(model))[0]}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key]
    params.n_parallel = N_SLOTS
    params.n_ctx = N_CTX
    params.kv_unified = True
    params.n_predict = N_PREDICT
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors
    threads = n_threads(_cores())
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    return params


def n_threads(cores: int) -> int:
    """One or two cores are all used (two generate 1.5 times as fast as one); of more cores one is left for Linx."""
    return max(1, min(cores if cores <= 2 else cores - 1, MAX_THREADS))


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
