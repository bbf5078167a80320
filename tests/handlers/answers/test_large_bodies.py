"""A large request must not stand in the way of other streams, whichever face it comes to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext, worker
from linx.core.jsontext import LARGE
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.shared.tokens import prompt_tokens_estimate
from linx.handlers.request_facts import conversation_of, read_large, read_object
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import Asked, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.exchange import Exchange

HALF = rb'"\ud83d"'  # alone it takes the slow road of the parser
MESSAGE = b'{"role":"user","content":"hello"}'


class Quick(FakeProvider):
    """Does not look into what it is asked, which would stall this very loop."""

    def body_fields(self, exchange: Exchange) -> dict[str, Any]:
        return {"model": "m", "stream": True}


def many_messages(list_name: bytes) -> bytes:
    return b'{"model":"m","max_tokens":9,"%b":[%b]}' % (list_name, b",".join([MESSAGE] * 80_000))


def many_halves(_list_name: bytes) -> bytes:
    said = b",".join([HALF] * 250_000)
    return b'{"model":"m","max_tokens":9,"messages":[%b],"input":[%b],"x":[%b]}' % (MESSAGE, MESSAGE, said)


async def longest_stall(task_status: trio.TaskStatus[list[float]]) -> None:
    worst = [0.0]
    task_status.started(worst)
    while True:
        before = time.perf_counter()
        await trio.sleep(0.005)
        worst[0] = max(worst[0], time.perf_counter() - before - 0.005)


@pytest.mark.parametrize(
    ("path", "list_name", "make"),
    [
        ("/v1/chat/completions", b"messages", many_messages),
        ("/v1/chat/completions", b"messages", many_halves),
        ("/api/chat", b"messages", many_messages),
        ("/v1/messages", b"messages", many_messages),
        ("/v1/responses", b"input", many_messages),
    ],
)
async def test_the_loop_does_not_stall(path: str, list_name: bytes, make: Callable[[bytes], bytes]) -> None:
    body = make(list_name)
    async with Quick("openai", ["m"]) as one, Quick("openai", ["m"]) as two, trio.open_nursery() as nursery:
        async with world(one, two) as here:
            worst = await nursery.start(longest_stall)
            before = time.perf_counter()
            answer = await here.fetch(path, body)
            took = time.perf_counter() - before
        nursery.cancel_scope.cancel()
    assert answer.status == 200
    assert one.calls or two.calls
    # A third of all the work would be one part of it that was done at a stretch.
    assert worst[0] < max(0.25, took / 3), f"stalled for {worst[0]:.3f} s of {took:.3f} s"


async def test_a_small_body_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def in_thread(work: Callable[..., Any], *args: object) -> Any:
        beside_of.append(work)
        return work(*args)

    beside_of: list[object] = []
    monkeypatch.setattr(worker, "in_thread", in_thread)
    text = b"x" * (LARGE - 70)
    small = b'{"model":"m","stream":false,"messages":[{"role":"user","content":"%b"}]}' % text
    assert len(small) == LARGE
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        assert (await here.fetch("/v1/chat/completions", small)).status == 200
        assert not beside_of
        assert (await here.fetch("/v1/chat/completions", small + b" ")).status == 200
        assert beside_of
    assert len(fake.calls) == 2
    assert fake.calls[0].body == fake.calls[1].body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"model":"m","messages":[' + b"[]," * 150_000, 400, "not valid JSON"),
        (b'{"model":"m","messages":[' + b"[]," * 250_000 + b"[]]}", 413, "larger than"),
        (b'{"model":7,"messages":[' + MESSAGE + b',{"role":"user","content":"' + b"x" * LARGE + b'"}]}', 400, "model"),
    ],
)
async def test_its_errors_come_out_as_ever(path: str, body: bytes, status: int, says: str) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch(path, body)
    assert answer.status == status
    assert says in answer.body.decode()


async def test_what_is_counted_beside_is_what_would_be_counted_here() -> None:
    face = OpenAIFace()
    messages = [
        {"role": "system", "content": "s" * LARGE},
        {"role": "user", "content": [{"type": "text", "text": "é"}]},
    ]
    body = jsontext.dumps({"model": "m", "messages": messages})
    here, beside = face.parse(read_object(body)), await read_large(body, face.parse)
    assert here.weight is None
    assert beside.weight is not None
    assert beside.weight.size == len(body)
    assert prompt_tokens_estimate(beside) == prompt_tokens_estimate(here)
    request: Any = Asked()
    assert conversation_of(request, beside) == conversation_of(request, here) is not None
