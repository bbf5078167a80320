"""What is relayed: how it is written, what opens the gate, and what never looks like an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.attempt_errors import AttemptError, EmptyAnswer, Fallback, Garbled, Refused
from linx.core.redaction import Redactor
from linx.handlers.answers.payload import Payload
from linx.handlers.answers.relay_attempt import RelayReader, RelayWriter
from linx.routing.attempt import Attempt
from linx.routing.candidate import Candidate
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, ReadRequest, Send, Sleep, Whole
from tests.routing.attempts import assert_clean, at, record_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.providers.provider import Provider
    from tests.fakes.scripted import Step

PATH = "/audio/speech"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n\r\n"


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


class Rest:
    """The rest of a body that is not held."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)


def attempt_at(one: Provider, pool: Pool, payload: Payload | None = None, **how: Any) -> Attempt[RelayReader]:
    body = payload or Payload(b'{"model":"asked"}', b"application/json")
    settings = {"path": PATH, "asked": "asked", "hop": b"hop", "under_api": True, **how}
    writer = RelayWriter(Candidate(one, "m"), payload=body, **settings)
    return Attempt(Candidate(one, "m"), writer, RelayReader(), pool, record_at(one), Redactor())


async def rest(attempt: Attempt[RelayReader]) -> bytes:
    body = attempt.reader.first
    while data := await attempt.reader.read():
        body += data
    return body


async def test_bytes_pass_as_they_come(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([ReadRequest(), Send(HEAD % b"audio/mpeg" + b"\x00one"), Sleep(0.02), Send(b"two"), Close()]))
        one = at(fake)
        attempt = attempt_at(one, pool)
        await attempt.begin()
        reader = attempt.reader
        assert (reader.first, reader.kind, reader.is_whole) == (b"\x00one", b"audio/mpeg", False)
        with attempt:
            assert await rest(attempt) == b"\x00onetwo"
        (call,) = fake.calls
        assert (call.path, call.body, call.headers["x-linx-hop"]) == ("/v1/audio/speech", b'{"model":"m"}', "hop")
        assert_clean(one, pool, idle=0)


async def test_a_short_answer_is_known_to_be_whole(pool: Pool) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        fake.at["/tokenize"] = Whole(200, b'{"tokens":[]}')
        one = at(fake)
        attempt = attempt_at(one, pool, path="/tokenize", under_api=False)
        await attempt.begin()
        assert (attempt.reader.first, attempt.reader.is_whole) == (b'{"tokens":[]}', True)
        attempt.finish()
        assert_clean(one, pool, idle=1)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (b"audio/mpeg", b"audio/mpeg"),
        (b"text/plain; charset=utf-8", b"text/plain; charset=utf-8"),
        (b"text/plain; a=<b>", b"application/octet-stream"),
        (b"nonsense", b"application/octet-stream"),
    ],
)
async def test_the_content_type_is_made_anew(given: bytes, kind: bytes, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([ReadRequest(), Send(HEAD % given + b"x"), Close()]))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert attempt.reader.kind == kind
        attempt.close()


EVENT = b'event: error\ndata: {"error":{"message":"it broke"}}\n\n'


@pytest.mark.parametrize(
    ("reply", "error_type", "says"),
    [
        (Whole(200, b""), EmptyAnswer, "an empty answer"),
        (scripted.html(), Garbled, "HTML"),
        (Whole(200, b'{"error":{"message":"it broke"}}'), Refused, "it broke"),
        (Whole(200, EVENT, "text/event-stream"), Refused, "it broke"),
        (Whole(200, b'{"error": x'), Garbled, "an error instead"),
        (Whole(401, b"{}"), Refused, "API key"),
    ],
    ids=["empty", "html", "an error", "an error event", "half an error", "a status"],
)
async def test_what_never_looks_like_an_answer(
    reply: Any, error_type: type[AttemptError], says: str, pool: Pool
) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(reply)
        one = at(fake)
        with pytest.raises(error_type, match=says) as caught:
            await attempt_at(one, pool).begin()
        assert (caught.value.provider, caught.value.fallback) == ("a", Fallback.YES)
        assert (one.active, one.counters.failures) == (0, 1)


async def test_an_error_is_seen_however_it_is_cut(pool: Pool) -> None:
    pieces: list[Step] = [Send(EVENT[:20]), Sleep(0.02), Send(EVENT[20:])]
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Raw([ReadRequest(), Send(HEAD % b"text/event-stream"), *pieces, Close()]))
        with pytest.raises(Refused, match="it broke"):
            await attempt_at(at(fake), pool).begin()


@pytest.mark.parametrize("body", [b'{"error":null,"data":[]}', b'{"errors":[]}', b'{"a":{"error":"x"}}'])
async def test_what_only_looks_like_an_error_passes(body: bytes, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Whole(200, body))
        attempt = attempt_at(at(fake), pool)
        await attempt.begin()
        assert attempt.reader.first == body
        attempt.finish()


@pytest.mark.parametrize(("length", "sent_as"), [(16, "content-length"), (None, "transfer-encoding")])
async def test_a_body_that_is_not_all_here_is_sent_as_it_comes(length: int | None, sent_as: str, pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(Whole(200, b"ok", "text/plain"))
        payload = Payload(b"..asked..", b"multipart/form-data", (2, 7), Rest(b"abc", b"defg"), length)
        attempt = attempt_at(at(fake), pool, payload)
        await attempt.begin()
        attempt.finish()
        (call,) = fake.calls
        assert call.body == b"..m..abcdefg"
        assert call.headers[sent_as] == ("12" if length else "chunked")
        assert call.headers["content-type"] == "multipart/form-data"


async def test_once_something_of_it_is_gone_nobody_else_may_be_asked(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(500))
        payload = Payload(b"..asked..", b"multipart/form-data", (2, 7), Rest(b"abc"))
        with pytest.raises(Refused) as caught:
            await attempt_at(at(fake), pool, payload).begin()
        assert caught.value.fallback is Fallback.NO


async def test_a_refusal_is_never_answered_with_the_same_in_another_way(pool: Pool) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.next(scripted.status(400, "no stream_options, please"))
        with pytest.raises(Refused):
            await attempt_at(at(fake), pool).begin()
        assert len(fake.calls) == 1
