"""One attempt over real sockets: the first meaningful chunk or one error with a name, and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core import jsontext
from linx.core.chat import ChatRequest
from linx.core.errors import (
    AttemptError,
    ConnectFailed,
    EmptyAnswer,
    Fallback,
    Garbled,
    Refused,
    Reset,
    Stalled,
    StreamBroken,
)
from linx.core.redaction import Redactor
from linx.core.telemetry import AttemptRecord, Counters, RequestRecord
from linx.dialects.ollama.decoder import GENERATE
from linx.routing import attempt as attempt_module
from linx.routing.attempt import Attempt
from linx.routing.candidate import Candidate
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Close, Raw, Send, Sleep, Whole
from tests.routing.world import has, provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.core.chat import Chunk
    from linx.providers.provider import Provider

KEY = "sk-secret-0123456789abcdef"
BODY: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}
KINDS: tuple[Kind, ...] = ("ollama", "openai")


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


def at(fake: FakeProvider, **config: Any) -> Provider:
    return has(provider("a", kind=fake.kind, **{"endpoint": fake.endpoint, "api_key": KEY, **config}), "m")


def attempt_at(one: Provider, pool: Pool, chat: ChatRequest | None = None, *, is_patient: bool = False) -> Attempt:
    redactor = Redactor()
    redactor.add(KEY)
    now = trio.current_time()
    request = RequestRecord("id", 0.0, now, "POST", "/x")
    record = AttemptRecord(one.name, "m", now, request=request, counters=Counters())
    request.attempts.append(record)
    return Attempt(
        Candidate(one, "m"),
        chat or ChatRequest("asked", BODY),
        pool,
        record,
        new_id=lambda: "0123",
        hop=b"hop",
        redactor=redactor,
        is_patient=is_patient,
    )


async def rest(attempt: Attempt) -> list[Chunk]:
    chunks = list(attempt.first)
    while not attempt.done:
        more = await attempt.more()
        if more is None:
            break
        chunks += more
    return chunks


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def assert_clean(one: Provider, pool: Pool, *, idle: int) -> None:
    assert one.active == 0
    assert repr(pool) == f"Pool: 0 active, {idle} idle"


# --- what goes well ---


@pytest.mark.parametrize("kind", KINDS)
async def test_up_to_the_first_word_then_the_rest(kind: Kind, pool: Pool) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.next(Answer(tokens=["Hello", " you"], interval_s=0.02))
        one = at(fake)
        attempt = attempt_at(one, pool)
        assert repr(attempt) == "<Attempt a/m running>"
        assert attempt.asked_at is None
        first = await attempt.begin()
        assert first is attempt.first
        assert text(first) == "Hello"
        assert (one.active, attempt.done) == (1, False)
        assert attempt.asked_at is not None
        assert attempt.record.request is not None
        assert attempt.record.request.phase == "waiting"
        assert one.health.reachable
        assert text(await rest(attempt)) == "Hello you"
        assert await attempt.more() is None
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


async def test_what_is_not_meaningful_does_not_open_the_gate(pool: Pool) -> None:
    frames = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(head + b": hi\n\n"), Sleep(0.02), Send(frames), Sleep(0.02), Send(word), Close()]))
        attempt = attempt_at(at(fake), pool)
        first = await attempt.begin(5.0)
        assert text(first) == "x"
        assert len(first) > 1  # what came before is kept
        assert attempt.done
        attempt.finish()


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
        with trio.fail_after(0.2):
            await fake.calls[0].hung_up.wait()
        assert await attempt.more() is None


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
        with trio.fail_after(0.2):
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
            assert one.health.is_paused(trio.current_time())
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
        with trio.fail_after(0.2):
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


async def test_a_connection_that_is_gone_ends_the_chunks(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.cut_after(3, "reset", Answer(interval_s=0.01)))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        with pytest.raises(AttemptError):
            await rest(attempt)
        assert await attempt.more() is None


async def test_an_error_in_one_read_with_words_comes_after_them(pool: Pool) -> None:
    wire = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: {"error":{"message":"crash"}}\n\n'
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + wire), Close()]))
        attempt = attempt_at(at(fake), pool)
        assert text(await attempt.begin()) == "x"
        with pytest.raises(Refused, match="crash"):
            await attempt.more()


async def test_the_same_later_on(pool: Pool) -> None:
    word = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([Send(b"HTTP/1.1 200 OK\r\n\r\n" + word), Sleep(0.02), Send(word + b"data: {]\n\n"), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert text(await attempt.more() or []) == "x"
        with pytest.raises(Garbled):
            await attempt.more()


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
        assert text(second.first) == "Hello"
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
        assert text(attempt.first).startswith("Hello")
        await rest(attempt)
        attempt.finish()
        assert one.health.state(trio.current_time()) == "up"
        assert one.health.consecutive_failures == 0


async def test_what_linx_starts_itself_is_waited_for_even_before_its_port_is_open(
    short_polls: None, pool: Pool
) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.down()
        one = at(fake)
        starting = True
        one.is_starting = lambda: starting
        attempt = attempt_at(one, pool, is_patient=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt.begin)
            await trio.sleep(0.05)
            assert one.health.state(trio.current_time()) == "loading"
            await fake.up()
            starting = False
        assert text(attempt.first).startswith("Hello")
        attempt.close()


async def test_patience_has_an_end(short_polls: None, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_module, "LONGEST_LOADING_S", 0.2)
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.loading = True
        with trio.fail_after(2), pytest.raises(Refused):
            await attempt_at(at(fake), pool, is_patient=True).begin()
        assert len(fake.calls) >= 2


async def test_other_failures_are_not_waited_for(pool: Pool) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.next(scripted.status(500))
        with pytest.raises(Refused):
            await attempt_at(at(fake), pool, is_patient=True).begin()
        assert len(fake.calls) == 1


# --- asking otherwise ---


async def test_stream_options_are_left_out_for_who_refuses_them(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"], refuses=["stream_options"]) as fake:
        one = at(fake)
        for _ in range(2):
            attempt = attempt_at(one, pool)
            await attempt.begin()
            await rest(attempt)
            attempt.finish()
        assert ["stream_options" in call.json for call in fake.calls] == [True, False, False]
        assert not one.takes_stream_options
        assert one.health.consecutive_failures == 0


async def test_who_refuses_them_even_so_is_asked_once_more_only(pool: Pool) -> None:
    complaint = scripted.status(400, "no stream_options, please")
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(complaint, complaint, complaint)
        with pytest.raises(Refused) as caught:
            await attempt_at(at(fake), pool).begin()
        assert caught.value.fallback is Fallback.NO
        assert len(fake.calls) == 2


async def test_thinking_is_asked_for_only_of_who_can(pool: Pool) -> None:
    wish = ChatRequest("asked", {**BODY, "reasoning_effort": "high"})
    async with FakeProvider("ollama", [Model("m", ("completion", "thinking"))]) as fake:
        one = at(fake)
        attempt = attempt_at(one, pool, wish)
        await attempt.begin()
        assert [exchange.path for exchange in fake.requests] == ["/api/show", "/api/chat"]
        assert fake.calls[0].json["think"] == "high"
        attempt.close()
        fake.models = [Model("m", ("completion",))]
        fresh = at(fake)
        attempt = attempt_at(fresh, pool, wish)
        await attempt.begin()
        assert "think" not in fake.calls[1].json
        attempt.close()
        native = ChatRequest(
            "asked", BODY, dialect="ollama", native={"model": "asked", "messages": BODY["messages"], "think": True}
        )
        other = at(fake)
        attempt = attempt_at(other, pool, native)
        with pytest.raises(Refused, match="does not support thinking"):
            await attempt.begin()
        assert other.find("m") is not None


async def test_a_model_that_cannot_be_asked_about_is_a_failure_of_the_attempt(pool: Pool) -> None:
    async with FakeProvider("ollama", ["other"]) as fake:
        wish = ChatRequest("asked", {**BODY, "reasoning_effort": "high"})
        with pytest.raises(Refused, match="a: does not have the model") as caught:
            await attempt_at(at(fake), pool, wish).begin()
        assert caught.value.outcome == "http_404"


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_path_that_is_not_there_is_something_it_cannot_do(status: int, pool: Pool) -> None:
    insert = ChatRequest("asked", BODY, dialect=GENERATE, native={"model": "asked", "prompt": "a", "suffix": "b"})
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.next(Whole(status, b"File Not Found", "text/plain"))
        one = at(fake)
        with pytest.raises(Refused, match="a: does not support insert") as caught:
            await attempt_at(one, pool, insert).begin()
        assert caught.value.code == "unsupported_feature"
        assert caught.value.fallback is Fallback.YES
        assert one.health.consecutive_failures == 0


async def test_what_a_dialect_refuses_is_never_sent(pool: Pool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        one = at(fake)
        with pytest.raises(Refused, match="a: does not support n > 1"):
            await attempt_at(one, pool, ChatRequest("asked", {**BODY, "n": 2})).begin()
        assert fake.requests == []
        assert_clean(one, pool, idle=0)


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
        assert text(await attempt.begin()).startswith("Hello")
        attempt.close()
        assert jsontext.loads(fake.calls[0].body)["stream"] is True
