"""``routing.secrets``: a prompt with a secret in it is kept from remote providers, and the secret is told nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.test_app import port_of, reload, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "ghp_" + "c4Nary" * 6
ENV = "HOST=localhost\nPORT=8080\nDB_PASSWORD=canary-hunter-22"
SAID = f"please push with {TOKEN} now"
HI = {"role": "user", "content": "hi"}
NOT_ASKED = "far=not_asked(secret in {})"
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def _history(text: str) -> list[dict[str, Any]]:
    return [HI, {"role": "assistant", "content": "ok"}, {"role": "user", "content": text}, HI]


FACES: dict[str, tuple[str, str, Callable[[str], dict[str, Any]]]] = {
    "openai": ("/v1/chat/completions", "message 3", lambda text: {"messages": _history(text)}),
    "tool result": (
        "/v1/chat/completions",
        "message 3",
        lambda text: {
            "messages": [
                HI,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c", "content": text},
            ]
        },
    ),
    "anthropic": ("/v1/messages", "message 3", lambda text: {"max_tokens": 9, "messages": _history(text)}),
    "anthropic system": ("/v1/messages", "system", lambda text: {"max_tokens": 9, "system": text, "messages": [HI]}),
    "responses": ("/v1/responses", "message 3", lambda text: {"input": _history(text)}),
    "responses text": ("/v1/responses", "instructions", lambda text: {"instructions": text, "input": "hi"}),
    "completions": ("/v1/completions", "prompt", lambda text: {"prompt": text}),
    "ollama chat": ("/api/chat", "message 3", lambda text: {"messages": _history(text)}),
    "ollama generate": ("/api/generate", "prompt", lambda text: {"prompt": text}),
}


def config_of(far: FakeProvider, near: FakeProvider, mode: str, **routing: Any) -> dict[str, Any]:
    routing = {"secrets": mode, "cost_optimization": False, **routing}
    return config_for(far, near, names=("far", "near"), providers={"far": {"local": False}}, routing=routing)


def files_in(folder: Path) -> list[bytes]:
    """What Linx wrote: its log and its ledger."""
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


@both_ways
@pytest.mark.parametrize("mode", ["local_only", "prefer_local"])
async def test_every_face_says_in_which_message(stream: bool, mode: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("ollama", ["m:latest"]) as near:
        async with linx_here(config_of(far, near, mode), tmp_path) as app:
            for path, place, body in FACES.values():
                for text in (SAID, ENV):
                    answer = await ask(port_of(app), path, {"model": "m", "stream": stream, **body(text)})
                    assert answer.status == 200, answer.body
                    assert answer.headers["x-linx-attempts"] == f"{NOT_ASKED.format(place)}, near=ok", path
                answer = await ask(port_of(app), path, {"model": "m", "stream": stream, **body("no secret")})
                assert answer.headers["x-linx-attempts"] == "far=ok", path
            assert TOKEN not in str([call.body for call in far.calls])
            port = port_of(app)
            status = (await ask(port, "/v1/providers/status")).json["secrets"]
            assert status == {"mode": mode, "found": 2 * len(FACES)}
            metrics = (await ask(port, "/metrics")).body.decode()
            assert f'linx_prompts_with_secrets_total{{kind="GitHub token"}} {len(FACES)}.0' in metrics
            row = (await ask(port, "/linx/requests")).json["data"][1]
            assert row["not_asked"] == [{"provider": "far", "reason": "secret in prompt"}]


@both_ways
async def test_what_must_stay_home_stays_there_when_nobody_there_can_answer(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "only"]) as far, FakeProvider("ollama", ["m:latest"]) as near:
        near.default = scripted.status(500)
        async with linx_here(config_of(far, near, "local_only"), tmp_path) as app:
            for path, place, body in FACES.values():
                answer = await ask(port_of(app), path, {"model": "m", "stream": stream, **body(SAID)})
                assert answer.headers["x-linx-attempts"] == f"{NOT_ASKED.format(place)}, near=http_500", path
                answer = await ask(port_of(app), path, {"model": "only", "stream": stream, **body(SAID)})
                assert (answer.status, answer.headers["x-linx-attempts"]) == (503, NOT_ASKED.format(place)), path
                assert f"(in {place}: GitHub token)" in answer.body.decode()
                assert TOKEN not in answer.body.decode()
            assert far.calls == []


@both_ways
async def test_what_is_rather_kept_home_leaves_only_after_a_failure(stream: bool, tmp_path: Path) -> None:
    hedge = {"after": 0, "scope": "any", "budget": 1}
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("ollama", ["m:latest"]) as near:
        async with linx_here(config_of(far, near, "prefer_local", hedge=hedge), tmp_path) as app:
            body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": SAID}]}
            near.next(Answer(first_s=0.3))
            answer = await ask(port_of(app), "/v1/chat/completions", body)
            assert answer.headers["x-linx-attempts"] == f"{NOT_ASKED.format('message 1')}, near=ok"
            assert far.calls == []  # no hedge goes there either
            near.next(scripted.status(500))
            answer = await ask(port_of(app), "/v1/chat/completions", body)
            assert answer.headers["x-linx-attempts"] == "near=http_500, far=ok"


async def test_what_linx_has_kept_of_a_conversation_counts_too(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("ollama", ["m:latest"]) as near:
        async with linx_here(config_of(far, near, "local_only"), tmp_path) as app:
            first = await ask(port_of(app), "/v1/responses", {"model": "m", "input": SAID})
            later = {"model": "m", "input": "and now?", "previous_response_id": first.json["id"]}
            answer = await ask(port_of(app), "/v1/responses", later)
            assert answer.headers["x-linx-attempts"] == f"{NOT_ASKED.format('message 1')}, near=ok"
            assert far.calls == []


async def test_a_reload_switches_it_and_a_large_prompt_is_looked_through(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("openai", ["m"]) as near:
        async with linx_here(config_of(far, near, "off"), tmp_path) as app:
            body = {"model": "m", "messages": [{"role": "user", "content": "word " * 150_000 + SAID}]}
            answer = await ask(port_of(app), "/v1/chat/completions", body)
            assert answer.headers["x-linx-attempts"] == "far=ok"
            write(tmp_path, config_of(far, near, "local_only"))
            await reload(app)
            answer = await ask(port_of(app), "/v1/chat/completions", body)
            assert answer.headers["x-linx-attempts"] == f"{NOT_ASKED.format('message 1')}, near=ok"


async def test_the_secret_is_in_no_log_no_ledger_and_no_answer_of_linx(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "only"]) as far, FakeProvider("ollama", ["m:latest"]) as near:
        async with LinxProcess(config_of(far, near, "local_only"), tmp_path, "--log-level", "debug") as linx:
            for name, text in (("openai", SAID), ("anthropic system", ENV), ("responses", SAID), ("ollama chat", ENV)):
                path, _place, body = FACES[name]
                for model in ("m", "only"):
                    await ask(linx.port, path, {"model": model, **body(text)})
            for path in ("/v1/providers/status", "/linx/requests", "/metrics"):
                told = (await ask(linx.port, path)).body.decode()
                assert "c4Nary" not in told
                assert "canary-hunter" not in told
        log = linx.log.read_text()
        assert "not asked (secret in message 3)" in log
        for data in files_in(tmp_path):
            assert b"c4Nary" not in data
            assert b"canary-hunter" not in data
        assert far.calls == []
