"""The fake is itself judged by the official clients; and each fault does what its name says."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, TypeVar

import ollama
import openai
import pytest
import trio

from linx.core import jsontext
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Answer, Call, Raw, Send, Whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

T = TypeVar("T")
MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "m", "messages": MESSAGES, "stream": True}


def openai_client(fake: FakeProvider) -> openai.OpenAI:
    base = fake.endpoint if fake.endpoint.endswith("/v1") else f"{fake.endpoint}/v1"
    return openai.OpenAI(base_url=base, api_key="sk-test", max_retries=0)


async def in_thread(call: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(call)


async def exchange(fake: FakeProvider, path: str = "/v1/chat/completions", body: Any = CHAT) -> bytes:
    """One request on a connection of its own; everything until EOF, or ``b"RST"`` at its end."""
    data = jsontext.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    received = b""
    async with await trio.open_tcp_stream("127.0.0.1", fake.port) as stream:
        await stream.send_all(head.encode() + data)
        try:
            async for piece in stream:
                received += piece
        except trio.BrokenResourceError:
            received += b"RST"
    return received


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider("openai") as provider:
        yield provider


@pytest.mark.parametrize("kind", ["openai", "openrouter", "llamacpp", "ollama"])
async def test_the_openai_client_reads_a_stream(kind: Kind) -> None:
    async with FakeProvider(kind) as fake:
        fake.next(Answer(["Hel", "lo"], reasoning=["hm"], calls=[Call("f", {"a": 1}), Call("g")]))

        def ask() -> tuple[Any, list[Any]]:
            with openai_client(fake) as client:
                chunks = client.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
                )
                with client.chat.completions.stream(model="m", messages=MESSAGES) as second:
                    return second.get_final_completion(), list(chunks)

        final, chunks = await in_thread(ask)
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == "Hello"
        assert chunks[-1].usage.total_tokens == 9 + 2 + 1 + 2
        names = [c.function.name for k in chunks for ch in k.choices for c in ch.delta.tool_calls or () if c.id]
        assert names == ["f", "g"]
        assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "tool_calls"
        assert final.choices[0].message.content == "Hello from the fake."


async def test_the_openai_client_reads_everything_whole(fake: FakeProvider) -> None:
    fake.next(Answer(["Hi"], calls=[Call("f", '{"a": 1}')]))

    def ask() -> None:
        with openai_client(fake) as client:
            answer = client.chat.completions.create(model="m", messages=MESSAGES)
            assert answer.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'  # type: ignore[index, union-attr]
            assert client.completions.create(model="m", prompt="x", max_tokens=2).choices[0].finish_reason == "length"
            vectors = client.embeddings.create(model="m", input=["a", "b"]).data
            assert [len(vector.embedding) for vector in vectors] == [8, 8]
            assert [model.id for model in client.models.list()] == ["m"]
            assert client.models.retrieve("m").owned_by == "fake"
            assert client.responses.create(model="m", input="x").output_text == "Hello from the fake."
            with client.responses.stream(model="m", input="x") as stream:
                assert stream.get_final_response().output_text == "Hello from the fake."
            with pytest.raises(openai.NotFoundError, match="does not exist"):
                client.chat.completions.create(model="other", messages=MESSAGES)

    await in_thread(ask)
    assert fake.calls[0].json["model"] == "m"
    assert fake.calls[0].headers["authorization"] == "Bearer sk-test"


async def test_the_ollama_client_reads_everything() -> None:
    async with FakeProvider("ollama", [Model("m", ["completion", "tools", "thinking"]), "plain"]) as fake:
        fake.next(Answer(["Hel", "lo"], reasoning=["hm"], calls=[Call("f", {"a": 1})]))

        def ask() -> None:
            with ollama.Client(fake.url) as client:
                parts = list(client.chat("m", MESSAGES, stream=True, think=True))
                assert "".join(part.message.content or "" for part in parts) == "Hello"
                assert parts[0].message.thinking == "hm"
                assert [c.function.arguments for p in parts for c in p.message.tool_calls or ()] == [{"a": 1}]
                assert parts[-1].done_reason == "stop"
                assert client.chat("m", MESSAGES).message.content == "Hello from the fake."
                assert client.generate("m", "x", options={"num_predict": 1}).done_reason == "length"
                assert len(client.embed("m", ["a", "b"]).embeddings) == 2
                assert [model.model for model in client.list().models] == ["m:latest", "plain:latest"]
                assert client.show("m").capabilities == ["completion", "tools", "thinking"]
                assert client.ps().models[0].context_length == 8192
                assert [step.status for step in client.pull("new", stream=True)][-1] == "success"
                client.copy("m", "copied")
                client.delete("copied")
                with pytest.raises(ollama.ResponseError, match="does not support thinking"):
                    client.chat("plain", MESSAGES, think=True)
                with pytest.raises(ollama.ResponseError, match="'x' not found"):
                    client.chat("x", MESSAGES)

        await in_thread(ask)


async def test_ollama_is_strict_where_it_is() -> None:
    async with FakeProvider("ollama", [Model("m", ["completion"])]) as fake:

        async def error(**fields: Any) -> tuple[bytes, bytes]:
            head, _, body = (await exchange(fake, "/api/chat", {**CHAT, **fields})).partition(b"\r\n\r\n")
            return head[9:12], body

        assert (await error(tools=[{}]))[1] == b'{"error":"registry.ollama.ai/library/m:latest does not support tools"}'
        assert (await error(options={"stop": "x"}))[0] == b"500"
        assert (await error(messages=[{"role": "user", "content": []}]))[0] == b"400"
        assert (await error(keep_alive="300"))[0] == b"400"
        assert b'"done_reason":"load"' in (await error(messages=[]))[1]
    async with FakeProvider("ollama") as fake, await trio.open_tcp_stream("127.0.0.1", fake.port) as stream:
        await stream.send_all(b"GET /api/tags HTTP/1.1\r\nHost: x.lhr.life\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 403")


async def test_a_loading_llamacpp_answers_503(fake: FakeProvider) -> None:
    async with FakeProvider("llamacpp") as loading:
        loading.loading = True
        assert b"Loading model" in await exchange(loading)
        loading.loading = False
        assert (await exchange(loading, body={**CHAT, "model": "any name"})).startswith(b"HTTP/1.1 200")


FAULTS: list[tuple[scripted.Reply, bytes, bytes]] = [
    # what the response starts with, what it ends with
    (scripted.reset(), b"RST", b"RST"),
    (scripted.closed(), b"", b""),
    (scripted.garbage(), b"\x16\x03\x01", b"HTTP\r\n\r\n"),
    (scripted.html(), b"HTTP/1.1 200 OK\r\n", b"</html>"),
    (scripted.status(429, retry_after="7"), b"HTTP/1.1 429 Too Many Requests\r\n", b'"code":429}}'),
    (scripted.status(529), b"HTTP/1.1 529 Unknown\r\n", b"}}"),
    (scripted.error_in_200("no"), b"HTTP/1.1 200 OK\r\n", b'{"error":{"message":"no","code":500}}'),
    (scripted.error_first("no"), b"HTTP/1.1 200 OK\r\n", b'"type":"server_error"}}\n\n\r\n0\r\n\r\n'),
    (scripted.error_after(2), b"HTTP/1.1 200 OK\r\n", b'"type":"server_error"}}\n\n\r\n0\r\n\r\n'),
    (scripted.role_only(), b"HTTP/1.1 200 OK\r\n", b'"finish_reason":null}]}\n\n\r\n0\r\n\r\n'),
    (scripted.empty_stream(), b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n0\r\n\r\n"),
    (scripted.cut_after(2), b"HTTP/1.1 200 OK\r\n", b'"finish_reason":null}]}\n\n\r\n'),
    (scripted.cut_after(2, "reset"), b"HTTP/1.1 200 OK\r\n", b"RST"),
    (scripted.cut_after(2, "garble"), b"HTTP/1.1 200 OK\r\n", b"garbled {{\n\n\r\n0\r\n\r\n"),
    (scripted.torn(10), b"HTTP/1.1 200 OK\r\n", b'\r\n\r\na\r\ndata: {"id\r\n'),
    (scripted.no_done(), b"HTTP/1.1 200 OK\r\n", b'"finish_reason":"stop"}]}\n\n\r\n0\r\n\r\n'),
    (scripted.done_twice(), b"HTTP/1.1 200 OK\r\n", b"data: [DONE]\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"),
    (Raw([Send(b"HTTP/1.1 204 No Content\r\n\r\n")]), b"HTTP/1.1 204", b"\r\n\r\n"),
]


@pytest.mark.parametrize(("fault", "start", "end"), FAULTS)
async def test_a_fault_is_what_its_name_says(
    fake: FakeProvider, fault: scripted.Reply, start: bytes, end: bytes
) -> None:
    fake.next(fault)
    response = await exchange(fake)
    assert response.startswith(start)
    assert response.endswith(end)
    assert bool(start) == bool(response)
    # Only that one request was hit.
    assert (await exchange(fake)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_an_ollama_error_in_the_stream_is_its_last_line() -> None:
    async with FakeProvider("ollama") as fake:
        fake.next(scripted.error_first("no"), scripted.error_after(2, message="no"))
        assert (await exchange(fake, "/api/chat")).startswith(b"HTTP/1.1 500")
        response = await exchange(fake, "/api/chat")
        assert response.endswith(b'{"error":"no"}\n\r\n0\r\n\r\n')
        assert b'"done":true' not in response


@pytest.mark.parametrize("reply", [scripted.hang(), scripted.cut_after(2, "hang")])
async def test_a_hang_ends_when_the_other_side_goes_away(fake: FakeProvider, reply: scripted.Reply) -> None:
    fake.next(reply)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange, fake)
            call = await fake.received()
            await fake.until(lambda: call.received_at is not None)
            nursery.cancel_scope.cancel()
        await call.hung_up.wait()
        await fake.all_closed()
    assert call.hung_up_at is not None
    assert call.connection.closed_by_peer


async def test_delays_are_kept(fake: FakeProvider) -> None:
    fake.next(Answer(["a", "b"], first_s=0.05, interval_s=0.02))
    started = trio.current_time()
    await exchange(fake)
    assert trio.current_time() - started >= 0.07


async def test_slow_head_comes_byte_by_byte(fake: FakeProvider) -> None:
    fake.next(scripted.slow_head(0.0001))
    assert (await exchange(fake)).endswith(b"Content-Length: 0\r\n\r\n")


async def test_down_refuses_and_up_listens_on_the_same_port(fake: FakeProvider) -> None:
    fake.next(scripted.hang())
    async with trio.open_nursery() as nursery:
        results: list[bytes] = []

        async def ask() -> None:
            results.append(await exchange(fake))

        nursery.start_soon(ask)
        await fake.received()
        fake.down()
    assert results == [b"RST"]
    with pytest.raises(OSError, match="connect"):
        await exchange(fake)
    await fake.up()
    assert (await exchange(fake)).startswith(b"HTTP/1.1 200")


async def test_a_connection_is_kept_and_its_end_recorded(fake: FakeProvider) -> None:
    def ask() -> None:
        with openai_client(fake) as client:
            client.models.list()
            client.chat.completions.create(model="m", messages=MESSAGES)
            client.models.list()

    await in_thread(ask)
    await fake.all_closed()
    assert len(fake.requests) == 3
    assert len(fake.calls) == 1
    assert [connection.closed_by_peer for connection in fake.connections] == [True]


async def test_keys_refused_fields_rules_and_overrides() -> None:
    async with FakeProvider("openai", api_key="k", refuses=["stream_options"]) as fake:
        assert (await exchange(fake)).startswith(b"HTTP/1.1 401")
        fake.api_key = None
        assert b"stream_options" in await exchange(fake, body={**CHAT, "stream_options": {}})
        fake.rule = lambda call: scripted.html() if call.json.get("n") else None
        assert b"It works!" in await exchange(fake, body={**CHAT, "n": 2})
        assert b"[DONE]" in await exchange(fake)
        fake.at["/v1/chat/completions"] = Whole(503)
        assert (await exchange(fake)).startswith(b"HTTP/1.1 503")


async def test_a_greeting_speaks_first(fake: FakeProvider) -> None:
    fake.greet(Raw([Send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")]))
    async with await trio.open_tcp_stream("127.0.0.1", fake.port) as stream:
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 408")


def test_corpus_steps_are_understood() -> None:
    steps = scripted.steps_from([{"send_parts": ["YQ==", {"repeat_b64": "Yg==", "times": 3}]}, {"reset": True}])
    assert steps == [Send(b"abbb"), scripted.Reset()]


def test_a_closed_port_is_closed() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port()))
