"""In which order a request is checked: a request with several faults is told the first of them.

What costs little, and what protects most, comes first: nothing behind the key is told to a client without one, and
no body is read for a request that its head condemns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from tests.e2e.corpus import KEY, answers_in
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
FAULTS: tuple[tuple[str, int], ...] = (
    ("control byte", 400),
    ("version", 505),
    ("framing", 400),
    ("host", 400),
    ("no key", 401),
    ("method", 405),
    ("expectation", 417),
    ("encoding", 415),
    ("too large", 413),
)
"""In the order of the checks, and what each is answered."""
MESSAGES = {
    "control byte": "control character",
    "version": "HTTP/1.1 and HTTP/1.0 only",
    "framing": "both Content-Length and Transfer-Encoding",
    "host": "Host",
    "no key": "key",
    "method": "POST",
    "expectation": "100-continue",
    "encoding": "Content-Encoding",
    "too large": "larger than",
}


def request(faults: Sequence[str]) -> bytes:
    """A chat request with these faults."""
    size = 2**20 if "too large" in faults else len(BODY)
    lines = [
        b"%b /v1/chat/completions HTTP/%b"
        % (b"DELETE" if "method" in faults else b"POST", b"2.0" if "version" in faults else b"1.1"),
        b"Host: " + (b"local/host" if "host" in faults else b"localhost"),
        b"Content-Length: %d" % size,
    ]
    if "no key" not in faults:
        lines.append(b"Authorization: Bearer " + KEY.encode())
    if "framing" in faults:
        lines.append(b"Transfer-Encoding: chunked")
    if "encoding" in faults:
        lines.append(b"Content-Encoding: br")
    lines.append(b"Expect: " + (b"a miracle" if "expectation" in faults else b"100-continue"))
    if "control byte" in faults:
        lines.insert(0, b"\x01")
    return b"\r\n".join([*lines, b"", b""])


async def test_the_first_fault_is_told_and_no_body_is_asked_for(tmp_path: Path) -> None:
    """Each request has one fault and all that are checked after it; none is told to go on with its body."""
    names = [name for name, _status in FAULTS]
    async with FakeProvider("openai", ["m"]) as fake:
        server = {"api_key": KEY, "max_body_mb": 0.5}
        async with linx_here(config_for(fake, server=server), tmp_path) as app:
            for number, (name, status) in enumerate(FAULTS):
                for faults in (names[number:], [name]):
                    data = await told(app.bound[0][1], request(faults))
                    assert b"100 Continue" not in data, name
                    ((seen, body),) = answers_in(data)
                    assert (seen, MESSAGES[name].encode() in body) == (status, True), (faults, seen, body)
        assert fake.calls == []


async def told(port: int, raw: bytes) -> bytes:
    """What is said to a head whose body never comes; each of these faults ends the connection."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(raw)
        with trio.fail_after(HANG_S):
            return b"".join([data async for data in stream])
