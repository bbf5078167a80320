"""Fallback over real sockets: what a client sees when its first provider fails in every way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.providers.pauses import Pauses
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

FAULTS: dict[str, tuple[scripted.Reply, str | None]] = {
    "reset": (scripted.reset(), "reset"),
    "closed": (scripted.closed(), "reset"),
    "garbage": (scripted.garbage(), "bad_response"),
    "401": (scripted.status(401, "Incorrect API key provided: sk-abcdefghijklmnop"), "http_401"),
    "402": (scripted.status(402, "no credit"), "http_402"),
    "403": (scripted.status(403, "not in your region"), "http_403"),
    "404": (scripted.status(404, "The model `m` does not exist"), "http_404"),
    "408": (scripted.status(408), "http_408"),
    "429": (scripted.status(429, "slow down", retry_after="1"), "http_429"),
    "500": (scripted.status(500), "http_500"),
    "503": (scripted.status(503, "overloaded"), "http_503"),
    "529": (scripted.status(529, "overloaded"), "http_529"),
    "redirect": (scripted.Whole(302, b"", headers=[("Location", "http://127.0.0.1:1/steal")]), "http_302"),
    "html with 200": (scripted.html(), "bad_response"),
    "error in a 200": (scripted.error_in_200(), "error_event"),
    "error as the first event": (scripted.error_first(), "error_event"),
    "a role chunk, then the end": (scripted.role_only(), "empty"),
    "an empty stream": (scripted.empty_stream(), "empty"),
    "a torn head of the stream": (scripted.torn(10), None),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_client_sees_nothing_of_a_failed_provider(
    fault: str, kind: Any, stream: bool, tmp_path: Path
) -> None:
    reply, outcome = FAULTS[fault]
    if kind == "ollama" and fault == "error as the first event":
        outcome = "http_500"  # an Ollama that fails before its first line says so with a status
    if kind == "ollama" and fault == "a role chunk, then the end":
        outcome = None  # its first frame is text already, so this one is torn in its middle: see below
        reply = scripted.empty_stream()
    async with FakeProvider(kind, ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(reply, reply)  # a kept connection that breaks may be tried once more on a fresh one
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": stream})
        assert answer.status == 200
        assert answer.is_whole
        text = answer.text if stream else answer.json["choices"][0]["message"]["content"]
        assert text == "Hello from the fake."
        assert answer.headers["x-linx-provider"] == "good"
        first, second = answer.headers["x-linx-attempts"].split(", ")
        assert second == "good=ok"
        assert first == f"bad={outcome}" if outcome else first.startswith("bad=")
        assert len(good.calls) == 1
        assert len(bad.calls) == (2 if fault in ("reset", "closed") else 1)
        ours, theirs = bad.calls[0].json, good.calls[0].json
        assert ours["messages"] == theirs["messages"]


async def test_refused_port_costs_nothing(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            bad.down()
            answer = await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
        assert answer.headers["x-linx-attempts"] == "bad=connect_failed, good=ok"


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "messages must alternate"), (422, "unprocessable"), (400, "content_policy_violation")],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_bad_request_is_answered_at_once(status: int, message: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.status(status, message))
        async with linx_here(config_for(bad, good), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": stream})
        assert answer.status == 400
        assert answer.json["error"]["type"] == "invalid_request_error"
        assert message in answer.json["error"]["message"]
        assert good.calls == []


async def test_all_dead_is_one_error_that_lists_what_was_tried(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.next(scripted.ollama_status(500, "llama runner crashed"))
        two.next(scripted.status(401, "Incorrect API key provided: sk-abcdefghijklmnop"))
        async with linx_here(config_for(one, two, names=("one", "two")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": True})
    assert answer.status == 502
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "one: " in error["message"]
    assert "two: " in error["message"]
    assert "abcdefghijklmnop" not in answer.body.decode()
    assert answer.headers["x-linx-attempts"] == "one=http_500, two=http_401"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("fault", ["close", "end", "reset", "error", "garble"])
@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_death_in_mid_answer_is_an_error_frame_and_no_end(kind: Any, fault: Any, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.cut_after(3, fault))
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": True})
    assert answer.status == 200
    assert answer.is_whole
    assert "Hello from the fake.".startswith(answer.text)
    assert answer.text
    assert b"[DONE]" not in answer.body
    assert answer.events[-1]["error"]["code"]
    assert sum("error" in event for event in answer.events) == 1
    assert "bad" in answer.events[-1]["error"]["message"]
    assert not any(one["choices"][0]["finish_reason"] for one in answer.events if one.get("choices"))
    assert good.calls == []


@pytest.mark.parametrize("fault", ["close", "end", "reset", "error"])
async def test_a_client_that_wants_a_whole_answer_has_seen_nothing_so_it_falls_over(fault: Any, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("ollama", ["m"]) as good:
        bad.next(scripted.cut_after(3, fault))
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
    assert answer.json["choices"][0]["message"]["content"] == "Hello from the fake."
    assert answer.headers["x-linx-provider"] == "good"
    assert answer.headers["x-linx-attempts"].startswith("bad=")


ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "m", "prompt": "hi"},
    "/v1/responses": {"model": "m", "input": "hi"},
    "/v1/messages": {**CHAT, "max_tokens": 9},
    "/api/chat": CHAT,
    "/api/generate": {"model": "m", "prompt": "hi"},
    "/v1/embeddings": {"model": "m", "input": "hi"},
    "/api/embed": {"model": "m", "input": "hi"},
    "/v1/rerank": {"model": "m", "query": "q", "documents": ["a"]},
}
REFUSALS: dict[str, scripted.Whole] = {
    "400": scripted.status(400, "no such role"),
    "422": scripted.status(422, "temperature must be a number"),
    "content policy": scripted.status(400, "It was flagged by our content policy"),
    "context overflow": scripted.status(400, "This model's maximum context length is 5 tokens"),
    "429": scripted.status(429, "slow down"),
    "500": scripted.status(500),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_every_error_after_an_attempt_says_whose_it_is(refusal: str, stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["real"]) as fake:
        fake.default = REFUSALS[refusal]
        config = config_for(fake, providers={"openai1": {"model_mappings": {"m": "real"}}})
        async with linx_here(config, tmp_path) as app:
            for path, body in ASKED.items():
                answer = await ask(app.bound[0][1], path, {**body, "stream": stream})
                app.context.providers[0].health.pauses = Pauses()
                # Codex hears of a conversation that is too long in the stream alone.
                is_told_there = (refusal, path, stream) == ("context overflow", "/v1/responses", True)
                assert answer.status == 200 if is_told_there else answer.status >= 400, path
                said = [answer.headers.get(f"x-linx-{name}") for name in ("provider", "model", "attempts")]
                assert said == ["openai1", "real", f"openai1=http_{fake.default.status}"], path


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_of_several_it_is_the_one_that_is_told(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.default, two.default = scripted.status(404, "The model `m` does not exist"), scripted.status(500)
        async with linx_here(config_for(one, two, names=("one", "two")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "stream": stream})
    assert (answer.status, answer.headers["x-linx-provider"]) == (404, "one")


async def test_without_fallback_the_first_failure_is_the_answer(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.next(scripted.status(500))
        config = config_for(bad, good, routing={"fallback_enabled": False})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", CHAT)
        assert answer.status == 502
        assert good.calls == []


async def test_every_candidate_paused_is_429_with_the_shortest_wait(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.next(scripted.status(429, retry_after="40"))
        two.next(scripted.status(503, retry_after="20"))
        async with linx_here(config_for(one, two), tmp_path) as app:
            port = app.bound[0][1]
            first = await ask(port, "/v1/chat/completions", CHAT)
            second = await ask(port, "/v1/chat/completions", CHAT)
        assert first.status == second.status == 429
        assert first.headers["retry-after"] == "20"
        assert 19 <= int(second.headers["retry-after"]) <= 20
        assert len(one.calls) == len(two.calls) == 1
        assert "x-should-retry" not in second.headers


# openclaude#936: the words, and the moment in OpenRouter's own header.
FREE_LIMIT = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"


async def test_a_limit_of_one_model_leaves_the_others_of_its_provider_alone(tmp_path: Path) -> None:
    models = ["a", "b", "c:free", "d:free"]
    async with FakeProvider("openai", models) as fake, linx_here(config_for(fake), tmp_path) as app:
        port, body = app.bound[0][1], {key: value for key, value in CHAT.items() if key != "model"}

        async def asked(model: str) -> int:
            return (await ask(port, "/v1/chat/completions", {**body, "model": model})).status

        fake.next(scripted.status(429, "Rate limit reached for a in organization org-x", retry_after="40"))
        assert [await asked(model) for model in ("a", "a", "b", "c:free")] == [429, 429, 200, 200]
        moment = f"{int((time.time() + 90) * 1000)}"
        error = {"error": {"message": FREE_LIMIT, "code": 429}}
        fake.next(Whole(429, jsontext.dumps(error), headers=[("X-RateLimit-Reset", moment)]))
        assert [await asked(model) for model in ("c:free", "d:free", "b")] == [429, 429, 200]
        assert len(fake.calls) == 5
        shown = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert (shown["state"], shown["retry_at"]) == ("up", None)
        waits = {name: until - time.time() for name, until in shown["paused_models"].items()}
        assert 30 < waits.pop("a") <= 40
        assert 80 < waits.pop("*:free") <= 91
        assert not waits


async def test_a_server_that_refuses_stream_options_is_asked_once_more_and_remembered(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"], refuses=["stream_options"]) as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            port = app.bound[0][1]
            for _ in range(2):
                answer = await ask(port, "/v1/chat/completions", CHAT)
                assert answer.status == 200
        assert ["stream_options" in call.json for call in fake.calls] == [True, False, False]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("moment", ["before the head", "before the first token", "in mid answer"])
@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_a_closed_client_closes_the_upstream(kind: Any, moment: str, stream: bool, tmp_path: Path) -> None:
    replies: dict[str, scripted.Reply] = {
        "before the head": scripted.hang(),
        "before the first token": Answer(first_s=60),
        "in mid answer": Answer(tokens=["x"] * 1000, interval_s=0.02),
    }
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(replies[moment])
        async with linx_here(config_for(fake), tmp_path) as app:
            client = Client(app.bound[0][1])
            await client.open()
            await client.send("POST", "/v1/chat/completions", {**CHAT, "stream": stream})
            call = await fake.received()
            await trio.sleep(0.1 if moment != "before the head" else 0.02)
            await client.close()
            with within(0.1):
                await call.hung_up.wait()
            await trio.testing.wait_all_tasks_blocked()
            assert app.context.providers[0].active == 0
            assert app.context.telemetry.running == {}
            assert next(iter(app.context.telemetry.finished)).phase == "cancelled"
