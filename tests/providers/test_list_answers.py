"""Long answers with lists: read once for the same bytes, with the same result as short ones, and without a stall."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, Garbled
from linx.providers import list_answers
from linx.providers.catalog import refresh
from linx.providers.list_answers import LONG, LongAnswers, json_of
from linx.providers.lists import NotJSON
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.providers.asked import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.core.redaction import Redactor
    from linx.providers.provider import Provider
    from linx.upstream.pool import Pool
    from tests.fakes.catalogue import Kind

PADDING = b" " * LONG
SHORT_STALL_S = 0.005


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"id":"m","n":[1,2.5,null,true,"\\u00e9"]}]}',
        b'[{"id":"m"},"n"]',
        b'{"a":1,"a":2}',
        b'{"a":NaN,"b":"\\ud83d","c":"\xff","d":123456789012345678901234567890}',
        b'\xef\xbb\xbf{"a":"tab\there"}',
        b"7",
        b'{"a":',
        b"<html>",
        b"[" * 300 + b"]" * 300,
        b'{"error":{"message":"no such key","code":401}}',
    ],
    ids=["list", "names", "repeated", "odd", "mark", "number", "torn", "page", "deep", "error"],
)
def test_a_long_answer_says_what_a_short_one_says(body: bytes) -> None:
    def said(text: bytes) -> Any:
        try:
            return json_of(200, text)
        except AttemptError as error:
            return type(error), error.problem

    assert said(body + PADDING) == said(body)


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_status_that_is_no_answer(status: int) -> None:
    with pytest.raises(AttemptError):
        json_of(status, b'{"data":[]}' + PADDING)


def test_an_answer_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_answers, "MOST_MARKS", 100)
    for padding in (b"", PADDING):
        with pytest.raises(Garbled, match="more than 100 values"):
            json_of(200, b"[" + b"0," * 100 + b"0]" + padding)


async def test_the_same_long_answer_is_read_once() -> None:
    answers, made = LongAnswers(), list[Any]()

    def make(value: Any) -> Any:
        made.append(value)
        return value

    one = await answers.made_of(b"/models", 200, b'{"data":[1]}' + PADDING, make)
    assert await answers.made_of(b"/models", 200, b'{"data":[1]}' + PADDING, make) is one
    assert made == [{"data": [1]}]
    assert await answers.made_of(b"/models", 200, b'{"data":[2]}' + PADDING, make) == {"data": [2]}
    assert await answers.made_of(b"/models", 200, b'{"data":[1]}' + PADDING, make) is not one
    assert await answers.made_of(b"/models", 200, b'{"data":[1]}' + PADDING, str) == "{'data': [1]}"
    with pytest.raises(AttemptError):
        await answers.made_of(b"/models", 500, b'{"data":[1]}' + PADDING, str)


async def test_few_long_answers_are_kept_and_no_short_ones() -> None:
    answers = LongAnswers()
    long = b'{"data":[1]}' + PADDING
    first = await answers.made_of(b"/0", 200, long, list)
    for number in range(1, list_answers.MOST_KEPT):
        await answers.made_of(b"/%d" % number, 200, long, list)
    assert await answers.made_of(b"/0", 200, long, list) is first
    for number in range(1, list_answers.MOST_KEPT + 1):
        await answers.made_of(b"/%d" % number, 200, long, list)
    assert await answers.made_of(b"/0", 200, long, list) is not first
    short = await answers.made_of(b"/short", 200, b"[1]", list)
    assert await answers.made_of(b"/short", 200, b"[1]", list) is not short


async def test_what_cannot_be_made_is_told_each_time() -> None:
    answers = LongAnswers()
    for _ in range(2):
        with pytest.raises(NotJSON):
            await answers.made_of(b"/models", 200, b"<html>" + PADDING, list)


def openai_list(count: int, **more: Any) -> bytes:
    entries = [
        {"id": f"vendor/model-{n}", "pricing": {"prompt": "0.1", "completion": "1"}, **more} for n in range(count)
    ]
    return jsontext.dumps({"object": "list", "data": entries})


def tags(count: int, **more: Any) -> bytes:
    return jsontext.dumps({"models": [{"name": f"model-{n}:7b", "digest": f"{n:064x}", **more} for n in range(count)]})


LISTS: dict[Kind, tuple[str, Callable[..., bytes]]] = {
    "openai": ("/v1/models", openai_list),
    "ollama": ("/api/tags", tags),
}


async def listed_from(kind: Kind, fake: FakeProvider, body: bytes) -> Provider:
    fake.at[LISTS[kind][0]] = Whole(200, body)
    fake.at["/api/show"] = Whole(200, b'{"capabilities":["completion"]}')
    return at(fake)


@pytest.mark.parametrize("kind", LISTS)
async def test_a_list_that_has_not_changed_leaves_the_models_as_they_are(
    kind: Kind, pool: Pool, redactor: Redactor
) -> None:
    """So nothing that was made of them has to be made anew: see ``linx.handlers.kept_lists``."""
    path, write = LISTS[kind]
    count = 600 if kind == "openai" else 300
    async with FakeProvider(kind, ["m"]) as fake:
        one = await listed_from(kind, fake, write(count, note="x" * 100))
        await refresh(one, pool, redactor)
        before = one.models
        assert len(before) == count
        await refresh(one, pool, redactor)
        assert one.models is before
        fake.at[path] = Whole(200, write(count + 1, note="x" * 100))
        await refresh(one, pool, redactor)
        assert len(one.models) == count + 1
        assert one.listed(list(one.models)[-1]) is not None


@pytest.fixture
def short_collections() -> Iterator[None]:
    """The garbage collector looks at what the test makes, and not at all that other tests and libraries hold."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def longest_step_s(pool: Pool, redactor: Redactor) -> float:
    """CPU time of the event loop's thread between two turns of a task that asks for each turn, while a list is read."""
    async with FakeProvider("openai", ["m"]) as fake:
        one = await listed_from("openai", fake, openai_list(4000, note="x" * 100))
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                start = time.thread_time()
                await trio.lowlevel.checkpoint()
                longest = max(longest, time.thread_time() - start)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await refresh(one, pool, redactor)
            nursery.cancel_scope.cancel()
        assert len(one.models) == 4000
        return longest


@pytest.mark.untraced
@pytest.mark.usefixtures("short_collections")
async def test_a_new_long_list_holds_up_no_other_task(pool: Pool, redactor: Redactor) -> None:
    # The least of three, since the allocator may give back or take a heap just now.
    steps = [await longest_step_s(pool, redactor) for _ in range(3)]
    assert min(steps) < 4 * SHORT_STALL_S  # read and made in one go it takes 150 ms
