"""Which path is relayed, by whom, and what becomes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.errors import UnknownEndpoint
from linx.handlers.answers.relay import inner_path
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, ReadRequest, Send, Sleep, Whole
from tests.handlers.answers.world import world
from tests.waiting import within

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


# --- llama.cpp's own paths ---


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {"prompt": "a"}),
        ("/embedding", {"content": "a"}),
        ("/apply-template", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/props", None),
        ("/slots", None),
    ],
)
@pytest.mark.parametrize("model", ["mapped", None])
async def test_a_path_of_llama_cpp_goes_to_the_one_that_has_the_model(
    path: str, body: dict[str, Any] | None, model: str | None
) -> None:
    asked = path if body is not None or model is None else f"{path}?model={model}"
    sent = None if body is None else body if model is None else {**body, "model": model}
    async with FakeProvider("llamacpp", ["n"]) as other, FakeProvider("llamacpp", ["m/1"]) as own:
        async with world(other, own, providers={"llamacpp2": {"model_mappings": {"mapped": "m/1"}}}) as here:
            asks = own if model else other
            answer = await here.fetch("/v1" + asked, sent)
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "llamacpp2" if model else "llamacpp1")
            (call,) = [one for one in asks.requests if one.path == path]
            if body is None:
                assert (call.method, call.target, call.body) == (
                    "GET",
                    path + "?model=m%2F1" * (model is not None),
                    b"",
                )
            else:
                assert (call.method, call.target) == ("POST", path)
                assert call.json == ({**body, "model": "m/1"} if model else body)


@pytest.mark.parametrize("path", ["/props", "/slots"])
async def test_a_look_falls_over_and_does_not_wait_for_a_model_that_loads(path: str) -> None:
    loading = Whole(503, b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}')
    async with FakeProvider("llamacpp", ["m"]) as one, FakeProvider("llamacpp", ["m"]) as two:
        async with world(one, two) as here:
            one.at[path] = loading
            assert (await here.fetch(path + "?model=m")).headers[
                "x-linx-attempts"
            ] == "llamacpp1=http_503, llamacpp2=ok"
            two.at[path] = loading
            answer = await here.fetch(path + "?model=m")
            assert answer.status == 503


async def test_a_look_at_what_is_not_there() -> None:
    async with FakeProvider("llamacpp", ["m"]) as one, FakeProvider("openai", ["r"]) as two:
        async with world(one, two) as here:
            assert (await here.fetch("/props?model=unknown")).status == 404
            assert (await here.fetch("/props?model=r")).status == 501
            assert (await here.fetch("/props?" + "a=b&" * 20)).status == 400
            assert (await here.fetch("/props?model=" + "x" * 600)).status == 400
            assert (await here.fetch("/props", {})).status == 405


async def test_a_streamed_completion_stops_with_its_client() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        fake.next(scripted.Answer(interval_s=30))
        async with here.fetching("/completion", {"prompt": "a", "stream": True}):
            with within(2):
                await fake.until(lambda: bool(fake.calls))
            call = fake.calls[0]
        with within(2):
            await call.hung_up.wait()


@pytest.mark.parametrize(("path", "body"), [("/completion", {"prompt": "a"}), ("/props", None)])
async def test_a_private_request_for_llama_cpp_stays_local(path: str, body: dict[str, str] | None) -> None:
    async with FakeProvider("llamacpp", ["m"]) as far, world(far, providers={"llamacpp1": {"local": False}}) as here:
        answer = await here.fetch(path, body, headers={"x-linx-local-only": "true"})
        assert (answer.status, far.calls) == (503, [])
