"""A handler in a small world: a real context, router, pool and server connection, and fake providers.

No Linx is started: no config file, no listener, no probing. What a handler raises is kept,
since it is ``endpoints`` that would put it into words.
"""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from linx.access import Access, Policy
from linx.app import faces_for
from linx.config.model import Config
from linx.core import jsontext
from linx.core.client_key import NO_KEY, ClientKey
from linx.core.errors import LinxError
from linx.dialects.openai.face import OpenAIFace
from linx.dialects.responses import client_request as responses_request
from linx.endpoints import Endpoints
from linx.http1.transport import SocketTransport
from linx.routing.router import Router
from linx.server.connection import Connection
from linx.server.limits import Shared
from linx.server.listener import Listener
from tests.handlers.contexts import context_for
from tests.routing.world import has, provider
from tests.server.client import Answer as Got
from tests.server.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from linx.core.telemetry import RequestRecord
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.paths import Handle
    from linx.providers.provider import Provider
    from linx.server.reply import Reply
    from linx.server.request import Handler, Request
    from tests.fakes.provider import FakeProvider

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": HI}
STREAM = {**CHAT, "stream": True}


@dataclass
class Asked:
    """As much of a request as is looked at before its body."""

    fields: dict[str, str] = field(default_factory=dict)
    id: str = "0123"
    method: str = "POST"
    path: str = "/v1/chat/completions"
    named_model: str = ""
    face: str = "openai"
    key: ClientKey = NO_KEY
    record: RequestRecord | None = None
    replay_of: str | None = None
    query: str = ""
    whole_body: bytes | None = None

    def stop(self, why: LinxError) -> None:
        """Nobody stops it here."""

    def headers_to_keep(self) -> list[tuple[bytes, bytes]]:
        return self.headers

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode()) for name, value in self.fields.items()]

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    def has_any(self, names: frozenset[bytes]) -> bool:
        return any(self.header(name) is not None for name in names)

    def header_values(self, name: bytes) -> list[bytes]:
        return [value for field, value in self.headers if field == name]


@dataclass
class Answer:
    """What a client got, and what the handler raised."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool
    error: LinxError | None = None

    @property
    def json(self) -> Any:
        return jsontext.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of an SSE body: parsed JSON, or the text where it is none."""
        lines = [line.removeprefix(b"data: ") for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [jsontext.loads(line) if line.startswith(b"{") else line.decode() for line in lines]

    @property
    def text(self) -> str:
        """The content of a streamed answer of OpenAI's dialect."""
        choices = [event["choices"][0] for event in self.events if isinstance(event, dict) and event.get("choices")]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class World:
    """``providers`` answer; ``ask`` is a client of one handler, ``fetch`` one of all endpoints."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.raised: LinxError | None = None
        faces = faces_for(context.config)
        keys = context.config.server.accepted_keys()
        self._endpoints = Endpoints(context, Access(Policy(keys)), lambda: faces)

    @property
    def providers(self) -> tuple[Provider, ...]:
        return self.context.providers

    @property
    def last(self) -> RequestRecord:
        return self.context.telemetry.finished[-1]

    async def ask(
        self,
        handle: Handle,
        body: Any,
        face: Face | None = None,
        *,
        path: str = "/v1/chat/completions",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, and all of its answer."""
        async with self.asking(handle, body, face, path=path, headers=headers) as client:
            return _answer(await client.answer(), self.raised)

    @asynccontextmanager
    async def asking(
        self,
        handle: Handle,
        body: Any,
        face: Face | None = None,
        *,
        path: str = "/v1/chat/completions",
        headers: dict[str, str] | None = None,
    ) -> AsyncIterator[Client]:
        """A client that has sent a request; at the end of the block it is gone."""
        speaks = face or openai_face()
        self.raised = None

        async def handler(request: Request, reply: Reply) -> None:
            try:
                await handle(self.context, speaks, request, reply)
            except LinxError as error:
                self.raised = error
                if not reply.is_started:
                    await reply.whole(speaks.status_of(error), b"", headers=error.headers)
                else:
                    await reply.break_off(error)

        async with _connection(handler) as client:
            await client.send(_request("POST", path, body, headers))
            yield client

    async def fetch(
        self, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request to an endpoint, and all of its answer, errors in the words of its dialect included."""
        async with self.fetching(path, body, method=method, headers=headers) as client:
            return _answer(await client.answer(is_head=method == "HEAD"))

    @asynccontextmanager
    async def fetching(
        self, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
    ) -> AsyncIterator[Client]:
        """A client that has sent a request to an endpoint; at the end of the block it is gone."""
        async with _connection(self._endpoints) as client:
            await client.send(_request(method or ("GET" if body is None else "POST"), path, body, headers))
            yield client


def _request(method: str, path: str, body: Any, headers: dict[str, str] | None) -> bytes:
    fields = {"host": "localhost", **(headers or {})}
    data = b"" if body is None else body if isinstance(body, bytes) else jsontext.dumps(body)
    if body is not None:
        fields = {"content-type": "application/json", "content-length": str(len(data)), **fields}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + data


def _answer(got: Got, raised: LinxError | None = None) -> Answer:
    fields = {name.decode(): value.decode("latin-1") for name, value in got.fields.items()}
    return Answer(got.status, fields, got.body, got.is_whole, raised)


@asynccontextmanager
async def _connection(handler: Handler) -> AsyncIterator[Client]:
    """A server's connection over a pair of sockets."""
    ours, theirs = socket.socketpair()
    listener = Listener("local", handler)
    connection = Connection(SocketTransport(theirs), listener, Shared())
    async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(listener.watch.watch)
        connection.start(nursery)
        try:
            yield Client(stream)
        finally:
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def world(
    *fakes: FakeProvider,
    names: Sequence[str] = (),
    providers: Mapping[str, Any] | None = None,
    routing: Mapping[str, Any] | None = None,
    server: Mapping[str, Any] | None = None,
) -> AsyncIterator[World]:
    """One provider for each fake (``openai1``, ``ollama2``, … or ``names``), which is up and has its models.

    ``providers`` (more of one, by its name), ``routing`` and ``server`` are as in a config.
    """
    settings = dict(providers or {})
    found = []
    for number, fake in enumerate(fakes, 1):
        name = names[number - 1] if names else f"{fake.kind}{number}"
        one = provider(name, **{"kind": fake.kind, "endpoint": fake.endpoint, **settings.pop(name, {})})
        has(one, *[model.name for model in fake.models])
        one.health.reachable = True
        one.probed.set()
        found.append(one)
    assert not settings, f"no such provider: {settings}"
    usual, priority = Config(), [one.name for one in found]
    config = Config(
        routing=msgspec.convert({"provider_priority": priority, **(routing or {})}, type(usual.routing)),
        server=msgspec.convert(server or {}, type(usual.server)),
    )
    context = context_for(config, Router(found, config.routing))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(context.heartbeats.run, context.heartbeat_s)
            try:
                yield World(context)
            finally:
                nursery.cancel_scope.cancel()
    finally:
        context.pool.close_idle()


def openai_face() -> OpenAIFace:
    return OpenAIFace("reasoning_content", responses_request.to_chat_body)
