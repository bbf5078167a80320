"""Plain HTTP as the clients here make it, and the command line that they share.

Each module of this package plays what one program does when it is pointed at an Ollama, as
read in its source: ``run(url, model, key)`` raises AssertionError where that program would
fail. By hand: ``python -m tests.e2e.clients.zed http://localhost:8080 MODEL [KEY]``.
"""

from __future__ import annotations

import http.client
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT_S = 60
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


class Answer:
    """A status, headers, and a body read line by line as it comes."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def body(self) -> bytes:
        try:
            return self._response.read()
        finally:
            self._connection.close()

    def json(self) -> Any:
        return jsontext.loads_strict(self.body())

    def lines(self) -> Iterator[bytes]:
        try:
            while line := self._response.readline():
                yield line
        finally:
            self._connection.close()

    def frames(self) -> list[dict[str, Any]]:
        """NDJSON as the strict read it: each line is an object, none is blank, and an error is one."""
        found = []
        for line in self.lines():
            assert line.endswith(b"\n"), line
            frame = jsontext.loads_strict(line)
            assert "error" not in frame, frame
            found.append(frame)
        assert found
        return found

    def events(self) -> list[Any]:
        """The JSON of an OpenAI stream, which must end with its mark."""
        found = []
        is_ended = False
        for line in self.lines():
            if line.startswith(b"data: "):
                assert not is_ended
                data = line.removeprefix(b"data: ").strip()
                if data == b"[DONE]":
                    is_ended = True
                else:
                    found.append(jsontext.loads_strict(data))
        assert is_ended
        return found


def call(url: str, path: str, body: Any = None, *, method: str | None = None, key: str | None = None) -> Answer:
    """One request on a connection of its own; ``url`` may have a path, as clients paste it."""
    base = urlsplit(url)
    assert base.hostname is not None
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=TIMEOUT_S)
    headers = {"accept": "*/*"}
    data = None
    if body is not None:
        data = jsontext.dumps(body)
        headers["content-type"] = "application/json"
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    target = base.path.rstrip("/") + path
    connection.request(method or ("GET" if body is None else "POST"), target, data, headers)
    return Answer(connection, connection.getresponse())


def got(url: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
    """The JSON of an answer that must be 200."""
    answer = call(url, path, body, key=key)
    value = answer.json()
    assert answer.status == 200, (path, answer.status, value)
    return value


def main(run: Callable[[str, str, str | None], None]) -> None:
    url, model, *key = sys.argv[1:]
    run(url, model, key[0] if key else None)
    print("passed")
