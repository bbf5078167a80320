"""The parts of h11 that Linx asks, held against h11's public interface.

h11 has a private reader and a state machine around it. For every head of the corpora, for good heads and for
faulty ones, the reader must say what the whole of h11 says: then a new version of h11 may be pinned.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import h11
import msgspec
import pytest

from linx.core import jsontext
from linx.http1.h11_heads import HeadRefused, ParsedRequest, ParsedResponse, read_request, read_response
from tests.upstream.scripted import cases, script_of

CORPUS = Path(__file__).parent.parent / "corpus" / "bad_requests.json"
LARGE = 1 << 20
FAULTS = (b"\x00", b"\n", b"\r", b"\r\n", b"\r\n ", b" ", b"\t", b":", b"\x80", b"\x7f", b",", b"0", b"x")


def head_of(wire: bytes) -> bytes | None:
    """The first head of what one side sends; None where it sends no whole one."""
    end = wire.find(b"\r\n\r\n")
    return wire[: end + 4] if end >= 0 else None


def corpus_requests() -> dict[str, bytes]:
    loaded = jsontext.loads(CORPUS.read_bytes())
    wires = {case["id"]: base64.b64decode(case["raw_b64"]) for case in loaded if "raw_b64" in case}
    heads = {name: head_of(wire) for name, wire in wires.items()}
    return {name: head for name, head in heads.items() if head is not None}


def corpus_responses() -> dict[str, bytes]:
    wires = {case["id"]: b"".join(step for step in script_of(case) if isinstance(step, bytes)) for case in cases()}
    heads = {name: head_of(wire) for name, wire in wires.items()}
    return {name: head for name, head in heads.items() if head is not None}


GOOD_REQUESTS = {
    "get": b"GET /v1/models HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
    "get-of-1.0": b"GET / HTTP/1.0\r\n\r\n",
    "length": b"POST /v1/x?a=b HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 143\r\n\r\n",
    "no-length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
    "both": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
    "lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7, 7\r\nContent-Length: 7\r\n\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "head": b"HEAD / HTTP/1.1\r\nHOST: a\r\nX-Empty:\r\nX-Blanks: \t a  b \t\r\nX_Y: \xe9\r\n\r\n",
    "upgrade": b"GET /linx/events HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "connect": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "expect": b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
}
GOOD_RESPONSES = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n",
    "stream": b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nTransfer-Encoding: Chunked\r\n\r\n",
    "bare": b"HTTP/1.1 404\r\n\r\n",
    "of-1.0": b"HTTP/1.0 200 Gr\xfc\xdfe\r\nConnection: close\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
    "empty": b"HTTP/1.1 204 No Content\r\nX-Empty:\r\n\r\n",
    "busy": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After:  5 \r\nContent-Length: 3, 3\r\n\r\n",
}


def faulty(head: bytes) -> list[bytes]:
    """``head`` with one fault at each of its places, where h11, too, finds its end at the end."""
    made = [head[:at] + fault + head[at:] for at in range(len(head)) for fault in FAULTS]
    made += [head[:at] + head[at + 1 :] for at in range(len(head))]
    return [each for each in made if [found.end() for found in re.finditer(rb"\n\r?\n", each)] == [len(each)]]


# --- requests ---


def request_by_all_of_h11(head: bytes) -> ParsedRequest | None:
    """What the public interface makes of a head: its event, and the body that it then waits for."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGE)
    reader.receive_data(head)
    try:
        event = reader.next_event()
        if not isinstance(event, h11.Request):
            return None
        following = reader.next_event()
    except h11.RemoteProtocolError:
        return None
    has_body = following is h11.NEED_DATA
    is_chunked = has_body and any(name == b"transfer-encoding" for name, _value in event.headers)
    length = 0
    if has_body and not is_chunked:
        length = next(int(value) for name, value in event.headers if name == b"content-length")
        reader.receive_data(b"x" * min(length, 1000) + b"GET")
        read = reader.next_event()
        assert isinstance(read, h11.Data)
        assert len(read.data) == (length if length <= 1000 else 1003)
    return ParsedRequest(event.method, event.target, event.http_version, list(event.headers), is_chunked, length)


