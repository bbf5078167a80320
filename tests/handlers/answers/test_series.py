"""Attempts one after the other: choices numbered through, tokens added up, and one end for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from linx.core.attempt_errors import AttemptError, StreamBroken
from linx.core.chat import ChatBody, ChatRequest, Stamp
from linx.core.redaction import Redactor
from linx.handlers.answers.series import Part, Series
from linx.routing.candidate import Candidate
from linx.routing.chat_attempt import chat_attempt
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.handlers.answers.world import openai_face
from tests.routing.attempts import BODY, assert_clean, at, record_at
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.core.chat import Chunk
    from linx.providers.provider import Provider
    from linx.routing.attempt import Attempt
    from linx.routing.chunk_reader import ChunkReader

CHAT = ChatRequest("asked", ChatBody(BODY))
PARTS = [Part(CHAT, 0), Part(CHAT, 1), Part(CHAT, 2)]


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


@dataclass
class Asked:
    """A series, and the attempts that it has made."""

    series: Series
    made: list[Attempt[ChunkReader]] = field(default_factory=list)


def series_at(one: Provider, pool: Pool, parts: list[Part] = PARTS) -> Asked:
    record = record_at(one)
    made: list[Attempt[ChunkReader]] = []

    def ask(chat: ChatRequest) -> Attempt[ChunkReader]:
        part = record.for_part(pool.clock())
        attempt = chat_attempt(
            Candidate(one, "m"), chat, pool, part, new_id=lambda: "0", hop=b"hop", redactor=Redactor()
        )
        made.append(attempt)
        return attempt

    return Asked(Series(Candidate(one, "m"), record, pool.clock, parts, ask), made)


async def all_of(series: Series) -> list[Chunk]:
    chunks = list(series.reader.first)
    while not series.reader.is_done:
        chunks += await series.reader.more()
    return chunks


def by_choice(chunks: list[Chunk]) -> dict[int, str]:
    texts: dict[int, str] = {}
    for chunk in chunks:
        texts[chunk.index] = texts.get(chunk.index, "") + chunk.text
    return texts


async def test_what_its_parts_are_adapted_to_is_told_of_all_of_it(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"], refuses=["stream_options"]) as fake:
        series = series_at(one := at(fake), pool).series
        await series.begin()
        assert [str(row) for row in series.record.adapted] == ["stream_options"]
        await all_of(series)
        series.finish()
        assert len(fake.calls) == len(PARTS) + 1
        fake.default = scripted.status(400, "no stream_options, again")
        refused = series_at(one, pool).series
        with pytest.raises(AttemptError):
            await refused.begin()
        assert [str(row) for row in refused.record.adapted] == ["stream_options"]


async def test_each_part_has_its_choice_and_all_have_one_usage(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(tokens=["a", "b"]), Answer(tokens=["c"]), Answer(tokens=["d", "e"], interval_s=0.01))
        one = at(fake)
        asked = series_at(one, pool)
        series = asked.series
        assert repr(series) == "<Series <Attempt a/m running>>"
        await series.begin()
        with series:
            chunks = await all_of(series)
            assert series.reader.splice_to(openai_face().encoder(CHAT, Stamp("id", 0.0, pool.clock))) is None
        assert by_choice(chunks) == {0: "ab", 1: "c", 2: "de"}
        usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
        assert [(usage.prompt, usage.completion) for usage in usages] == [(9, 2), (18, 3), (27, 5)]
        assert series.reader.received > 0
        assert await series.reader.more() == []
        assert [attempt.record.outcome for attempt in asked.made] == ["ok", "ok", "ok"]
        assert series.record.outcome == "ok"
        # Three requests to the provider are one attempt in the records.
        assert series.record.counters is not None
        assert series.record.counters.outcomes == {"ok": 1}
        assert_clean(one, pool, idle=1)


async def test_what_leads_comes_before_what_was_made_of_it(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(tokens=["!"])
        parts = [Part(CHAT, 0, ((0, "one"),)), Part(CHAT, 1, ((1, "two"),))]
        asked = series_at(at(fake), pool, parts)
        await asked.series.begin()
        with asked.series:
            assert by_choice(await all_of(asked.series)) == {0: "one!", 1: "two!"}


async def test_a_series_of_one_leaves_the_usage_as_it_is(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        asked = series_at(at(fake), pool, [Part(CHAT, 0, ((0, "x"),))])
        await asked.series.begin()
        with asked.series:
            (usage,) = [chunk.usage for chunk in await all_of(asked.series) if chunk.usage is not None]
        assert usage.source is not None


@pytest.mark.parametrize(
    ("second", "outcome"),
    [(scripted.status(500), "http_500"), (scripted.cut_after(2), "reset")],
    ids=["before its gate", "behind its gate"],
)
async def test_a_part_that_fails_is_a_failure_of_all_and_counts_once(second: Any, outcome: str, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Answer(), second)
        one = at(fake)
        asked = series_at(one, pool)
        await asked.series.begin()
        with pytest.raises(AttemptError, match=r"^a: "), asked.series:
            await all_of(asked.series)
        assert [attempt.record.outcome for attempt in asked.made] == ["ok", outcome]
        assert asked.series.record.outcome == outcome
        assert (one.counters.failures, one.health.consecutive_failures) == (1, 1)
        assert one.active == 0


async def test_the_first_part_s_failure_is_that_of_the_gate(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.empty_stream())
        one = at(fake)
        asked = series_at(one, pool)
        with pytest.raises(AttemptError, match=r"^a: "):
            await asked.series.begin()
        assert asked.series.record.outcome == "empty"
        assert one.counters.failures == 1
        assert_clean(one, pool, idle=0)


async def test_what_cannot_be_told_is_a_failure_of_the_part_that_runs(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake)
        asked = series_at(one, pool)
        await asked.series.begin()
        with pytest.raises(StreamBroken), asked.series:
            raise StreamBroken("cannot be told")
        assert asked.made[0].record.outcome == asked.series.record.outcome == "reset"
        assert one.active == 0


@pytest.mark.parametrize("moment", ["before the gate", "behind it", "in the second part"])
async def test_a_cancelled_one_leaves_nothing_behind(moment: str, pool: Pool) -> None:
    slow = Answer(tokens=["x"] * 1000, interval_s=0.05)
    async with FakeProvider("openai", ["m"]) as fake:
        replies: dict[str, list[scripted.Reply]] = {"before the gate": [scripted.hang()], "behind it": [slow]}
        fake.next(*replies.get(moment, [Answer(), slow]))
        one = at(fake, max_concurrent=1)
        asked = series_at(one, pool)

        async def run() -> None:
            await asked.series.begin()
            with asked.series:
                await all_of(asked.series)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            call = await fake.received(2 if moment == "in the second part" else 1)
            await trio.testing.wait_all_tasks_blocked(0.005)
            assert one.active == 1
            nursery.cancel_scope.cancel()
        assert asked.series.record.outcome == "lost"
        assert one.counters.failures == 0
        assert_clean(one, pool, idle=0)
        with within(0.2):
            await call.hung_up.wait()


async def test_while_it_waits_for_a_place_nobody_was_asked(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        one = at(fake, max_concurrent=1)
        one.slots.active = 1
        asked = series_at(one, pool)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asked.series.begin)
            await trio.testing.wait_all_tasks_blocked(0.005)
            assert asked.series.asked_at is None
            one.slots.give_back()
        assert asked.series.asked_at is not None
        asked.series.close()
        assert_clean(one, pool, idle=0)
