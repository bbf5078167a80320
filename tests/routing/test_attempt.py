"""One attempt over real sockets: the first meaningful chunk or one error with a name, and nothing left behind."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.core.attempt_errors import (
    AttemptError,
    ConnectFailed,
    EmptyAnswer,
    Garbled,
    Refused,
    Reset,
    Stalled,
    StreamBroken,
)
from linx.routing import attempt as attempt_module
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Close, Raw, Send, Whole
from tests.routing.attempts import KEY, assert_clean, at, attempt_at, rest, text
from tests.waiting import within

if TYPE_CHECKING:
    from linx.upstream.pool import Pool
    from tests.fakes.catalogue import Kind

KINDS: tuple[Kind, ...] = ("ollama", "openai")


# --- what goes well ---


@pytest.mark.parametrize("kind", KINDS)
async def test_up_to_the_first_word_then_the_rest(kind: Kind, pool: Pool) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(Answer(tokens=["Hello", " you"], interval_s=0.02))
        one = at(fake)
        attempt = attempt_at(one, pool)
        assert repr(attempt) == "<Attempt a/m running>"
        assert attempt.asked_at is None
        await attempt.begin()
        assert text(attempt.reader.first) == "Hello"
        assert (one.active, attempt.reader.is_done) == (1, False)
        assert attempt.asked_at is not None
        assert attempt.record.request is not None
        assert attempt.record.request.phase == "waiting"
        assert one.health.reachable
        assert text(await rest(attempt)) == "Hello you"
        assert await attempt.reader.more() == []
        attempt.finish()
        assert (attempt.record.outcome, attempt.record.ended is not None) == ("ok", True)
        assert repr(attempt) == "<Attempt a/m ok>"
        assert attempt.record.counters is not None
        assert attempt.record.counters.outcomes == {"ok": 1}
        assert_clean(one, pool, idle=1)
        attempt.close()  # after the end it does nothing
        assert attempt.record.outcome == "ok"
        assert_clean(one, pool, idle=1)
        again = attempt_at(one, pool)
        await again.begin()
        await rest(again)
        again.finish()
        assert len(fake.connections) == 1
        sent = fake.calls[0]
        assert sent.headers["x-linx-hop"] == "hop"
        assert sent.json["model"] == "m"


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_it_ends_the_providers_work_at_once(kind: Kind, pool: Pool) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(Answer(tokens=["x"] * 1000, interval_s=0.01))
        one = at(fake)
        attempt = attempt_at(one, pool)
        await attempt.begin()
        attempt.close()
        assert attempt.record.outcome == "lost"
        assert_clean(one, pool, idle=0)
        with within(0.2):
            await fake.calls[0].hung_up.wait()
        with pytest.raises(StreamBroken):  # never an end that looks proper
            await attempt.reader.more()


@pytest.mark.parametrize("moment", ["before the head", "before the first word"])
async def test_a_cancelled_one_leaves_nothing_behind(moment: str, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.hang() if moment == "before the head" else Answer(first_s=60))
        one = at(fake)
        attempt = attempt_at(one, pool)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt.begin)
            call = await fake.received()
            await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert attempt.record.outcome == "lost"
        assert_clean(one, pool, idle=0)
        assert one.health.consecutive_failures == one.counters.failures == 0
        with within(0.2):
            await call.hung_up.wait()


# --- what goes wrong before the gate ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("reply", "error_type", "outcome"),
    [
        (scripted.status(500, f"oh no, {KEY}"), Refused, "http_500"),
        (scripted.status(401, KEY), Refused, "http_401"),
        (scripted.error_in_200(f"key {KEY}"), Refused, "error_event"),
        (scripted.html(), Garbled, "bad_response"),
        (scripted.garbage(), Garbled, "bad_response"),
        (scripted.closed(), Reset, "reset"),
        (scripted.empty_stream(), EmptyAnswer, "empty"),
        (Raw([Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), Close()]), AttemptError, None),
        (Whole(302, b"", headers=[("Location", "http://127.0.0.1:1/")]), Refused, "http_302"),
    ],
)
async def test_a_failure_has_a_name_and_is_counted(
    kind: Kind, reply: Any, error_type: type[AttemptError], outcome: str | None, pool: Pool
) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(reply)
        one = at(fake)
        attempt = attempt_at(one, pool)
        with pytest.raises(error_type) as caught:
            await attempt.begin()
        error = caught.value
        assert error.provider == "a"
        assert str(error).startswith("a: ")
        assert KEY not in str(error)
        assert KEY[:12] not in str(error)
        assert attempt.record.outcome == (outcome or error.outcome)
        assert attempt.record.ended is not None
        assert one.counters.failures == 1
        assert one.health.consecutive_failures == int(error.blames_provider)
        assert one.active == 0


async def test_nobody_is_there(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.down()
        one = at(fake)
        with pytest.raises(ConnectFailed, match=r"a: .* refused the connection"):
            await attempt_at(one, pool).begin()
        assert one.health.reachable is False
        assert_clean(one, pool, idle=0)


async def test_an_error_body_that_breaks_off_still_has_its_status(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 503 Busy\r\nContent-Length: 500\r\n\r\n{"), Close()]))
        with pytest.raises(Refused) as caught:
            await attempt_at(at(fake), pool).begin()
        assert caught.value.status == 503


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "7")], 7.0),
        ([("Retry-After", "7"), ("Retry-After-Ms", "1500")], 1.5),
        ([("Retry-After", "7"), ("retry-after-ms", "soon")], 7.0),
        ([("Retry-After", "never")], None),
        ([], None),
    ],
)
async def test_the_wait_that_a_provider_asks_for(headers: Any, seconds: float | None, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Whole(429, b"{}", headers=headers))
        one = at(fake)
        with pytest.raises(Refused) as caught:
            await attempt_at(one, pool).begin()
        if seconds is not None:
            assert caught.value.retry_after_s == seconds
            assert one.health.pause_of("m", trio.current_time()) is not None
            assert one.health.pause_of("", trio.current_time()) is None
        assert one.health.consecutive_failures == 0


async def test_silence_is_given_up_where_a_time_is_set(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(first_s=60))
        one = at(fake)
        attempt = attempt_at(one, pool)
        with pytest.raises(Stalled, match=r"a: sent nothing meaningful within 0\.05 s") as caught:
            await attempt.begin(0.05)
        assert caught.value.status == 504
        assert attempt.record.outcome == "timeout"
        assert one.health.consecutive_failures == 1
        with within(0.2):
            await fake.calls[0].hung_up.wait()


# --- what goes wrong after it ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", ["close", "end", "reset", "error", "garble"])
async def test_death_in_mid_answer(kind: Kind, after: Any, pool: Pool) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(scripted.cut_after(3, after, Answer(interval_s=0.01)))
        one = at(fake)
        attempt = attempt_at(one, pool)
        await attempt.begin()
        with pytest.raises(AttemptError) as caught:
            await rest(attempt)
        assert caught.value.provider == "a"
        assert attempt.record.outcome == caught.value.outcome
        assert one.health.consecutive_failures == 1
        assert one.counters.failures == 1
        assert one.active == 0


async def test_one_that_breaks_off_each_time_is_not_well(pool: Pool) -> None:
    """The first word clears no failure; only a whole answer does."""
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        for count in (1, 2, 3):
            fake.next(scripted.cut_after(3))
            attempt = attempt_at(one, pool)
            await attempt.begin()
            with pytest.raises(StreamBroken):
                await rest(attempt)
            assert one.health.consecutive_failures == count
        assert one.health.state(trio.current_time()) == "cooling"
        attempt = attempt_at(one, pool)
        await attempt.begin()
        await rest(attempt)
        attempt.finish()
        assert one.health.consecutive_failures == 0
        assert one.health.state(trio.current_time()) == "up"


# --- how it ends ---


@pytest.mark.parametrize(
    ("raised", "outcome", "failures"),
    [(None, "ok", 0), (Garbled("nonsense"), "bad_response", 1), (KeyError("bug"), "lost", 0)],
    ids=["whole", "failed", "given up"],
)
async def test_a_block_ends_it_as_it_ends_itself(
    raised: Exception | None, outcome: str, failures: int, pool: Pool
) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        attempt = attempt_at(one, pool)
        await attempt.begin()
        with contextlib.nullcontext() if raised is None else pytest.raises(type(raised)):
            with attempt:
                if raised is not None:
                    raise raised
                await rest(attempt)
        assert attempt.record.outcome == outcome
        assert one.counters.failures == one.health.consecutive_failures == failures
        assert_clean(one, pool, idle=int(raised is None))
        if isinstance(raised, AttemptError):
            assert str(raised) == "a: nonsense"


async def test_only_the_first_failure_counts(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.cut_after(3))
        one = at(fake)
        attempt = attempt_at(one, pool)
        await attempt.begin()
        with pytest.raises(StreamBroken) as caught:
            await rest(attempt)
        assert attempt.failed(caught.value) is caught.value
        attempt.close()
        assert (attempt.record.outcome, one.counters.failures) == ("reset", 1)


# --- places ---


async def test_a_place_is_waited_for_and_given_back(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(interval_s=0.01)
        one = at(fake, max_concurrent=1)
        first, second = attempt_at(one, pool), attempt_at(one, pool)
        await first.begin()
        assert second.record.request is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(second.begin)
            await trio.testing.wait_all_tasks_blocked(0.005)
            assert second.record.request.phase == "queued"
            assert second.asked_at is None
            assert len(fake.calls) == 1
            first.close()
        assert text(second.reader.first) == "Hello"
        assert second.asked_at is not None
        await rest(second)
        second.finish()
        assert_clean(one, pool, idle=1)


async def test_no_place_in_time_is_nobodys_fault(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake, max_concurrent=1)
        one.slots.active = 1
        with pytest.raises(Stalled, match=r"had no place free \(max_concurrent\) within 0.02 s"):
            await attempt_at(one, pool).begin(0.02)
        assert one.health.consecutive_failures == 0
        assert (one.active, one.slots.waiting) == (1, 0)
        assert fake.calls == []


async def test_a_waiting_request_has_a_place_that_is_kept_and_a_key_that_has_its_turn(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake, max_concurrent=1)
        first, again, other = attempt_at(one, pool), attempt_at(one, pool), attempt_at(one, pool)
        for attempt, key in ((first, "a"), (again, "a"), (other, "b")):
            assert attempt.record.request is not None
            attempt.record.request.key = key
        await first.begin()
        waiting = [attempt.record.request for attempt in (again, other)]
        async with trio.open_nursery() as nursery:
            for attempt in (again, other):
                nursery.start_soon(attempt.begin)
                await trio.testing.wait_all_tasks_blocked(0.005)
            assert [each and (each.queue, each.place_now()) for each in waiting] == [(1, 2), (1, 1)]
            first.close()
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert (other.asked_at is None, again.asked_at) == (False, None), "a had its turn"
            other.close()
        assert [each and (each.queue, each.place) for each in waiting] == [(1, None), (1, None)]
        assert first.record.request is not None
        assert first.record.request.queue is None
        again.close()
        assert_clean(one, pool, idle=0)


@pytest.mark.parametrize("is_patient", [False, True], ids=["others are left", "the last"])
async def test_where_no_connection_can_be_made_nobody_waits_on(is_patient: bool, pool: Pool) -> None:
    one = at(FakeProvider("openai", ["m"], port=9), max_concurrent=1)
    one.slots.active = 1
    waiting = attempt_at(one, pool, is_patient=is_patient)
    errors: list[AttemptError] = []

    async def wait() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await waiting.begin()
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(0.005)
        attempt_at(one, pool).failed(ConnectFailed("refused the connection"))
    assert "is down, and the request still waited for a place there: refused the connection" in str(errors[0])
    assert (one.health.consecutive_failures, one.active) == (1, 1), "the failure is counted once"
    assert waiting.record.outcome == "connect_failed"
    assert waiting.record.request is not None
    assert waiting.record.request.place is None


async def test_one_that_cannot_go_elsewhere_waits_for_a_provider_that_may_only_be_busy(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake, max_concurrent=1)
        one.slots.active = 1
        able, last = attempt_at(one, pool), attempt_at(one, pool, is_patient=True)

        async def wait() -> None:
            with pytest.raises(ConnectFailed, match=r"did not answer a probe"):
                await able.begin()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(last.begin)
            await trio.testing.wait_all_tasks_blocked(0.005)
            one.health.probed(0.0, "did not answer a probe within 10 s")
            one.turn_away(None)
            await trio.testing.wait_all_tasks_blocked(0.005)
            assert one.slots.waiting == 1
            one.slots.give_back()
        assert last.asked_at is not None
        last.close()
        assert one.health.reachable, "an answer has begun"


async def test_without_a_limit_there_is_no_queue_and_nothing_is_noted(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        attempts = [attempt_at(one, pool) for _ in range(3)]
        for attempt in attempts:
            await attempt.begin()
        assert one.slots.active == 3
        assert {attempt.record.request and attempt.record.request.queue for attempt in attempts} == {None}
        for attempt in attempts:
            attempt.close()


# --- a model that loads ---


@pytest.fixture
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "LOADING_POLL_S", 0.01)


async def test_a_loading_model_is_waited_for_where_nobody_else_is_left(short_polls: None, pool: Pool) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.loading = True
        one = at(fake)
        with pytest.raises(Refused) as caught:
            await attempt_at(one, pool).begin()
        assert (caught.value.status, caught.value.code) == (503, "loading")
        attempt = attempt_at(one, pool, is_patient=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt.begin)
            await fake.received(4)
            assert one.health.state(trio.current_time()) == "loading"
            fake.loading = False
        assert text(attempt.reader.first).startswith("Hello")
        await rest(attempt)
        attempt.finish()
        assert one.health.state(trio.current_time()) == "up"
        assert one.health.consecutive_failures == 0


async def test_what_linx_starts_itself_is_waited_for_even_before_its_port_is_open(
    short_polls: None, pool: Pool
) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.down()
        starting = True
        one = at(fake, starting=lambda: starting)
        attempt = attempt_at(one, pool, is_patient=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt.begin)
            await trio.sleep(0.05)
            assert one.health.state(trio.current_time()) == "loading"
            await fake.up()
            starting = False
        assert text(attempt.reader.first).startswith("Hello")
        attempt.close()


async def test_patience_has_an_end(short_polls: None, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "LONGEST_LOADING_S", 0.2)
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.loading = True
        with within(2), pytest.raises(Refused):
            await attempt_at(at(fake), pool, is_patient=True).begin()
        assert len(fake.calls) >= 2


async def test_other_failures_are_not_waited_for(pool: Pool) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.next(scripted.status(500))
        with pytest.raises(Refused):
            await attempt_at(at(fake), pool, is_patient=True).begin()
        assert len(fake.calls) == 1


# --- whose time it is ---


async def test_the_providers_time_is_not_linxs_own(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(head_s=0.1, first_s=0.1))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        request = attempt.record.request
        assert request is not None
        assert request.upstream_s >= 0.19
        assert request.own_s(trio.current_time()) < 0.1
        assert request.waits == 0
        attempt.close()


async def test_without_a_request_it_works_as_well(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        attempt = attempt_at(at(fake), pool)
        attempt.record.request = None
        await attempt.begin()
        assert text(attempt.reader.first).startswith("Hello")
        attempt.close()
        assert jsontext.loads(fake.calls[0].body)["stream"] is True
