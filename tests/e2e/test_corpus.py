"""The two corpora through a whole Linx: bad requests from clients, bad answers from providers.

Each case is data (``tests/corpus``). A run asserts what every case has in common, too: no
500, a small error body in the path's shape, nothing reaches a provider unless the answer is
a 200, and Linx goes on serving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from linx.core import jsontext
from linx.providers.pauses import Pauses
from tests.e2e.corpus import KEY, REQUESTS, SERVERS, cases_for, judge
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, steps_from

UPSTREAM: list[dict[str, Any]] = jsontext.loads(
    (Path(__file__).parent.parent / "corpus" / "upstream_cases.json").read_bytes()
)
BEARER = {"authorization": f"Bearer {KEY}"}


def test_every_case_is_played() -> None:
    played = {case["id"] for profile in SERVERS for case in cases_for(profile)}
    elsewhere = {case["id"] for case in REQUESTS if case["profile"] == "tunnel"}  # test_tunnel.py has that profile
    assert {case["id"] for case in REQUESTS} == played | elsewhere
    assert len(cases_for("tunnel")) > 380


@pytest.mark.parametrize("profile", SERVERS)
async def test_bad_requests(profile: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=SERVERS[profile]), tmp_path) as app:
            await judge(profile, app.bound[0][1], fake)
            alive = await ask(app.bound[0][1], "/v1/models", headers=BEARER)
            assert alive.status == 200


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
                        provider.health.pauses = Pauses()
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
