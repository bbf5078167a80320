"""Which path is relayed, by whom, and what becomes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from linx.core.errors import UnknownEndpoint
from linx.handlers.answers.relay import inner_path
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, ReadRequest, Send, Sleep, Whole
from tests.handlers.answers.world import world

if TYPE_CHECKING:
    from tests.fakes.scripted import Step


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/rerank", "/rerank"),
        ("/v1/rerank", "/rerank"),
        ("/v1/v1/rerank/", "/rerank"),
        ("/api/v1/audio/speech", "/audio/speech"),
        ("/cursor/v1/images/edits", "/images/edits"),
        ("/infill", "/infill"),
    ],
)
def test_what_clients_put_in_front_is_taken_off(path: str, inner: str) -> None:
    assert inner_path(path) == inner


@pytest.mark.parametrize(
    "path", ["/v1/audio/..", "/v1/audio/%2e%2e/x", "/v1/audio/a//b", "/v1/audio/a?b", "/v1/audio/ä"]
)
def test_a_path_that_leads_elsewhere(path: str) -> None:
    with pytest.raises(UnknownEndpoint):
        inner_path(path)


BODY = {"model": "m", "query": "q", "documents": ["a"]}


# --- who is asked ---


async def test_it_is_not_hedged_and_counts_for_no_hedge() -> None:
    hedge = {"hedge": {"after": 0.02, "budget": 1.0}}
    async with FakeProvider("openai", ["m"]) as slow, FakeProvider("openai", ["m"]) as other:
        async with world(slow, other, routing=hedge) as here:
            slow.next(Whole(200, b"{}", head_s=0.2))
            answer = await here.fetch("/v1/rerank", BODY)
            assert answer.headers["x-linx-attempts"] == "openai1=ok"
            assert other.calls == []
            # The three that may always be hedged are all that there are.
            budget, now = here.context.budget, trio.current_time()
            assert [budget.take(0.99, now) for _ in range(4)] == [True, True, True, False]


async def test_a_paused_one_that_was_not_tried_says_when_to_come_back() -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        async with world(one, two) as here:
            here.providers[0].health.pause(40, 429, trio.current_time())
            two.next(scripted.status(500))
            answer = await here.fetch("/v1/rerank", BODY)
            assert answer.status == 502
            assert 39 <= int(answer.headers["retry-after"]) <= 40
            assert "x-should-retry" not in answer.headers


@pytest.mark.parametrize("model", ["m", None])
async def test_llama_cpp_s_own_paths_go_below_its_root_and_to_no_other_kind(model: str | None) -> None:
    body = {"content": "x"} if model is None else {"content": "x", "model": model}
    async with FakeProvider("ollama", ["m"]) as other, FakeProvider("llamacpp", ["m"]) as own:
        async with world(other, own) as here:
            answer = await here.fetch("/v1/tokenize", body)
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "llamacpp2")
            assert [call.path for call in own.calls] == ["/tokenize"]
            assert other.calls == []


@pytest.mark.parametrize(
    ("body", "says"),
    [({"content": "x"}, "no provider is a llama.cpp"), ({"model": "m"}, "no provider of the model 'm' is a llama.cpp")],
)
async def test_where_there_is_none_that_is_said(body: dict[str, str], says: str) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch("/tokenize", body)
        assert answer.status == 501
        assert says in answer.json["error"]["message"]


async def test_a_private_request_without_a_model_stays_local() -> None:
    private = {"x-linx-local-only": "true"}
    async with FakeProvider("llamacpp", ["m"]) as far, FakeProvider("llamacpp", ["m"]) as near:
        async with world(far, near, providers={"llamacpp1": {"local": False}}) as here:
            answer = await here.fetch("/tokenize", {"content": "x"}, headers=private)
            assert answer.headers["x-linx-provider"] == "llamacpp2"
            assert (await here.fetch("/tokenize", {"content": "x"})).headers["x-linx-provider"] == "llamacpp1"


# --- what comes back ---


async def test_a_short_answer_has_its_length_and_a_long_one_comes_as_it_is() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.at["/v1/audio/speech"] = Whole(200, b"sound", "audio/mpeg")
        answer = await here.fetch("/v1/audio/speech", BODY)
        assert (answer.body, answer.headers["content-length"]) == (b"sound", "5")
        pieces: list[Step] = [
            Send(b"3\r\none\r\n"),
            Sleep(0.02),
            Send(b"3\r\ntwo\r\n"),
            Sleep(0.02),
            Send(b"0\r\n\r\n"),
        ]
        fake.at["/v1/audio/speech"] = Raw([ReadRequest(), Send(head), *pieces, Close()])
        answer = await here.fetch("/v1/audio/speech", BODY)
        assert (answer.body, answer.is_whole) == (b"onetwo", True)
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.headers["content-type"] == "audio/mpeg"
        assert [one.outcome for one in here.last.attempts] == ["ok"]


async def test_a_break_in_the_middle_is_no_end_and_a_failure() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 100\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.at["/v1/audio/speech"] = Raw([ReadRequest(), Send(head + b"x" * 10), Close()])
        answer = await here.fetch("/v1/audio/speech", BODY)
        assert (answer.status, answer.body, answer.is_whole) == (200, b"x" * 10, False)
        (one,) = here.providers
        assert (one.counters.failures, one.active) == (1, 0)
        assert (here.last.phase, here.last.attempts[0].outcome) == ("failed", "reset")
