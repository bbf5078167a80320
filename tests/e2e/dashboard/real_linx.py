"""A real Linx with two fake providers, as a process beside the browser: ``with real_linx(folder) as linx: linx.url``.

What a provider answers stands in the prompt: ``slow`` streams until it is cancelled, ``fail`` fails at the local
provider, anything else is answered at once. The process ends with the test.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from tests.e2e.linx_process import ROOT, config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

LIMITED = "-limited"
"""What stands behind the key in a second key, which may ask models only."""
SLOW = Answer(tokens=["word "] * 3000, interval_s=0.02)


@dataclass(frozen=True)
class RealLinx:
    url: str
    key: str

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"content-type": "application/json", "user-agent": "cursor/1.0"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def chat(self, prompt: str, model: str = "m") -> Any:
        return self.post("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": prompt}]})


@contextlib.contextmanager
def real_linx(folder: Path, *, key: str = "") -> Iterator[RealLinx]:
    command = [sys.executable, "-m", "tests.e2e.dashboard.real_linx", str(folder), key]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline().decode().split()
            assert ready, "Linx ended at its start"
            yield RealLinx(ready[-1], key)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            finally:
                process.kill()


def local(exchange: Exchange) -> Reply | None:
    body = exchange.body.decode(errors="replace")
    if "fail" in body:
        return Whole(500, b'{"error": {"message": "the model crashed"}}')
    return SLOW if "slow" in body else None


def remote(exchange: Exchange) -> Reply | None:
    return SLOW if b"slow" in exchange.body else None


async def main(folder: str, key: str) -> None:
    async with FakeProvider("ollama", ["m", "qwen3:8b"]) as home, FakeProvider("openai", ["m", "gpt-4o"]) as away:
        home.rule, away.rule = local, remote
        limited = {"name": "limited", "key": f"{key}{LIMITED}", "local_only": True}
        server: dict[str, Any] = {"api_key": [key, limited]} if key else {}
        price = {"prompt": 2.0, "completion": 8.0}
        providers = {"home": {"local": True}, "away": {"local": False, "price": price}}
        config = config_for(home, away, names=("home", "away"), server=server, providers=providers)
        async with linx_here(config, Path(folder)):  # it prints where it listens
            await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
