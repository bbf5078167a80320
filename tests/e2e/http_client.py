"""A small HTTP client for tests: raw enough to see framing, and it never hides a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import h11
import trio

from linx.core import jsontext
from tests.e2e.canaries import CANARIES, assert_no_key


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool
    """Did the framing say that this is all?"""

    @property
    def json(self) -> Any:
        return jsontext.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of an SSE body: parsed JSON, or the text where it is none."""
        found = []
        for frame in self.body.split(b"\n\n"):
            for line in frame.split(b"\n"):
                if line.startswith(b"data: "):
                    text = line.removeprefix(b"data: ")
                    found.append(jsontext.loads(text) if text.startswith(b"{") else text.decode())
        return found

    @property
    def text(self) -> str:
        """The content of a streamed OpenAI answer."""
        deltas = [
            event["choices"][0]["delta"] for event in self.events if isinstance(event, dict) and event.get("choices")
        ]
        return "".join(delta.get("content") or "" for delta in deltas)


class Client:
    """One connection. ``ask`` sends and waits for the whole answer; the parts are there too."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def open(self) -> None:
        self.stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.parser = h11.Connection(h11.CLIENT)

    async def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> None:
        CANARIES.note(body)
        data = b"" if body is None else body if isinstance(body, bytes) else jsontext.dumps(body)
        fields = {"host": f"localhost:{self.port}", **(headers or {})}
        if body is not None:
            fields = {"content-type": "application/json", "content-length": str(len(data)), **fields}
        request = h11.Request(method=method, target=path, headers=list(fields.items()))
        await self.stream.send_all(
            (self.parser.send(request) or b"")
            + (self.parser.send(h11.Data(data=data)) or b"" if data else b"")
            + (self.parser.send(h11.EndOfMessage()) or b"")
        )

    async def event(self) -> Any:
        while True:
            event = self.parser.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.parser.receive_data(await self.stream.receive_some(65536))

    async def answer(self) -> Answer:
        response = await self.event()
        while isinstance(response, h11.InformationalResponse):
            response = await self.event()
        assert isinstance(response, h11.Response), response
        body, is_whole = b"", False
        try:
            while True:
                event = await self.event()
                if isinstance(event, h11.EndOfMessage):
                    is_whole = True
                    break
                body += bytes(event.data)
        except h11.RemoteProtocolError:
            pass
        headers = {bytes(name).decode(): bytes(value).decode("latin-1") for name, value in response.headers}
        if is_whole and self.parser.our_state is h11.DONE and self.parser.their_state is h11.DONE:
            self.parser.start_next_cycle()
        assert_no_key("the answer", f"{headers} {body.decode(errors='replace')}")
        return Answer(response.status_code, headers, body, is_whole)

    async def close(self) -> None:
        await trio.aclose_forcefully(self.stream)


async def ask(
    port: int, path: str, body: Any = None, *, method: str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request over a connection of its own."""
    client = Client(port)
    await client.open()
    try:
        await client.send(method or ("GET" if body is None else "POST"), path, body, headers)
        return await client.answer()
    finally:
        await client.close()
