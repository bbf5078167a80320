"""A refusal that is adapted to harms nobody: nothing is counted, nothing goes elsewhere, no hedge starts for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.folders import state_file
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from linx.app import App
    from tests.fakes import scripted

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": HI}
NAMES = ("picky", "good")


def refusing(*fields: str, wait_s: float = 0.0) -> list[scripted.Reply]:
    """One refusal after the other."""
    told = [jsontext.dumps({"error": {"message": f"Unrecognized request argument supplied: {one}"}}) for one in fields]
    return [Whole(400, body, head_s=wait_s) for body in told]


def assert_unharmed(app: App, *, asked: int = 1) -> None:
    picky, good = app.context.providers[:2]
    assert (picky.counters.requests, picky.counters.failures, picky.health.consecutive_failures) == (asked, 0, 0)
    assert picky.counters.outcomes == {"ok": asked}
    assert (picky.health.last_error, picky.health.state(0.0)) == (None, "up")
    assert (good.counters.requests, good.counters.hedges, picky.counters.hedges) == (0, 0, 0)


ASKED: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "chat": ("/v1/chat/completions", {**CHAT, "seed": 1}, ("stream_options", "seed")),
    "chat, streamed": ("/v1/chat/completions", {**CHAT, "seed": 1, "stream": True}, ("seed", "stream_options")),
    "messages": ("/v1/messages", {**CHAT, "max_tokens": 5, "top_p": 0.5}, ("top_p", "stream_options")),
    "messages, streamed": ("/v1/messages", {**CHAT, "max_tokens": 5, "stream": True}, ("max_tokens",)),
    "responses": ("/v1/responses", {"model": "m", "input": "hi", "top_p": 0.5}, ("top_p",)),
    "ollama": ("/api/chat", {**CHAT, "options": {"seed": 1}}, ("seed", "stream_options")),
    "completions": ("/v1/completions", {"model": "m", "prompt": "a", "seed": 1}, ("seed", "stream_options")),
    "completions, several": (
        "/v1/completions",
        {"model": "m", "prompt": ["a", "b"], "echo": True, "seed": 1},
        ("seed", "stream_options"),
    ),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": "a"}, ("encoding_format",)),
}


@pytest.mark.parametrize("what", ASKED)
async def test_every_face_is_answered_by_the_provider_that_refused(what: str, tmp_path: Path) -> None:
    path, body, fields = ASKED[what]
    async with FakeProvider("openai", ["m"]) as picky, FakeProvider("openai", ["m"]) as good:
        picky.next(*refusing(*fields))
        async with linx_here(config_for(picky, good, names=NAMES), tmp_path) as app:
            for round_trip in range(2):
                answer = await ask(app.bound[0][1], path, body)
                assert answer.status == 200, answer.body
                assert answer.headers["x-linx-attempts"] == "picky=ok"
                told = answer.headers["x-linx-adapted"].split(", ")
                assert len(told) == len(fields)
                assert_unharmed(app, asked=round_trip + 1)
            assert good.calls == []
    asked = [call.json.keys() for call in picky.calls]
    assert len(asked) == len(fields) + 2  # the second time the first ask is right
    assert all(not set(fields) & keys for keys in asked[-2:])


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("openai", "/v1/messages", {**CHAT, "max_tokens": 5, "context_management": {"edits": []}}),
        ("openai", "/v1/responses", {"model": "m", "input": "hi", "context_management": []}),
        ("ollama", "/api/chat", {**CHAT, "context_management": 1}),
    ],
    ids=["messages", "responses", "ollama"],
)
async def test_a_body_that_is_not_translated_is_adapted_as_well(
    kind: Any, path: str, body: dict[str, Any], tmp_path: Path
) -> None:
    async with FakeProvider(kind, ["m"]) as picky, FakeProvider(kind, ["m"]) as good:
        picky.rule = lambda exchange: (
            refusing("context_management")[0] if "context_management" in exchange.json else None
        )
        config = config_for(picky, good, names=NAMES, providers={"picky": {"native": kind == "openai"}})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(app.bound[0][1], path, body)
            if answer.status == 200:  # the fake has no such path of its own
                assert answer.headers["x-linx-adapted"] == "parameter:context_management"
            assert [("context_management" in call.json) for call in picky.calls[:2]] == [True, False]
            assert good.calls == []


async def test_no_hedge_starts_for_the_time_that_refusals_took(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as picky, FakeProvider("openai", ["m"]) as good:
        picky.next(*refusing("seed", "user", "store", wait_s=0.7), Answer(head_s=0.7))
        hedged = {"hedge": {"after": 1.0, "budget": 1.0}}
        async with linx_here(config_for(picky, good, names=NAMES, routing=hedged), tmp_path) as app:
            body = {**CHAT, "seed": 1, "user": "u", "store": False}
            answer = await ask(app.bound[0][1], "/v1/chat/completions", body)
            assert answer.status == 200
            assert answer.headers["x-linx-attempts"] == "picky=ok"
            assert_unharmed(app)
            first_token_s = app.context.providers[0].counters.first_token.percentile(0.5)
            assert first_token_s is not None
            assert first_token_s < 1.0  # of the ask that was answered
    assert autojump_clock.current_time() > 0


async def test_a_client_that_waits_gets_heartbeats_meanwhile(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as picky, FakeProvider("openai", ["m"]) as good:
        picky.next(*refusing("seed", wait_s=0.35), Answer(first_s=0.35))
        config = config_for(picky, good, names=NAMES, server={"heartbeat_s": 0.1})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/chat/completions", {**CHAT, "seed": 1, "stream": True})
            assert (answer.status, answer.text, answer.events[-1]) == (200, "Hello from the fake.", "[DONE]")
            assert answer.body.startswith(b": linx\n\n")
            assert_unharmed(app)
    assert autojump_clock.current_time() > 0


async def test_four_asks_are_all_and_then_the_providers_own_words_are_told(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as picky, FakeProvider("openai", ["m"]) as good:
        picky.next(*refusing("seed", "user", "store", "metadata"))
        async with linx_here(config_for(picky, good, names=NAMES), tmp_path) as app:
            body = {**CHAT, "seed": 1, "user": "u", "store": False, "metadata": {}}
            answer = await ask(app.bound[0][1], "/v1/chat/completions", body)
            assert answer.status == 400
            assert "Unrecognized request argument supplied: metadata" in answer.json["error"]["message"]
            assert answer.headers["x-linx-adapted"] == "parameter:seed, parameter:user, parameter:store"
            picky_provider = app.context.providers[0]
            assert picky_provider.health.consecutive_failures == 0
            # What was learnt on the way is kept, so that the next request gets further.
            assert (await ask(app.bound[0][1], "/v1/chat/completions", body)).status == 200
    assert (len(picky.calls), len(good.calls)) == (5, 0)


async def test_what_was_learnt_is_in_the_status_the_log_and_the_file_and_outlives_linx(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as picky:
        picky.next(*refusing("seed"))
        config = config_for(picky, names=("picky",))
        for round_trip in range(2):
            async with LinxProcess(config, tmp_path, "--log-level", "info") as linx:
                answer = await ask(linx.port, "/v1/chat/completions", {**CHAT, "seed": 1})
                assert (answer.status, answer.headers["x-linx-adapted"]) == (200, "parameter:seed")
                status = (await ask(linx.port, "/v1/providers/status")).json["data"][0]
                assert status["adapted"] == {"m": ["parameter:seed"]}
                told = "picky refuses what is asked of m: adapted from now on and remembered: parameter:seed"
            assert (told in linx.log.read_text()) is (round_trip == 0)
    assert len(picky.calls) == 3
    text = state_file("adaptations.json").read_bytes()
    (entry,) = jsontext.loads(text)["entries"]
    assert (entry["provider"], entry["model"], entry["adapted"]) == ("picky", "m", [["parameter", "seed"]])
    assert b"hi" not in text.replace(b"machine", b"")
