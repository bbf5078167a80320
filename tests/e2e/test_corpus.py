"""The two corpora through a whole Linx: bad requests from clients, bad answers from providers.

Each case is data (``tests/corpus``). A run asserts what every case has in common, too: no
500, a small error body in the path's shape, nothing reaches a provider unless the answer is
a 200, and Linx goes on serving.
"""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, steps_from

CORPUS = Path(__file__).parent.parent / "corpus"
REQUESTS: list[dict[str, Any]] = jsontext.loads((CORPUS / "bad_requests.json").read_bytes())
UPSTREAM: list[dict[str, Any]] = jsontext.loads((CORPUS / "upstream_cases.json").read_bytes())
KEY = "linx-test-key-0123456789abcdef"
SERVERS: dict[str, dict[str, Any]] = {
    "open": {},
    "key": {"api_key": KEY},
    "small": {"max_body_mb": 0.0625, "head_timeout_s": 1, "body_timeout_s": 1, "keep_alive_s": 1},
}
AFTERTHOUGHT_S = 0.05  # for a second answer that should not come
QUIET_S = 1.0  # an answer that has not begun by then, on loopback, waits for something


def raw_of(case: dict[str, Any]) -> bytes:
    for key in ("raw_b64", "raw_z_b64"):
        if key in case:
            data = base64.b64decode(case[key])
            return zlib.decompress(data) if "_z_" in key else data
    parts = []
    for part in case["raw_parts"]:
        if isinstance(part, str):
            parts.append(base64.b64decode(part))
        else:
            parts.append(base64.b64decode(part["repeat_b64"]) * int(part["times"]))
    return b"".join(parts)


