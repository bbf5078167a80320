"""The road of one answer: who is asked, what its record keeps, and what an error says besides itself."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.core.attempt_errors import RouteExhausted
from linx.core.errors import NoLocalProvider, NotAsked, UnknownModel
from linx.handlers.answers.generation import answer_chat
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.handlers.answers.world import CHAT, HI, STREAM, world
from tests.waiting import within

PATH = "/v1/chat/completions"
BOTH_WAYS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


async def test_a_conversation_stays_with_one_replica() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with world(one, two, routing={"provider_priority": [["openai1", "openai2"]]}) as here:
            history = []
            one.next(Answer(tokens=["x"] * 100, interval_s=0.05))
            async with here.asking(answer_chat, {**STREAM, "messages": [{"role": "user", "content": "another"}]}):
                await one.received()
                for turn in range(4):
                    history.append({"role": "user", "content": f"turn {turn}"})
                    answer = await here.ask(answer_chat, {**CHAT, "messages": history})
                    assert answer.headers["x-linx-provider"] == "openai2"
                    history.append({"role": "assistant", "content": "ok"})
            with within(1):
                await one.calls[0].hung_up.wait()
            answer = await here.ask(answer_chat, {**CHAT, "messages": history})
            assert answer.headers["x-linx-provider"] == "openai2"


# --- the queue ---


@BOTH_WAYS
@pytest.mark.parametrize("how", ["answers", "fails", "ends its time"])
async def test_the_place_in_the_queue_is_told_where_it_waited(how: str, stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        settings = {"openai1": {"max_concurrent": 1}}
        limit = {"first_token_timeout_s": 0.1} if how == "ends its time" else {}
        async with world(fake, providers=settings, routing=limit) as here:
            slots = here.providers[0].slots
            assert "x-linx-queue" not in (await here.ask(answer_chat, {**CHAT, "stream": stream})).headers
            assert here.last.queue is None
            slots.active = 1
            if how == "fails":
                fake.next(scripted.status(500))
            async with here.asking(answer_chat, {**CHAT, "stream": stream}) as client:
                await trio.testing.wait_all_tasks_blocked(0.01)
                (running,) = here.context.telemetry.running.values()
                assert (running.phase, running.queue, running.place_now()) == ("queued", 1, 1)
                if how != "ends its time":
                    slots.give_back()
                answer = await client.answer()
            assert answer.fields[b"x-linx-queue"] == b"1"
            assert answer.status == {"answers": 200, "fails": 502, "ends its time": 504}[how]
            record = here.last
            assert record.place is None
            assert (record.queue, slots.waiting) == (1, 0)


@BOTH_WAYS
async def test_one_that_waits_at_a_provider_that_goes_down_is_answered_by_the_next(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        settings = {"a": {"max_concurrent": 1}}
        async with world(one, two, names=("a", "b"), providers=settings) as here:
            a = here.providers[0]
            a.slots.active = 1
            async with here.asking(answer_chat, {**CHAT, "stream": stream}) as client:
                await trio.testing.wait_all_tasks_blocked(0.01)
                assert a.slots.waiting == 1
                a.health.probed(trio.current_time(), "did not answer a probe within 10 s")
                a.turn_away(None)
                answer = await client.answer()
    assert (answer.status, answer.fields[b"x-linx-attempts"]) == (200, b"a=connect_failed, b=ok")
    assert answer.fields[b"x-linx-queue"] == b"1"
    assert one.calls == []
    assert a.health.consecutive_failures == 0


# --- records ---


@BOTH_WAYS
async def test_the_record_of_a_request(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openrouter", ["m"]) as good:
        bad.next(scripted.status(500))
        async with world(bad, good, names=("bad", "good"), providers={"good": {"local": False}}) as here:
            await here.ask(answer_chat, {**CHAT, "stream": stream})
            record = here.last
            counted = {one.name: one.counters for one in here.providers}
            assert (record.phase, record.status, record.model, record.served_model) == ("done", 200, "m", "m")
            assert (record.provider, record.method, record.path) == ("good", "POST", PATH)
            assert [(one.provider, one.outcome) for one in record.attempts] == [("bad", "http_500"), ("good", "ok")]
            assert record.usage is not None
            assert (record.usage.prompt, record.usage.completion) == (9, 5)
            assert record.cost_usd == 0.00042  # the provider's own word, not the estimate
            assert record.first_token is not None
            assert record.ended is not None
            assert record.started <= record.first_token <= record.ended
            assert (counted["bad"].requests, counted["bad"].failures) == (1, 1)
            assert (counted["good"].requests, counted["good"].failures) == (1, 0)
            assert (counted["good"].prompt_tokens, counted["good"].completion_tokens) == (9, 5)
            assert counted["good"].cost_usd == 0.00042
            assert here.providers[1].first_token["m"].samples == 1
            assert all(one.active == 0 for one in here.providers)
            assert here.context.telemetry.running == {}


@BOTH_WAYS
async def test_the_record_of_a_failure(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.status(400, "bad role"))
        answer = await here.ask(answer_chat, {**CHAT, "stream": stream})
        assert answer.headers["x-linx-attempts"] == "openai1=http_400"
        assert (answer.headers["x-linx-provider"], answer.headers["x-linx-model"]) == ("openai1", "m")
        assert answer.headers["server-timing"]
        assert (here.last.phase, here.last.status, here.last.provider) == ("failed", 400, None)
        answer = await here.ask(answer_chat, {**CHAT, "model": "nobody-has-it", "stream": stream})
        assert isinstance(answer.error, UnknownModel)
        assert not {"x-linx-attempts", "x-linx-provider", "x-linx-model"} & answer.headers.keys()
        assert (here.last.phase, here.last.status, here.last.attempts) == ("failed", 404, [])
        fake.next(scripted.cut_after(3))
        await here.ask(answer_chat, STREAM)
        assert (here.last.phase, here.last.provider) == ("failed", "openai1")
        assert here.context.telemetry.running == {}


async def test_the_record_of_a_client_that_went_away() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.hang())
        async with here.asking(answer_chat, CHAT):
            await fake.received()
            (running,) = here.context.telemetry.running.values()
            assert running.phase == "waiting"
        assert (here.last.phase, here.last.status) == ("cancelled", None)
        assert here.context.telemetry.running == {}
        assert here.providers[0].health.consecutive_failures == 0


async def test_in_the_moment_after_a_start_the_lists_are_waited_for() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        (one,) = here.providers
        one.models, one.probed = {}, trio.Event()
        one.models_changed()
        async with here.asking(answer_chat, CHAT) as client:
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert fake.calls == []
            one.probed.set()
            assert (await client.answer()).status == 404


# --- fallback ---


async def test_when_nobody_is_left_the_error_tells_of_all() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("ollama", ["m"]) as two:
        async with world(one, two, names=("one", "two")) as here:
            one.next(scripted.cut_after(3))
            two.next(scripted.cut_after(3, "error"))
            answer = await here.ask(answer_chat, CHAT)
            assert answer.status == 502
            assert isinstance(answer.error, RouteExhausted)
            assert "one: " in str(answer.error)
            assert "two: " in str(answer.error)
            assert answer.error.may_retry is False
            assert answer.headers["x-linx-attempts"].startswith("one=")
            assert all(provider.active == 0 for provider in here.providers)


async def test_a_paused_one_that_was_not_tried_says_when_to_come_back() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with world(one, two) as here:
            here.providers[0].health.pause(40, 429, trio.current_time())
            two.next(scripted.status(500))
            error = (await here.ask(answer_chat, CHAT)).error
            assert error is not None
            assert error.status == 502
            assert error.retry_after_s == pytest.approx(40, abs=1)
            assert error.may_retry is None
            two.next(scripted.status(503, retry_after="7"))
            error = (await here.ask(answer_chat, CHAT)).error
            assert error is not None
            assert error.retry_after_s == 7


@BOTH_WAYS
async def test_a_fallback_is_explained_at_level_debug(stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "linx.requests")
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with world(bad, good, names=("bad", "good")) as here:
            await here.ask(answer_chat, {**CHAT, "stream": stream})
            assert [record for record in caplog.records if record.name == "linx.requests"] == []
            bad.next(scripted.status(500, "out of memory"))
            await here.ask(answer_chat, {**CHAT, "stream": stream})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "linx.requests"]
    # Without the provider's own words, which may repeat the prompt.
    assert line == "m was answered by good/m, since others failed: bad: failed (HTTP 500)"


async def test_the_same_request_goes_to_each() -> None:
    text = [{"type": "text", "text": "a\u2028"}, {"type": "text", "text": "b"}]
    body = {**CHAT, "messages": [{"role": "user", "content": text}], "temperature": 0.5, "stop": ["x"]}
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.next(scripted.status(500))
        async with world(one, two) as here:
            assert (await here.ask(answer_chat, body)).status == 200
        assert jsontext.dumps(one.calls[0].json) == jsontext.dumps(two.calls[0].json)


# --- hedges ---


async def test_a_hedge_that_wins_is_counted_and_the_loser_is_learnt_from() -> None:
    async with FakeProvider("openai", ["m"]) as slow, FakeProvider("openai", ["m"]) as quick:
        hedge = {"hedge": {"after": 0.05, "budget": 1.0}}
        async with world(slow, quick, names=("slow", "quick"), routing=hedge) as here:
            slow.next(Answer(first_s=60))
            answer = await here.ask(answer_chat, STREAM)
            assert answer.text == "Hello from the fake."
            assert answer.headers["x-linx-attempts"] == "slow=lost, quick=ok"
            with within(0.2):
                await slow.calls[0].hung_up.wait()
            one, two = here.providers
            assert (two.counters.hedges, two.counters.hedges_won, one.counters.wasted) == (1, 1, 1)
            assert one.first_token["m"].samples == 1
            assert (one.first_token["m"].percentile(0.5) or 0) >= 0.03
            # the other way round: the first one wins, the hedge was for nothing
            slow.next(Answer(first_s=0.15))
            quick.next(Answer(first_s=60))
            answer = await here.ask(answer_chat, STREAM)
            assert answer.headers["x-linx-attempts"] == "slow=ok, quick=lost"
            assert (two.counters.hedges, two.counters.hedges_won, two.counters.wasted) == (2, 1, 1)
            assert two.first_token["m"].samples == 1
            # and a hedge that fails beside one that answers
            slow.next(Answer(first_s=0.15))
            quick.next(scripted.status(500))
            answer = await here.ask(answer_chat, STREAM)
            assert answer.headers["x-linx-attempts"] == "slow=ok, quick=http_500"
            assert two.counters.wasted == 1


async def test_a_second_after_a_failure_is_no_hedge() -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        async with world(bad, good) as here:
            bad.next(scripted.status(500))
            await here.ask(answer_chat, STREAM)
            assert [one.counters.hedges for one in here.providers] == [0, 0]
            assert [one.counters.wasted for one in here.providers] == [0, 0]


# --- privacy ---


async def test_a_private_prompt_reaches_nobody_far() -> None:
    async with FakeProvider("openai", ["m"]) as near, FakeProvider("openai", ["m"]) as far:
        near.default = scripted.status(500)
        async with world(near, far, names=("near", "far"), providers={"far": {"local": False}}) as here:
            private = {"x-linx-local-only": "true"}
            answer = await here.ask(answer_chat, CHAT, headers=private)
            assert answer.status == 502
            assert far.calls == []
            assert answer.headers["x-linx-attempts"] == "far=not_asked(local_only), near=http_500"
            answer = await here.ask(answer_chat, {"model": "far/m", "messages": HI}, headers=private)
            assert isinstance(answer.error, NoLocalProvider)
            assert answer.headers["x-linx-attempts"] == "far=not_asked(local_only)"
            assert here.last.not_asked == (NotAsked("far", "local_only"),)
            assert far.calls == []
            near.default = Answer()
            answer = await here.ask(answer_chat, CHAT, headers=private)
            assert answer.headers["x-linx-attempts"] == "far=not_asked(local_only), near=ok"
            near.default = scripted.status(500)
            assert (await here.ask(answer_chat, CHAT)).headers["x-linx-provider"] == "far"
