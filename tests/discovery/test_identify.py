"""What an address says it is: over real sockets, with the fakes, a real llama.cpp, and strangers that mean harm."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core import jsontext
from linx.core.addresses import Origin
from linx.discovery import identify as module
from linx.discovery.identify import Found, identify
from tests.e2e.llamacpp import KEY, running
from tests.fakes.provider import FakeProvider, closed_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


def here(port: int) -> Origin:
    return Origin("http", "127.0.0.1", port)


@contextlib.asynccontextmanager
async def server(answers: Mapping[str, bytes], otherwise: bytes = b"") -> AsyncIterator[tuple[Origin, list[str]]]:
    """A server that answers each path with the bytes given, else with ``otherwise``; and the paths it was asked for."""
    asked: list[str] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                more = await stream.receive_some()
                if not more:
                    return
                data += more
            assert data.startswith(b"GET ")
            path = data.split(b" ")[1].decode()
            asked.append(path)
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(answers.get(path, otherwise))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        port = listeners[0].socket.getsockname()[1]
        yield here(port), asked
        nursery.cancel_scope.cancel()


def reply(body: object, status: str = "200 OK", *heads: str) -> bytes:
    data = body if isinstance(body, bytes) else jsontext.dumps(body)
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", "Connection: close", *heads])
    return head.encode() + b"\r\n\r\n" + data


NOT_FOUND = reply(b"404 page not found", "404 Not Found", "Server: nginx/1.24.0")


async def test_nothing_listens_there() -> None:
    assert await identify(here(closed_port())) is None


async def test_an_ollama() -> None:
    async with FakeProvider("ollama", ["qwen3:4b"]) as fake:
        found = await identify(here(fake.port))
        assert found is not None
        assert (found.name, found.kind, found.models) == ("ollama", "ollama", ("qwen3:4b",))
        assert found.title == f"Ollama {found.version}"
        assert found.version
        assert found.is_usable
        assert not fake.calls  # no model was asked for anything
        assert {exchange.method for exchange in fake.requests} == {"GET"}


async def test_a_real_llamacpp(tiny_model: Path) -> None:
    with running(tiny_model) as llama:
        found = await identify(here(llama.port))
    assert found is not None
    # It has a key, so it says no more than its name.
    assert (found.title, found.name, found.kind) == ("llama.cpp", "llamacpp", "llamacpp")
    assert found.needs_key
    assert not found.is_usable
    assert KEY not in repr(found)


async def test_a_llamacpp_without_a_key() -> None:
    heads = ("Server: llama.cpp",)
    models = {"data": [{"id": "tiny", "owned_by": "llamacpp", "meta": {"n_ctx_train": 2048}}]}
    props = {"build_info": "b10434-00ff", "default_generation_settings": {"n_ctx": 1024}}
    answers = {"/v1/models": reply(models, "200 OK", *heads), "/props": reply(props, "200 OK", *heads)}
    async with server(answers, reply({"error": {}}, "404 Not Found", *heads)) as (origin, asked):
        found = await identify(origin)
    assert found is not None
    assert found.title == "llama.cpp b10434"
    assert found.loaded == {"tiny": 1024}
    assert asked == ["/healthz", "/v1/models", "/props"]  # who is known by its list is asked no more than it takes


async def test_a_llamacpp_that_loads_its_model() -> None:
    body = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    async with server({}, reply(body, "503 Service Unavailable", "Server: llama.cpp")) as (origin, _asked):
        found = await identify(origin)
    assert found is not None
    assert (found.name, found.is_loading, found.is_usable) == ("llamacpp", True, True)


async def test_another_linx_is_told_by_its_health_and_asked_no_more() -> None:
    answers = {"/healthz": reply({"status": "ok"}, "200 OK", "X-Linx-Features: local-only")}
    async with server(answers, reply(b"Ollama is running")) as (origin, asked):
        found = await identify(origin)
    assert found == Found(origin, "another Linx", is_linx=True)
    assert asked == ["/healthz"]


async def test_lm_studio_which_answers_200_to_every_path() -> None:
    answers = {
        "/v1/models": reply({"data": [{"id": "m", "owned_by": "organization_owner"}]}),
        "/api/v0/models": reply({"data": [{"id": "m", "state": "not-loaded", "max_context_length": 4096}]}),
    }
    async with server(answers, reply({"error": "Unexpected endpoint or method. (GET /x)"})) as (origin, _asked):
        found = await identify(origin)
    assert found is not None
    assert (found.title, found.name, found.kind, found.models) == ("LM Studio", "lmstudio", "openai", ("m",))


async def test_a_list_of_models_of_somebody_unknown_is_not_taken_for_a_server_of_ones_own() -> None:
    answers = {"/v1/models": reply({"data": [{"id": "gpt-4o", "owned_by": "openai"}]}, "200 OK", "Server: uvicorn")}
    async with server(answers, NOT_FOUND) as (origin, _asked):
        found = await identify(origin)
    assert found is not None
    assert (found.title, found.models) == ("an OpenAI-compatible server (nginx/1.24.0)", ("gpt-4o",))
    assert not found.is_usable


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (NOT_FOUND, "not a model server: nginx/1.24.0"),
        (reply(b"x", "404 Not Found", "Server: a\x1b[2Jb"), "not a model server: it does not say what it is"),
        (reply(b"x", "404 Not Found", "Server: " + "a" * 99), "not a model server: " + "a" * 60),
        (reply(b"x", "404 Not Found"), "not a model server: it does not say what it is"),
        (b"220 mail.example.org ESMTP\r\n", "not a model server: it does not speak HTTP"),
        (b"", "not a model server: it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "not a model server: it does not say what it is"),
        (reply(b"[" * 1000), "not a model server: it does not say what it is"),
        (reply(b"[" + b"1," * 300_000 + b"1]"), "not a model server: it does not say what it is"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "not a model server: it does not say what it is"),
        (reply(b"\xff\xfe"), "not a model server: it does not say what it is"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            "not a model server: it does not say what it is",
        ),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else "",
)
async def test_strangers(data: bytes, title: str) -> None:
    async with server({}, data) as (origin, _asked):
        found = await identify(origin)
    assert found is not None
    assert found.title.startswith(title)
    assert not found.is_usable


async def test_who_takes_connections_and_says_nothing_costs_no_more_than_the_limit() -> None:
    async with trio.open_nursery() as nursery:

        async def silent(stream: trio.SocketStream) -> None:
            async with stream:
                await trio.sleep_forever()

        listeners = await nursery.start(trio.serve_tcp, silent, 0)
        with trio.fail_after(5):
            found = await identify(here(listeners[0].socket.getsockname()[1]), limit_s=0.05)
        nursery.cancel_scope.cancel()
    assert found is not None
    assert found.title == "not a model server: it does not answer"


async def test_an_endless_body_is_not_read_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    models = {"data": [{"id": "m", "owned_by": "llamacpp", "x": "y" * 2000}]}
    async with server({"/v1/models": reply(models)}, NOT_FOUND) as (origin, _asked):
        found = await identify(origin)
    assert found is not None
    assert not found.models


async def test_all_answers_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question alone was: a program that answers all of them with many small values took 200 MB."""
    monkeypatch.setattr(module, "MOST_MARKS", 3000)
    heavy = reply({"data": [{f"k{number}": 0} for number in range(1400)]})
    async with server({}, heavy) as (origin, asked):
        tracemalloc.start()
        try:
            found = await identify(origin)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert found is not None
    assert not found.is_usable
    assert len(asked) > 10
    assert peak < 2 * 2**20
