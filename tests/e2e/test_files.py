"""Out of file descriptors: Linx says so once, tries on without a fuss, and is back when there are some."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes.provider import FakeProvider

if sys.platform != "linux":
    pytest.skip("sets the limit of another process", allow_module_level=True)
import resource

from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.untraced
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NO_MORE = 5  # far fewer than there are, so that no new one is given out, also in place of an old one


def limit(linx: LinxProcess, files: int) -> None:
    _soft, hard = resource.prlimit(linx.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(linx.process.pid, resource.RLIMIT_NOFILE, (files, hard))


def cpu_s(linx: LinxProcess) -> float:
    with open(f"/proc/{linx.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_clients_wait_until_there_are_files_again(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(config_for(fake), tmp_path) as linx:
        limit(linx, NO_MORE)
        before = cpu_s(linx)
        statuses: list[int] = []

        async def one() -> None:
            statuses.append((await ask(linx.port, "/v1/chat/completions", CHAT)).status)

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(one)
            await trio.sleep(1.5)
            assert statuses == []
            assert cpu_s(linx) - before < 0.3
            limit(linx, 1024)
            with trio.fail_after(HANG_S):
                while len(statuses) < 40:
                    await trio.sleep(0.01)
        assert statuses == [200] * 40
        log = linx.log.read_text()
        assert log.count("Cannot accept connections") == 1
        assert "Traceback" not in log


async def test_without_a_file_for_a_provider_the_answer_is_503_and_nobody_is_blamed(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(config_for(fake), tmp_path) as linx:
        async with Client(linx.port) as client:
            await client.send("POST", "/v1/chat/completions", CHAT)
            assert (await client.answer()).status == 200
            fake.down()  # so that no kept connection is left
            await fake.up()
            limit(linx, NO_MORE)
            for _ in range(5):
                await client.send("POST", "/v1/chat/completions", CHAT)
                answer = await client.answer()
                assert answer.status == 503
                assert "file descriptor" in answer.json["error"]["message"]
            limit(linx, 1024)
            await client.send("GET", "/v1/providers/status")
            status = (await client.answer()).json["data"][0]
            assert (status["state"], status["consecutive_failures"]) == ("up", 0)
            await client.send("POST", "/v1/chat/completions", CHAT)
            assert (await client.answer()).status == 200
        assert "Traceback" not in linx.log.read_text()
