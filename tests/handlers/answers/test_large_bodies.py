"""A large request must not stand in the way of other streams, whichever face it comes to."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext, jsontext_pieces, worker
from linx.core.chat import Chunk, RequestFacts, Stamp
from linx.core.jsontext import LARGE
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.shared.tokens import prompt_tokens
from linx.handlers.request_facts import conversation_of, read_chat, read_object
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import Asked, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.exchange import Exchange

HALF = rb'"\ud83d"'  # alone it takes the slow road of the parser
MESSAGE = b'{"role":"user","content":"hello"}'


class Quick(FakeProvider):
    """Does not look into what it is asked, which would stall this very loop."""

    def body_fields(self, exchange: Exchange) -> dict[str, Any]:
        return {"model": "m", "stream": True}


def many_messages(list_name: bytes) -> bytes:
    return b'{"model":"m","max_tokens":9,"%b":[%b]}' % (list_name, b",".join([MESSAGE] * 40_000))


def many_halves(_list_name: bytes) -> bytes:
    said = b",".join([HALF] * 120_000)
    return b'{"model":"m","max_tokens":9,"messages":[%b],"input":[%b],"x":[%b]}' % (MESSAGE, MESSAGE, said)


async def longest_stall(task_status: trio.TaskStatus[list[float]]) -> None:
    """The most work between two turns of the loop, in seconds of this process, its threads included.

    What another process has the machine for counts in neither this nor the whole.
    """
    worst = [0.0]
    task_status.started(worst)
    while True:
        before = time.process_time()
        await trio.sleep(0.005)
        worst[0] = max(worst[0], time.process_time() - before)


@pytest.fixture
def short_collections() -> Iterator[None]:
    """The garbage collector looks at what the test makes, and not at all that other tests and libraries hold."""
    gc.freeze()
    yield
    gc.unfreeze()


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
@pytest.mark.usefixtures("short_collections")
async def test_the_loop_does_not_stall(path: str, list_name: bytes, make: Callable[[bytes], bytes]) -> None:
    body = make(list_name)
    async with Quick("openai", ["m"]) as one, Quick("openai", ["m"]) as two, trio.open_nursery() as nursery:
        async with world(one, two) as here:
            worst = await nursery.start(longest_stall)
            before = time.process_time()
            answer = await here.fetch(path, body)
            took = time.process_time() - before
        nursery.cancel_scope.cancel()
    assert answer.status == 200
    assert one.calls or two.calls
    # An eighth is usual. A third would be one part of the work that was done at a stretch, such as the parsing.
    assert worst[0] < took / 3, f"stalled for {worst[0]:.3f} s of {took:.3f} s"


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


SPACE = b" " * LARGE


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        pytest.param(SPACE + b'{"model":"m","messages":[' + b"[]," * 1_000, 400, "not valid JSON", id="torn"),
        pytest.param(
            SPACE + b'{"model":"m","messages":[' + b"[]," * 2_500 + b"[]]}", 413, "larger than", id="too many lists"
        ),
        pytest.param(SPACE + b'{"model":7,"messages":[' + MESSAGE + b"]}", 400, "model", id="model is a number"),
    ],
)
async def test_its_errors_come_out_as_ever(
    path: str, body: bytes, status: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsontext, "MOST_MARKS", 1_000)  # beyond it, a large body is read in pieces
    monkeypatch.setattr(jsontext_pieces, "MAX_CONTAINERS", 2_000)
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch(path, body)
    assert answer.status == status
    assert says in answer.body.decode()


class Sent(Asked):
    """A request with this body."""

    def __init__(self, body: bytes) -> None:
        super().__init__({})
        self._body = body

    async def body(self) -> bytes:
        return self._body


async def test_what_is_found_out_beside_is_what_would_be_found_out_here() -> None:
    face = OpenAIFace()
    messages = [
        {"role": "system", "content": "s" * LARGE},
        {"role": "user", "content": [{"type": "text", "text": "é"}]},
    ]
    body = jsontext.dumps({"model": "m", "messages": messages})
    request: Any = Sent(body)
    here, beside = face.parse(read_object(body)), await read_chat(request, face.parse)
    assert here.facts == RequestFacts()
    assert beside.facts.size == len(body)
    assert None not in (beside.facts.prompt_tokens, beside.facts.opening)
    assert prompt_tokens(beside) == prompt_tokens(here)
    assert conversation_of(request, beside) == conversation_of(request, here) is not None


async def test_of_a_small_request_nothing_is_found_out_before_it_is_asked_for() -> None:
    request: Any = Sent(b'{"model":"m","messages":[%b]}' % MESSAGE)
    chat = await read_chat(request, OpenAIFace().parse)
    assert chat.facts == RequestFacts(len(await request.body()))


def short_messages(size: int) -> bytes:
    """A body of Anthropic's dialect with as many messages of two letters as go into ``size`` bytes."""
    frame = b'{"model":"m","max_tokens":9,"stream":true,"messages":[%b{"role":"user","content":"%b"}]}'
    message = b'{"role":"user","content":"hi"},'
    count, rest = divmod(size - len(frame % (b"", b"")), len(message))
    return frame % (message * count, b"x" * rest)


async def test_the_estimate_makes_no_jump_where_bodies_are_read_beside_the_loop() -> None:
    """Two ways to count once fed one field: 77,062 tokens for the first of these bodies and 132,055 for the second."""
    bodies = [short_messages(524_080), short_messages(524_845)]
    assert [len(body) for body in bodies] == [524_080, 524_845]
    assert len(bodies[0]) <= LARGE < len(bodies[1])
    face = AnthropicFace()
    counted: list[int] = []
    begun: list[int] = []
    async with Quick("openai", ["m"]) as fake, world(fake) as here:
        for body in bodies:
            answer = await here.fetch("/v1/messages/count_tokens", body)
            counted.append(answer.json["input_tokens"])
            request: Any = Sent(body)
            encoder = face.encoder(await read_chat(request, face.parse), Stamp("ab", 0.0, lambda: 0.0))
            start = encoder.frames([Chunk(text="x")]).partition(b"data: ")[2].partition(b"\n")[0]
            begun.append(jsontext.loads(start)["message"]["usage"]["input_tokens"])
    assert counted == begun
    assert 0 <= counted[1] - counted[0] < 0.01 * counted[0]
