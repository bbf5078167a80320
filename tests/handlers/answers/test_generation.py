"""The road of one answer: what a request says of itself, what its head says, what its record keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.core.chat import ChatRequest
from linx.handlers.answers.generation import Generation
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes import scripted
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
    from linx.core.telemetry import RequestRecord

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**CHAT, "stream": True}
PATH = "/v1/chat/completions"


@dataclass
class Asked:
    """As much of a request as is looked at."""

    fields: dict[str, str] = field(default_factory=dict)
    id: str = "0123"
    method: str = "POST"
    path: str = PATH

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode()) for name, value in self.fields.items()]

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


def port_of(app: App) -> int:
    return app.bound[0][1]


def last(app: App) -> RequestRecord:
    return app.context.telemetry.finished[-1]


def demand_of(app: App, fields: dict[str, str] | None = None, native: dict[str, Any] | None = None, **body: Any) -> Any:
    chat = ChatRequest("m", {**CHAT, **body}, native=native)
    return Generation(app.context, app.faces["openai"], Asked(fields or {}), None, chat).demand  # type: ignore[arg-type]


async def test_what_stays_the_same_over_a_conversation(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two), tmp_path) as app:

            def key(*args: Any, **kwargs: Any) -> str | None:
                found = demand_of(app, *args, **kwargs).conversation
                assert found is None or isinstance(found, str)
                return found

            first = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
            turn = [*first, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "more"}]
            assert key(messages=first) == key(messages=turn) != key()
            assert key(messages=first) != key(messages=[{"role": "system", "content": "t"}, *first[1:]])
            assert key(messages=[{"role": "system", "content": "alone"}]) is None
            assert key(messages=[]) is None
            for name in ("x-claude-code-session-id", "session_id", "session-id", "x-session-id", "x-openwebui-chat-id"):
                assert key({name: "s1"}) == key({name: "s1"}, messages=turn) != key({name: "s2"})
            for name in ("conversation_id", "session_id", "prompt_cache_key"):
                same = {name: "s1"}
                assert key(**same) == key(**same, messages=turn) == key({"x-session-id": "s1"})
                assert key(native=same, messages=turn) == key(**same)
                assert key(**{name: ""}) == key(**{name: 7}) == key()
            user = {"metadata": {"user_id": "u\ud800"}}
            assert key(**user) == key(**user, messages=turn) != key()
            assert key(metadata="none") == key()
            assert len(key({"x-session-id": "x" * 5000}) or "") == 32


async def test_what_a_route_is_told(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two), tmp_path) as app:
            long = [{"role": "user", "content": "x" * 4000}]
            asked = demand_of(app, messages=long, max_tokens=7)
            assert 1000 <= asked.prompt_tokens <= 1100
            assert asked.answer_tokens == 7
            assert demand_of(app, max_completion_tokens=9, max_tokens=7).answer_tokens == 9
            usual = demand_of(app).answer_tokens
            assert demand_of(app, max_tokens=-1).answer_tokens == demand_of(app, max_tokens="x").answer_tokens == usual
            assert not asked.local_only
            assert demand_of(app, {"x-linx-local-only": "true"}).local_only
        async with linx_here(config_for(one), tmp_path) as app:
            alone = demand_of(app, {"x-linx-local-only": "true"}, messages=long)
            assert (alone.prompt_tokens, alone.conversation, alone.local_only) == (0, None, True)


async def test_a_conversation_stays_with_one_replica(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        replicas = {"provider_priority": [["openai1", "openai2"]]}
        async with linx_here(config_for(one, two, routing=replicas), tmp_path) as app:
            history: list[Any] = []
            async with Client(port_of(app)) as busy:
                two.next(Answer(tokens=["x"] * 100, interval_s=0.05))
                one.next(Answer(tokens=["x"] * 100, interval_s=0.05))
                await busy.send("POST", PATH, {**STREAM, "messages": [{"role": "user", "content": "another"}]})
                await one.received()
                for turn in range(4):
                    history.append({"role": "user", "content": f"turn {turn}"})
                    two.forget()
                    answer = await ask(port_of(app), PATH, {**CHAT, "messages": history})
                    assert answer.headers["x-linx-provider"] == "openai2"
                    history.append({"role": "assistant", "content": "ok"})
            with trio.fail_after(1):
                await one.all_closed()
            answer = await ask(port_of(app), PATH, {**CHAT, "messages": history})
            assert answer.headers["x-linx-provider"] == "openai2"


# --- what an answer says of itself ---


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_the_head_of_an_answer(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["real name ☕"]) as fake:
        config = config_for(fake, providers={"openai1": {"model_mappings": {"m": "real name ☕"}}})
        async with linx_here(config, tmp_path) as app:
            fake.next(Answer(head_s=0.1, first_s=0.1, interval_s=0.02))
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            record = last(app)
        headers = answer.headers
        assert headers["x-linx-provider"] == "openai1"
        assert headers["x-linx-model"] == "real?name??"
        assert headers["x-linx-attempts"] == "openai1=ok"
        assert headers["x-request-id"] == record.id
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["server-timing"].startswith("linx;dur=")
        assert float(headers["server-timing"].removeprefix("linx;dur=")) < 100  # the provider's 0.3 s are not Linx's
        if stream:
            assert headers["content-type"] == "text/event-stream"
            assert "no-cache" in headers["cache-control"]
            assert headers["x-accel-buffering"] == "no"
            assert "x-linx-cost-usd" not in headers
        else:
            assert headers["content-type"] == "application/json"
            assert headers["x-linx-cost-usd"] == "0"
        assert "server" not in headers
        assert "set-cookie" not in headers


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_the_record_of_a_request(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openrouter", ["m"]) as good:
        bad.next(scripted.status(500))
        config = config_for(bad, good, names=("bad", "good"), providers={"good": {"local": False}})
        async with linx_here(config, tmp_path) as app:
            await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            record = last(app)
            providers = {one.name: one for one in app.context.providers}
            status = (await ask(port_of(app), "/v1/providers/status")).json["data"]
        assert (record.phase, record.status, record.model, record.served_model) == ("done", 200, "m", "m")
        assert (record.provider, record.method, record.path) == ("good", "POST", PATH)
        assert [(one.provider, one.outcome) for one in record.attempts] == [("bad", "http_500"), ("good", "ok")]
        assert record.usage is not None
        assert (record.usage.prompt, record.usage.completion) == (9, 5)
        assert record.cost_usd == 0.00042  # the provider's own word, not the estimate
        assert record.first_token is not None
        assert record.ended is not None
        assert record.started <= record.first_token <= record.ended
        counted = {one["name"]: one for one in status}
        assert (counted["bad"]["requests"], counted["bad"]["failures"]) == (1, 1)
        assert (counted["good"]["requests"], counted["good"]["failures"]) == (1, 0)
        assert counted["good"]["tokens"] == {"prompt": 9, "completion": 5}
        assert counted["good"]["cost_usd"] == 0.00042
        assert counted["good"]["first_token_ms"]["p50"] is not None
        assert providers["good"].first_token["m"].samples == 1
        assert all(one.active == 0 for one in providers.values())


async def test_what_it_costs_is_estimated_where_nobody_says(tmp_path: Path) -> None:
    price = {"prompt": 1.0, "completion": 2.0}
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, providers={"openai1": {"price": price}}), tmp_path) as app:
            answer = await ask(port_of(app), PATH, CHAT)
            assert answer.headers["x-linx-cost-usd"] == "0.000019"
            assert last(app).cost_usd == pytest.approx(9e-6 + 5 * 2e-6)
        unpriced = {"openai1": {"local": False}}
        async with linx_here(config_for(fake, providers=unpriced), tmp_path) as app:
            answer = await ask(port_of(app), PATH, CHAT)
            assert "x-linx-cost-usd" not in answer.headers
            assert last(app).cost_usd is None
            assert last(app).usage is not None


async def test_an_answer_without_counts(tmp_path: Path) -> None:
    wire = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    reply = scripted.Raw([scripted.Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + wire), scripted.Close()])
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for stream in (True, False):
            fake.next(reply)
            answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert answer.status == 200
            assert (last(app).usage, last(app).cost_usd) == (None, None)
            assert "x-linx-cost-usd" not in answer.headers


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_the_record_of_a_failure(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.status(400, "bad role"))
        answer = await ask(port_of(app), PATH, {**CHAT, "stream": stream})
        assert answer.headers["x-linx-attempts"] == "openai1=http_400"
        assert answer.headers["server-timing"]
        assert "x-linx-provider" not in answer.headers
        assert (last(app).phase, last(app).status, last(app).provider) == ("failed", 400, None)
        answer = await ask(port_of(app), PATH, {**CHAT, "model": "nobody-has-it", "stream": stream})
        assert "x-linx-attempts" not in answer.headers
        assert (last(app).phase, last(app).status, last(app).attempts) == ("failed", 404, [])
        fake.next(scripted.cut_after(3))
        await ask(port_of(app), PATH, STREAM)
        assert (last(app).phase, last(app).provider) == ("failed", "openai1")
        assert app.context.telemetry.running == {}


async def test_the_record_of_a_client_that_went_away(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(scripted.hang())
        async with Client(port_of(app)) as client:
            await client.send("POST", PATH, CHAT)
            await fake.received()
            (running,) = app.context.telemetry.running.values()
            assert running.phase == "waiting"
        with trio.fail_after(1):
            while app.context.telemetry.running:
                await trio.sleep(0.005)
        assert (last(app).phase, last(app).status) == ("cancelled", None)
        assert app.context.providers[0].health.consecutive_failures == 0


# --- fallback of a whole answer ---


async def test_a_whole_answer_falls_over_until_nobody_is_left(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("ollama", ["m"]) as two:
        async with linx_here(config_for(one, two, names=("one", "two")), tmp_path) as app:
            one.next(scripted.cut_after(3))
            two.next(scripted.cut_after(3, "error"))
            answer = await ask(port_of(app), PATH, CHAT)
            assert answer.status == 502
            assert "one: " in answer.json["error"]["message"]
            assert "two: " in answer.json["error"]["message"]
            assert answer.headers["x-linx-attempts"].startswith("one=")
            assert answer.headers["x-should-retry"] == "false"
            assert all(provider.active == 0 for provider in app.context.providers)


async def test_a_paused_one_that_was_not_tried_says_when_to_come_back(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with linx_here(config_for(one, two), tmp_path) as app:
            app.context.providers[0].health.pause(40, 429, trio.current_time())
            two.next(scripted.status(500))
            answer = await ask(port_of(app), PATH, CHAT)
            assert answer.status == 502
            assert 39 <= int(answer.headers["retry-after"]) <= 40
            assert "x-should-retry" not in answer.headers
            two.next(scripted.status(503, retry_after="7"))
            assert (await ask(port_of(app), PATH, CHAT)).headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_fallback_is_told_in_the_log(stream: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "linx.requests")
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            await ask(port_of(app), PATH, {**CHAT, "stream": stream})
            assert [record for record in caplog.records if record.name == "linx.requests"] == []
            bad.next(scripted.status(500, "out of memory"))
            await ask(port_of(app), PATH, {**CHAT, "stream": stream})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "linx.requests"]
    assert line.startswith("m was answered by good/m, since others failed: bad: ")
    assert "out of memory" in line


# --- hedges ---


async def test_a_hedge_that_wins_is_counted_and_the_loser_is_learnt_from(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as slow, FakeProvider("openai", ["m"]) as quick:
        config = config_for(slow, quick, names=("slow", "quick"), routing={"hedge": {"after": 0.05, "budget": 1.0}})
        async with linx_here(config, tmp_path) as app:
            slow.next(Answer(first_s=60))
            answer = await ask(port_of(app), PATH, STREAM)
            assert answer.text == "Hello from the fake."
            assert answer.headers["x-linx-attempts"] == "slow=lost, quick=ok"
            with trio.fail_after(0.2):
                await slow.calls[0].hung_up.wait()
            one, two = app.context.providers
            assert (two.counters.hedges, two.counters.hedges_won, one.counters.wasted) == (1, 1, 1)
            assert one.first_token["m"].samples == 1
            assert (one.first_token["m"].percentile(0.5) or 0) >= 0.03
            # the other way round: the first one wins, the hedge was for nothing
            slow.next(Answer(first_s=0.15))
            quick.next(Answer(first_s=60))
            answer = await ask(port_of(app), PATH, STREAM)
            assert answer.headers["x-linx-attempts"] == "slow=ok, quick=lost"
            assert (two.counters.hedges, two.counters.hedges_won, two.counters.wasted) == (2, 1, 1)
            assert two.first_token["m"].samples == 1
            # and a hedge that fails beside one that answers
            slow.next(Answer(first_s=0.15))
            quick.next(scripted.status(500))
            answer = await ask(port_of(app), PATH, STREAM)
            assert answer.headers["x-linx-attempts"] == "slow=ok, quick=http_500"
            assert two.counters.wasted == 1


async def test_a_second_after_a_failure_is_no_hedge(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with linx_here(config_for(bad, good), tmp_path) as app:
            bad.next(scripted.status(500))
            await ask(port_of(app), PATH, STREAM)
            assert [one.counters.hedges for one in app.context.providers] == [0, 0]
            assert [one.counters.wasted for one in app.context.providers] == [0, 0]


# --- privacy ---


async def test_a_private_prompt_reaches_nobody_far(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as near, FakeProvider("openai", ["m"]) as far:
        near.default = scripted.status(500)
        config = config_for(near, far, names=("near", "far"), providers={"far": {"local": False}})
        async with linx_here(config, tmp_path) as app:
            private = {"x-linx-local-only": "true"}
            answer = await ask(port_of(app), PATH, CHAT, headers=private)
            assert answer.status == 502
            assert far.calls == []
            answer = await ask(port_of(app), PATH, {**CHAT, "model": "far/m"}, headers=private)
            assert (answer.status, answer.json["error"]["code"]) == (503, "no_local_provider")
            assert far.calls == []
            assert (await ask(port_of(app), PATH, CHAT)).headers["x-linx-provider"] == "far"


async def test_the_same_request_goes_to_each(tmp_path: Path) -> None:
    body = {
        **CHAT,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a\u2028"}, {"type": "text", "text": "b"}]}],
        "temperature": 0.5,
        "stop": ["x"],
    }
    async with FakeProvider("openai", [Model("m")]) as one, FakeProvider("openai", ["m"]) as two:
        one.next(scripted.status(500))
        async with linx_here(config_for(one, two), tmp_path) as app:
            assert (await ask(port_of(app), PATH, body)).status == 200
        assert jsontext.dumps(one.calls[0].json) == jsontext.dumps(two.calls[0].json)
