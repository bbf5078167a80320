"""Starts the fake provider of the measurements (``benchmarks/go``), which is faster than every proxy."""

from __future__ import annotations

import re
import time
import urllib.request
from typing import TYPE_CHECKING

from benchmarks.processes import Running

if TYPE_CHECKING:
    from pathlib import Path

START_S = 10.0
RESET_S = 5.0
_PORTS = re.compile(r"listening on (\d+) and (\d+)")


class Provider:
    """A running provider: a port in plain text, and one behind TLS whose certificate is in a file."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        self.process = Running([str(program), "provider", str(self.certificate)], folder / "provider.txt")
        deadline = time.monotonic() + START_S
        while (found := _PORTS.search(self.process.output())) is None:
            if time.monotonic() > deadline or not self.process.is_alive:
                self.process.stop()
                raise RuntimeError(f"the provider did not start: {self.process.output()}")
            time.sleep(0.005)
        self.port, self.tls_port = map(int, found.groups())

    def url(self, *, is_tls: bool = False) -> str:
        return f"https://127.0.0.1:{self.tls_port}" if is_tls else f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """End all answers under way, since the measurement that asked for them is over."""
        urllib.request.urlopen(self.url() + "/reset", timeout=RESET_S).read()