def request_by_linx(head: bytes) -> ParsedRequest | None:
    try:
        return read_request(head)
    except HeadRefused:
        return None


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in GOOD_REQUESTS.items()])
def test_a_good_request(head: bytes) -> None:
    assert read_request(head) == request_by_all_of_h11(head)


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in corpus_requests().items()])
def test_a_request_of_the_corpus(head: bytes) -> None:
    assert request_by_linx(head) == request_by_all_of_h11(head)


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in GOOD_REQUESTS.items()])
def test_a_request_with_one_fault(head: bytes) -> None:
    verdicts = [(request_by_linx(each), request_by_all_of_h11(each), each) for each in faulty(head)]
    assert [each for ours, theirs, each in verdicts if ours != theirs] == []
    # A comparison in which everything is refused, or nothing, would say little.
    assert {ours is None for ours, _theirs, _each in verdicts} == {True, False}


def test_what_a_request_says() -> None:
    assert read_request(GOOD_REQUESTS["lengths"]) == ParsedRequest(
        b"POST", b"/", b"1.1", [(b"host", b"a"), (b"content-length", b"7")], is_chunked=False, content_length=7
    )
    both = read_request(GOOD_REQUESTS["both"])
    assert (both.is_chunked, both.content_length) == (True, 0)
    assert read_request(GOOD_REQUESTS["chunked"]).fields[-1] == (b"transfer-encoding", b"chunked")


# --- responses ---


def response_by_all_of_h11(head: bytes) -> ParsedResponse | None:
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGE)
    reader.receive_data(head)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Response):
        return None
    return ParsedResponse(event.status_code, event.http_version, list(event.headers))


def response_by_linx(head: bytes) -> ParsedResponse | None:
    try:
        return read_response(head)
    except HeadRefused:
        return None


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in GOOD_RESPONSES.items()])
def test_a_good_response(head: bytes) -> None:
    assert read_response(head) == response_by_all_of_h11(head)


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in corpus_responses().items()])
def test_a_response_of_the_corpus(head: bytes) -> None:
    assert response_by_linx(head) == response_by_all_of_h11(head)


@pytest.mark.parametrize("head", [pytest.param(wire, id=name) for name, wire in GOOD_RESPONSES.items()])
def test_a_response_with_one_fault(head: bytes) -> None:
    verdicts = [(response_by_linx(each), response_by_all_of_h11(each), each) for each in faulty(head)]
    assert [each for ours, theirs, each in verdicts if ours != theirs] == []
    assert {ours is None for ours, _theirs, _each in verdicts} == {True, False}


def test_what_a_response_says() -> None:
    assert read_response(GOOD_RESPONSES["of-1.0"]) == ParsedResponse(
        200, b"1.0", [(b"connection", b"close"), (b"set-cookie", b"a"), (b"set-cookie", b"b")]
    )


# --- what is no single head ---


def test_more_or_less_than_one_head_is_refused() -> None:
    request, response = GOOD_REQUESTS["get"], GOOD_RESPONSES["plain"]
    for wire in (b"", request[:-2], request + b"x", request + request):
        with pytest.raises(HeadRefused):
            read_request(wire)
    for wire in (b"", response[:-2], response + b"{}", b"HTTP/1.1 100 Continue\r\n\r\n", request):
        with pytest.raises(HeadRefused):
            read_response(wire)


def test_the_reason_repeats_nothing() -> None:
    with pytest.raises(HeadRefused, match=r"^illegal header line$"):
        read_request(b"GET / HTTP/1.1\r\nHost: a\r\nsecret\r\n\r\n")
    with pytest.raises(HeadRefused, match=r"^illegal status line$"):
        read_response(b"secret\r\n\r\n")


def test_what_was_read_cannot_be_changed() -> None:
    request, response = read_request(GOOD_REQUESTS["get"]), read_response(GOOD_RESPONSES["plain"])
    with pytest.raises(AttributeError):
        request.method = b"POST"  # type: ignore[misc]  # that it is refused is what is tested
    with pytest.raises(AttributeError):
        response.status = 500  # type: ignore[misc]  # likewise
    assert msgspec.structs.asdict(response)["status"] == 200