async def exchange(port: int, case: dict[str, Any], *, patience: float) -> tuple[bytes, bool]:
    """Everything Linx says to a case, and whether it closed the connection."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    got = bytearray()
    closed = False

    async def write(raw: bytes) -> None:
        try:
            how = case.get("send")
            if how:
                for start in range(0, len(raw), how["chunk"]):
                    await stream.send_all(raw[start : start + how["chunk"]])
                    await trio.sleep(how["delay_ms"] / 1000)
            else:
                await stream.send_all(raw)
            if case.get("half_close"):
                await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, raw_of(case))
        try:
            while True:
                with trio.move_on_after(AFTERTHOUGHT_S if is_answered(bytes(got), case) else patience) as scope:
                    data = await stream.receive_some(65536)
                if scope.cancelled_caught:
                    break
                if not data:
                    closed = True
                    break
                got += data
        except trio.BrokenResourceError:
            closed = True
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(stream)
    return bytes(got), closed


def is_answered(got: bytes, case: dict[str, Any]) -> bool:
    """Is all there that may come, but for a close or one answer too many?"""
    if not got or case["then"] == "close":
        return False
    try:
        return len(answers_in(got)) >= min(int(case["max_responses"]), 1)
    except (AssertionError, ValueError, KeyError):
        return False


def answers_in(data: bytes) -> list[tuple[int, bytes]]:
    """(status, body) of each answer; bodies are told apart by their framing."""
    found = []
    while data:
        head, blank, rest = data.partition(b"\r\n\r\n")
        assert blank, f"a torn head: {data[:200]!r}"
        status = int(head.split(b" ", 2)[1])
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if status < 200:
            data = rest
            continue
        if fields.get(b"transfer-encoding") == b"chunked":
            body, end, rest = rest.partition(b"0\r\n\r\n")
            assert end
        elif b"content-length" in fields:
            length = int(fields[b"content-length"])
            body, rest = rest[:length], rest[length:]
        else:
            body, rest = rest, b""
        found.append((status, body))
        data = rest
    return found


def verdict(case: dict[str, Any], answers: list[tuple[int, bytes]], closed: bool) -> str | None:
    """What is wrong with an outcome, if anything."""
    seen = "+".join(str(status) for status, _body in answers) or ("close" if closed else "nothing")
    expect: str = case["expect"]
    if expect.endswith("*"):
        allowed = {"+".join([expect[:-1]] * count) for count in range(1, case["max_responses"] + 1)}
    else:
        allowed = set(expect.split("|"))
    if seen not in allowed:
        said = repr(answers[-1][1][:150]) if answers else ""
        return f"{case['id']}: expected {expect}, saw {seen} {said} ({case['why']})"
    if len(answers) > case["max_responses"]:
        return f"{case['id']}: {len(answers)} answers"
    if case["then"] == "close" and not closed:
        return f"{case['id']}: the connection stayed open"
    for status, body in answers:
        if status >= 400 and not case["id"].startswith("head-"):
            if len(body) > 2048 or not body.isascii():
                return f"{case['id']}: error body of {len(body)} bytes"
            error = jsontext.loads(body)["error"]
            if not isinstance(error, str) and set(error) != {"message", "type", "param", "code"}:
                return f"{case['id']}: {body!r}"
        if status == 500:
            return f"{case['id']}: a 500"
    return None


@pytest.mark.parametrize("profile", SERVERS)
async def test_bad_requests(profile: str, tmp_path: Path) -> None:
    # What is wrong on the wire comes to no handler: tests/server/test_corpus.py plays it to the same server alone.
    cases = [case for case in REQUESTS if case["profile"] == profile and case["layer"] != "wire"]
    wrong: list[str] = []
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=SERVERS[profile]), tmp_path) as app:
            port = app.bound[0][1]
            for case in cases:
                before = len(fake.calls)
                slow = case["layer"] == "timing" or "408" in case["expect"]
                data, closed = await exchange(
                    port, case, patience=12 if slow and profile == "open" else 3 if slow else QUIET_S
                )
                try:
                    answers = answers_in(data)
                    problem = verdict(case, answers, closed)
                except (AssertionError, ValueError, KeyError, jsontext.InvalidJSON) as error:
                    problem = f"{case['id']}: cannot read {data[:300]!r}: {error!r}"
                    answers = []
                if problem:
                    wrong.append(problem)
                elif (
                    len(fake.calls) > before
                    and "close" not in case["expect"]
                    and not any(status == 200 for status, _body in answers)
                ):
                    wrong.append(f"{case['id']}: reached the provider")
            alive = await ask(port, "/v1/models", headers={"authorization": f"Bearer {KEY}"})
            assert alive.status == 200
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)


CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_bad_answers(stream: bool, tmp_path: Path) -> None:
    wrong: list[str] = []
    async with FakeProvider("openai", ["m"]) as openai, FakeProvider("ollama", ["m"]) as ollama:
        async with FakeProvider("openai", ["m"]) as good:
            good.default = Answer(tokens=["other"])
            config = config_for(openai, ollama, good, names=("one", "two", "good"))
            config["providers"]["one"]["models"] = ["case"]
            async with linx_here(config, tmp_path) as app:
                port = app.bound[0][1]
                for case in UPSTREAM:
                    if case["expect"] in ("open", "hedge"):
                        continue  # time decides those: tests/routing and test_fallback have them
                    for provider in app.context.providers:
                        provider.health.succeeded()
                        provider.health.paused_until = 0.0
                    bad = ollama if case["kind"] == "ndjson" else openai
                    spare = "one" if bad is ollama else "two"
                    others = [one for one in app.context.providers if one.name == spare]
                    for other in others:
                        other.health.pause(300, 503, trio.current_time())
                    script = Raw(steps_from(case["steps"]))
                    bad.next(script, script)
                    with trio.move_on_after(5) as patience:
                        answer = await ask(port, "/v1/chat/completions", {**CHAT, "stream": stream})
                    if patience.cancelled_caught:
                        wrong.append(f"{case['id']}: no answer within 5 s ({case['expect']})")
                        continue
                    seen = outcome(answer, stream)
                    allowed = set(case["expect"].split("|"))
                    if "complete" in allowed:
                        allowed.add("200")
                    if "200" in allowed:
                        allowed.add("complete")
                    if not stream and "error" in allowed:
                        allowed.add("fallback")
                    if seen not in allowed:
                        attempts = answer.headers.get("x-linx-attempts")
                        wrong.append(
                            f"{case['id']}: {case['expect']} expected, {seen} seen ({attempts}): {case['why']}"
                        )
                    bad.forget()
    assert not wrong, f"{len(wrong)} of {len(UPSTREAM)}:\n" + "\n".join(wrong)


def outcome(answer: Any, stream: bool) -> str:
    if answer.status != 200:
        return str(answer.status)
    if answer.headers["x-linx-provider"] == "good":
        return "fallback"
    if not answer.is_whole:
        return "cut"
    if not stream:
        return "complete"
    if any(isinstance(event, dict) and "error" in event for event in answer.events):
        return "error" if "[DONE]" not in answer.events else "error with DONE"
    return "complete" if answer.events[-1] == "[DONE]" else "no end"
