"""One fake provider for tests, benchmarks and hand runs: Ollama, OpenAI, OpenRouter, llama.cpp or Anthropic.

In a test::

    async with FakeProvider("ollama", ["qwen3:4b"]) as fake:
        fake.next(error_first(), Answer(tokens=["Hi"]))   # in this order, then fake.default
        ...
        assert fake.calls[0].json["model"] == "qwen3:4b"
        await fake.calls[0].hung_up.wait()                # the other side closed it

``next`` is for what makes a model work (every POST that names one); listings and probes are
answered from ``models``, unless ``fake.at["/api/tags"]`` says otherwise. By hand::

    python -m tests.fakes.provider --kind openai --port 9001 --tokens 50 --interval-ms 10
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import socket
import traceback
from collections import deque
from typing import TYPE_CHECKING, Self, get_args

import h11
import trio

from linx.http1.transport import BREAKS, SocketTransport, Transport
from tests.fakes import endpoints
from tests.fakes.catalogue import JsonObject, Kind, Model, as_model
from tests.fakes.exchange import Connection, Exchange, Responder, Response, set_reset
from tests.fakes.ollama_state import Account, OllamaState
from tests.fakes.scripted import Answer, Raw, ReadRequest, Reply, Whole
from tests.fakes.stream_transport import StreamTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from types import TracebackType

MAX_IDLE_READ = 65536


class FakeProvider:
    """A server on a loopback port, for as long as its ``async with`` block runs."""

    def __init__(
        self,
        kind: Kind = "openai",
        models: Sequence[str | Model] = ("m",),
        *,
        port: int = 0,
        api_key: str | None = None,
        refuses: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        record: bool = True,
    ) -> None:
        self.kind: Kind = kind
        self.models = [as_model(model) for model in models]
        self.port = port
        self.api_key = api_key
        self.refuses = frozenset(refuses)
        """Names of body fields that this server answers with a 400 (OpenAI kinds)."""
        self.loading = False
        """llama.cpp: every route answers 503 until the model is loaded."""
        self.default: Reply = Answer()
        self.rule: Callable[[Exchange], Reply | None] | None = None
        """Asked when the queue of ``next`` is empty; None means the default."""
        self.at: dict[str, Reply] = {}
        """Replies by path, or by path and query, before everything else, any number of times."""
        self.requests: list[Exchange] = []
        self.connections: list[Connection] = []
        self.ollama = OllamaState()
        self.faults: list[Exception] = []
        """What a handler of this fake raised: the request got a 500, and the test fails at its end."""
        self.open_sockets = 0
        self._queue: deque[Reply] = deque()
        self._greeting: Raw | None = None
        self._tls = tls
        self._record = record
        self._changed = trio.Event()
        self._listener: socket.socket | None = None
        self._serving: trio.CancelScope | None = None
        self._live: dict[Connection, socket.socket] = {}
        self._nursery: trio.Nursery
        self._manager: contextlib.AbstractAsyncContextManager[trio.Nursery]

    def __repr__(self) -> str:
        return f"<FakeProvider {self.kind} {self.url}: {len(self.requests)} requests, {self.open_sockets} sockets>"

    # --- what a test reads and says ---

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    @property
    def endpoint(self) -> str:
        """What stands in a config file."""
        return self.url + {"openai": "/v1", "openrouter": "/api/v1", "anthropic": "/v1"}.get(self.kind, "")

    @property
    def calls(self) -> list[Exchange]:
        """The requests that make a model work, without the listings and probes."""
        return [exchange for exchange in self.requests if exchange.is_call]

    def next(self, *replies: Reply) -> None:
        self._queue.extend(replies)

    def forget(self) -> None:
        """Drop what ``next`` has queued."""
        self._queue.clear()

    def greet(self, script: Raw) -> None:
        """The next connection plays this script, from its first byte on."""
        self._greeting = script

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a request or a closed connection makes true."""
        while not condition():
            await self._changed.wait()

    async def received(self, count: int = 1) -> Exchange:
        """Wait for so many calls; the last of them."""
        await self.until(lambda: len(self.calls) >= count)
        return self.calls[count - 1]

    async def all_closed(self) -> None:
        await self.until(lambda: self.open_sockets == 0)

    def down(self, *, reset: bool = True) -> None:
        """As if killed: the port is closed (so refused), and every connection is cut."""
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None
        if self._listener is not None:
            trio.lowlevel.notify_closing(self._listener)
            self._listener.close()
            self._listener = None
        for connection, sock in list(self._live.items()):
            if reset:
                set_reset(sock)
            connection.scope.cancel()

    async def up(self) -> None:
        """Listen (again), on the same port as before."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1024)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._serving = trio.CancelScope()
        self._nursery.start_soon(self._accept, listener, self._serving)

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
        self._nursery.cancel_scope.cancel()
        # The block's own exception goes on as it is, not inside a group.
        await self._manager.__aexit__(None, None, None)
        if self.faults and error is None:
            raise ExceptionGroup("the fake provider failed at a request", self.faults)

    # --- serving ---

    async def _accept(self, listener: socket.socket, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                try:
                    sock, _address = listener.accept()
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(listener)
                    continue
                except OSError as error:
                    if listener.fileno() < 0:
                        return
                    if error.errno in (errno.EMFILE, errno.ENFILE):
                        await trio.sleep(0.05)
                        continue
                    raise
                self._nursery.start_soon(self._serve, sock)

    async def _serve(self, sock: socket.socket) -> None:
        connection = Connection(len(self.connections), trio.current_time())
        if self._record:
            self.connections.append(connection)
        self._live[connection] = sock
        self.open_sockets += 1
        transport: Transport = SocketTransport(sock)
        script, self._greeting = self._greeting, None
        try:
            with connection.scope:
                if self._tls is not None:
                    transport = await _secured(sock, self._tls)
                await self._converse(connection, Responder(transport, sock), script)
        except (*BREAKS, h11.RemoteProtocolError):  # the latter: gone in the middle of its request
            connection.closed_by_peer = True
        finally:
            transport.close()
            sock.close()
            del self._live[connection]
            self.open_sockets -= 1
            connection.closed_at = trio.current_time()
            connection.closed.set()
            self._tell()

    async def _converse(self, connection: Connection, responder: Responder, script: Raw | None) -> None:
        if script is not None and not isinstance(next(iter(script.steps), None), ReadRequest):
            await responder.play(script)
            return
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)
        while True:
            exchange = await self._read(parser, responder.transport, connection)
            if exchange is None:
                connection.closed_by_peer = True
                return
            exchange.keep_alive = parser.their_state is h11.DONE
            finished = await responder.respond(exchange, self._response_to(exchange, script))
            exchange.ended_at = trio.current_time()
            exchange.ended.set()
            if exchange.hung_up.is_set():
                connection.closed_by_peer = True
            self._tell()
            if not (finished and exchange.keep_alive):
                return
            # The answer was written past h11, so it is told of one.
            parser.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            parser.send(h11.EndOfMessage())
            parser.start_next_cycle()

    async def _read(self, parser: h11.Connection, transport: Transport, connection: Connection) -> Exchange | None:
        exchange: Exchange | None = None
        body: list[bytes] = []
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue:
                    await transport.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                    parser.send(h11.InformationalResponse(status_code=100, headers=[]))
                data = await transport.recv(MAX_IDLE_READ)
                if not data and exchange is None:
                    return None
                parser.receive_data(data)
            elif isinstance(event, h11.Request):
                exchange = Exchange.of(event, connection)
                if self._record:
                    self.requests.append(exchange)
                self._tell()
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                assert exchange is not None
                exchange.body = b"".join(body)
                exchange.received_at = trio.current_time()
                self._tell()
                return exchange
            else:
                return None

    def _reply_to(self, exchange: Exchange) -> Reply:
        for where in (exchange.target, exchange.path):
            if where in self.at:
                return self.at[where]
        if exchange.is_call and self._queue:
            return self._queue.popleft()
        if exchange.is_call and self.rule is not None:
            return self.rule(exchange) or self.default
        return self.default

    def _response_to(self, exchange: Exchange, script: Raw | None) -> Response:
        """No request ends the fake: what a handler trips over is answered, and the test that asked fails."""
        try:
            return endpoints.response_to(self, exchange, script or self._reply_to(exchange))
        except Exception as error:
            if self._record:
                self.faults.append(error)
            else:
                traceback.print_exception(error)
            return Whole(500, b"the fake provider failed at this request", "text/plain")

    def model(self, name: object) -> Model | None:
        return endpoints.find_model(self.kind, self.models, name)

    def first_model(self) -> Model:
        return self.models[0] if self.models else Model("m")

    def body_fields(self, exchange: Exchange) -> JsonObject:
        return exchange.json if isinstance(exchange.json, dict) else {}

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def _secured(sock: socket.socket, context: ssl.SSLContext) -> Transport:
    plain = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    stream = trio.SSLStream(plain, context, server_side=True, https_compatible=True)
    await stream.do_handshake()
    return StreamTransport(stream, plain)


def closed_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until interrupted. Prints one line when it listens."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.provider", description=main.__doc__)
    parser.add_argument("--kind", choices=get_args(Kind), default="openai")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", default=[], help="may be repeated; default: m")
    parser.add_argument("--tokens", type=int, default=50, help="tokens of each answer")
    parser.add_argument("--interval-ms", type=float, default=0.0, help="between two tokens")
    parser.add_argument("--first-ms", type=float, default=0.0, help="before the first token")
    parser.add_argument("--token", default=" token", help="the text of each token")
    parser.add_argument("--stamp", action="store_true", help="each token is time.monotonic_ns() at sending")
    parser.add_argument("--api-key")
    parser.add_argument("--account", choices=get_args(Account), default="signed out", help="at ollama.com (Ollama)")
    options = parser.parse_args(argv)
    fake = FakeProvider(options.kind, options.model or ["m"], port=options.port, api_key=options.api_key, record=False)
    fake.ollama.account = options.account
    fake.default = Answer(
        tokens=[options.token] * options.tokens,
        first_s=options.first_ms / 1000,
        interval_s=options.interval_ms / 1000,
        stamped=options.stamp,
    )
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(_serve_forever, fake)


async def _serve_forever(fake: FakeProvider) -> None:
    async with fake:
        print(f"fake {fake.kind} listening on {fake.url}", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    main()
