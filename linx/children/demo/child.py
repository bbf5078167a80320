"""The child process of ``--demo``: a llama.cpp server, and nothing of Linx.

Started as a file, so it imports nothing of the package. The model's key comes as the first
line on standard input, where no list of processes shows it. The rest of standard input is
the leash: Linx holds the other end, and when that closes, however Linx ended, this process
ends.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Any

N_SLOTS = 4
N_CTX = 8192  # tokens, one pool for all slots: a single request may use all of it
N_PREDICT = 512  # tokens of an answer, unless a request says otherwise: so small a model may repeat itself for ever
MAX_THREADS = 8  # past that, a small model only gets slower


def main(argv: list[str]) -> int:
    """``MODEL PORT``; serves until the leash is cut. Returns only when it cannot serve."""
    model, port = argv
    line = sys.stdin.readline()
    if not line:
        return 1  # Linx went away before it could say anything
    key = line.strip()
    tie(sys.stdin.fileno())
    # Imported only after the leash holds.
    from xllamacpp import CommonParams, Server

    try:
        # Returns when the model is loaded; /health answers 503 until then.
        _server = Server(configure(CommonParams(), model, int(port), key))
    except RuntimeError as error:
        print(f"llama.cpp cannot serve {model}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - Linx reads it
        return 1
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)  # an ordinary exit would wait for the server's threads, and those wait for requests


def tie(fd: int) -> None:
    """Let the kernel end this process when the pipe closes, even in the middle of loading.

    SIGIO ends a process unless it is caught. PR_SET_PDEATHSIG would not do: it watches the
    thread that forked, and trio forks in a worker thread that goes away after some seconds.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([fd], [], [], 0)[0]:  # closed before the signal was ordered: nothing else makes it readable
            os._exit(0)


def configure(params: Any, model: str, port: int, key: str) -> Any:
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
    """All of one or two cores (two generate 1.5 times as fast as one); else leave one for Linx."""
    return max(1, min(cores if cores <= 2 else cores - 1, MAX_THREADS))


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
