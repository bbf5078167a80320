"""One line a request on standard error, as text and as JSON, and the same lines from another shell."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from tests.e2e.http_client import Answer, ask
from tests.e2e.linx_process import ROOT, LinxProcess, config_for
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEYS = ["the-first-key-0123", "the-second-key-4567"]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "a prompt that is in no line"}]}
FIELDS = """ts level event id face method path model provider served_model local status outcome first_token_ms
duration_ms prompt_tokens completion_tokens cached_tokens cost_usd client key attempts not_asked"""
AT = r"\d\d:\d\d:\d\d "


def config_of(local: FakeProvider, paid: FakeProvider) -> dict[str, Any]:
    price = {"prompt": 2.5, "completion": 10}
    return config_for(
        local,
        paid,
        names=("home", "paid"),
        providers={
            "home": {"model_mappings": {"gpt-4o": "qwen"}},
            "paid": {"model_mappings": {"gpt-4o": "openai/gpt-4o"}, "local": False, "price": price},
        },
        routing={"cost_optimization": False},
        server={"api_key": KEYS},
    )


async def chat(port: int, key: str = KEYS[0], agent: str = "curl/8.5.0", **fields: Any) -> Answer:
    return await ask(port, "/v1/chat/completions", {**CHAT, **fields}, headers={"x-api-key": key, "user-agent": agent})


async def requests(port: int, local: FakeProvider) -> None:
    """One of every kind, one after the other."""
    await chat(port)
    await chat(port, KEYS[1], "OpenAI/Python 1.99.9", stream=True)
    await chat(port, "a-wrong-key-0123", "Mozilla/5.0 Cursor/1.7")
    await chat(port, model="nobody-has-this")
    await ask(port, f"/k/{KEYS[0]}/v1/nowhere?key=hidden", method="GET")
    await ask(port, "/v1/chat/completions", headers={"x-api-key": KEYS[0]}, method="POST")
    await ask(port, "/v1/messages/count_tokens", {**CHAT, "max_tokens": 9}, headers={"x-api-key": KEYS[0]})
    for quiet in ("/v1/models", "/healthz", "/metrics", "/v1/providers/status", "/linx/requests", "/api/tags"):
        assert (await ask(port, quiet, headers={"x-api-key": KEYS[0]})).status == 200
    local.next(scripted.status(500, "a prompt that is in no line"))
    await chat(port)


LINES = [
    r"gpt-4o → home/qwen  200  \S+ s first  \S+ s  9\+5 tok  \d+ t/s  curl",
    r"gpt-4o → home/qwen  200  \S+ s first  \S+ s  9\+5 tok  \d+ t/s  openai-python",
    r"POST /v1/chat/completions  401  invalid_api_key  cursor",
    r"nobody-has-this  404  model_not_found  curl",
    r"GET /v1/nowhere  404  not_found",
    r"POST /v1/chat/completions  400  invalid_json",
    r"gpt-4o → linx  200",
    r"gpt-4o → paid/openai/gpt-4o ↗  200  \S+ s first  \S+ s  9\+5 tok  \d+ t/s  \$0.000073  curl  \(home: 500\)",
]


async def lines_of(linx: LinxProcess, count: int, mark: str = AT) -> list[str]:
    """The request lines in the log, as soon as there are ``count`` of them."""
    with trio.fail_after(HANG_S):
        while len(lines := [one for one in linx.log.read_text().splitlines() if re.match(mark, one)]) < count:
            await trio.sleep(0.02)
    return lines


def without_wakes(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if re.match(AT, line) and "/wake" not in line]


async def test_one_line_a_request_and_the_same_from_another_shell(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["qwen"]) as local, FakeProvider("openai", ["openai/gpt-4o"]) as paid:
        async with LinxProcess(config_of(local, paid), tmp_path) as linx, followed(linx) as (tail, printed):
            await requests(linx.port, local)
            with trio.fail_after(HANG_S):
                while len(without_wakes(printed)) < len(LINES):
                    await trio.sleep(0.02)
            lines = without_wakes(linx.log)
            for line, pattern in zip(lines, LINES, strict=True):
                assert re.fullmatch(AT + pattern, line), line
            assert without_wakes(printed) == lines
            tail.send_signal(signal.SIGINT)
            with trio.fail_after(HANG_S):
                assert await tail.wait() == 0
            other = [line for line in linx.log.read_text().splitlines() if not re.match(AT, line)]
            assert not [line for line in other if "gpt-4o" in line or "/v1/" in line], "one line a request, no more"


async def test_the_end_of_linx_does_not_wait_for_followers(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as local:
        async with LinxProcess(config_of(local, local), tmp_path) as linx, followed(linx) as (tail, printed):
            linx.process.send_signal(signal.SIGTERM)
            with trio.fail_after(HANG_S):
                assert await linx.process.wait() == 0
                assert await tail.wait() == 1
            assert printed.read_text().endswith(f"linx: the Linx at http://127.0.0.1:{linx.port} has ended\n")
            assert "cut short" not in linx.log.read_text()


async def test_the_lines_as_json(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["qwen"]) as local, FakeProvider("openai", ["openai/gpt-4o"]) as paid:
        async with LinxProcess(config_of(local, paid), tmp_path, "--log-format", "json") as linx:
            await requests(linx.port, local)
            lines = [jsontext.loads(one.encode()) for one in await lines_of(linx, len(LINES), '.*"event":"request"')]
    assert {tuple(line) for line in lines} == {tuple(FIELDS.split())}
    assert [(line["status"], line["outcome"], line["key"], line["local"]) for line in lines] == [
        (200, "ok", "key-1", True),
        (200, "ok", "key-2", True),
        (401, "invalid_api_key", "-", None),
        (404, "model_not_found", "key-1", None),
        (404, "not_found", "key-1", None),
        (400, "invalid_json", "key-1", None),
        (200, "ok", "key-1", None),
        (200, "ok", "key-1", False),
    ]
    assert [line["path"] for line in lines][4] == "/v1/nowhere"
    assert lines[-1]["attempts"] == [
        {"provider": "home", "model": "qwen", "local": True, "outcome": "http_500"},
        {"provider": "paid", "model": "openai/gpt-4o", "local": False, "outcome": "ok"},
    ]


async def test_no_line_where_only_warnings_are_wanted(tmp_path: Path) -> None:
    """A failed request is told there in the old way."""
    async with FakeProvider("openai", ["qwen"]) as local, FakeProvider("openai", ["openai/gpt-4o"]) as paid:
        async with LinxProcess(config_of(local, paid), tmp_path, "--log-level", "warning") as linx:
            await requests(linx.port, local)
            for one in (local, paid):
                one.next(scripted.status(500))
            assert (await chat(linx.port)).status == 502
            log = linx.log.read_text()
    assert not re.search(rf"^{AT}", log, re.MULTILINE)
    assert log.count("/v1/chat/completions") == 1


async def test_what_the_server_refuses_before_it_has_read_the_head(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["qwen"]) as local, LinxProcess(config_for(local), tmp_path) as linx:
        long, large = b"x" * 9000, b"x" * 40_000
        unread = (b"GET /%b HTTP/1.1\r\n" % long, b"GET /a?b=c HTTP/1.1\r\nx: %b" % large, b"NO\r\n\r\n")
        for sent in unread:
            stream = await trio.open_tcp_stream("127.0.0.1", linx.port)
            async with stream:
                await stream.send_all(sent)
                assert b"HTTP/1.1 4" in await stream.receive_some()
        lines = await lines_of(linx, 3)
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "(unreadable)  414  request_uri_too_long",
        "GET /a  431  request_header_fields_too_large",
        "(unreadable)  400  bad_request",
    ]


async def test_a_client_that_leaves(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as local, LinxProcess(config_for(local), tmp_path) as linx:
        local.default = scripted.Answer(first_s=60)
        with trio.move_on_after(0.5):
            await ask(linx.port, "/v1/chat/completions", {**CHAT, "model": "m"})
        (line,) = await lines_of(linx, 1)
    assert re.fullmatch(AT + r"m  499  cancelled  0\.\d+ s  \(openai1: cut\)", line), line


@asynccontextmanager
async def followed(linx: LinxProcess) -> AsyncIterator[tuple[trio.Process, Path]]:
    """``linx tail`` in a process of its own, once it follows; and the file with what it prints."""
    path = linx.log.with_name("tail.log")
    args = [sys.executable, str(ROOT / "linx.py"), "tail", "--config", str(linx.path), "--port", str(linx.port)]
    with path.open("wb") as out:
        process = await trio.lowlevel.open_process(args, stdout=out, stderr=subprocess.STDOUT)
    try:
        with trio.fail_after(HANG_S):
            while not path.stat().st_size:
                await ask(linx.port, "/wake", headers={"x-api-key": KEYS[0]})
                await trio.sleep(0.05)
        yield process, path
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
