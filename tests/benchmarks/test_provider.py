"""The benchmark's fake provider: every dialect, streamed and whole, plain and behind TLS, as the prompt asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.prompts import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.provider import Provider

PATHS = ("/v1/chat/completions", "/api/chat", "/api/generate", "/v1/messages")


def _body(plan: Plan, *, stream: bool, **more: object) -> bytes:
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": plan.words}], **more}
    return json.dumps(body).encode()


@contextlib.contextmanager
def _asked(
    provider: Provider, path: str, body: bytes | Iterable[bytes], **fields: str
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", path, body, fields, encode_chunked=not isinstance(body, bytes))
        with connection.getresponse() as answer:
            yield answer


def _ask(provider: Provider, path: str, body: bytes | Iterable[bytes], **fields: str) -> str:
    with _asked(provider, path, body, **fields) as answer:
        return answer.read().decode()


def _frames(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def _text(frame: dict[str, Any]) -> str:
    """The text of a frame of any of the dialects."""
    for choice in frame.get("choices", ()):
        return str(choice["delta"].get("content") or "")
    found = frame.get("response") or frame.get("delta", {}).get("text") or frame.get("message", {}).get("content")
    return found if isinstance(found, str) else ""


@pytest.mark.parametrize("burst", [1, 2, 7])
@pytest.mark.parametrize("path", PATHS)
def test_each_frame_has_the_time_at_which_it_was_sent(provider: Provider, path: str, burst: int) -> None:
    text = _ask(provider, path, _body(Plan(5, burst=burst), stream=True))
    stamps = [int(part[1:20]) for frame in _frames(text) if (part := _text(frame)).startswith("@")]
    assert len(stamps) == 5
    assert all(0 <= time.time_ns() - stamp < 10_000_000_000 for stamp in stamps)


@pytest.mark.parametrize("path", PATHS)
def test_a_whole_answer_has_all_frames_in_one(provider: Provider, path: str) -> None:
    with _asked(provider, path, _body(Plan(3, size=4), stream=False)) as answer:
        assert answer.headers["content-length"]
        assert answer.read().decode().count("xxxx") == 3


def test_frames_differ_in_their_text_only_unless_the_prompt_asks_for_more(provider: Provider) -> None:
    for is_changing, different in ((False, 1), (True, 5)):
        body = _body(Plan(5, is_changing=is_changing), stream=True)
        frames = [one for one in _frames(_ask(provider, PATHS[0], body)) if _text(one)]
        for frame in frames:
            frame["choices"] = None
        assert len({json.dumps(frame) for frame in frames}) == different


def test_usage_comes_where_it_is_asked_for(provider: Provider) -> None:
    asked = _ask(provider, PATHS[0], _body(Plan(1), stream=True, stream_options={"include_usage": True}))
    assert _frames(asked)[-1]["usage"]["total_tokens"] == 18


def test_paced_frames_keep_their_pace(provider: Provider) -> None:
    begun = time.monotonic()
    _ask(provider, PATHS[0], _body(Plan(10, interval_us=2000), stream=True))
    assert time.monotonic() - begun >= 9 * 0.002


def test_it_reads_bodies_in_chunks_with_trailers(provider: Provider) -> None:
    body = _body(Plan(3), stream=True)
    answer = _ask(provider, PATHS[0], iter([body[:10], body[10:11], body[11:]]), **{"Transfer-Encoding": "chunked"})
    assert len([frame for frame in _frames(answer) if _text(frame)]) == 3


def test_it_closes_where_the_client_asks_for_that(provider: Provider) -> None:
    for fields, closes in (({"Connection": "close"}, True), ({}, False)):
        with _asked(provider, PATHS[0], _body(Plan(1), stream=True), **fields) as answer:
            assert answer.will_close == closes
            answer.read()


def test_behind_tls_with_its_certificate(provider: Provider) -> None:
    trusted = ssl.create_default_context(cafile=str(provider.certificate))
    with urllib.request.urlopen(provider.url(is_tls=True) + "/v1/models", context=trusted, timeout=10) as answer:
        assert b"bench-model" in answer.read()


def test_a_number_before_the_path_says_nothing(provider: Provider) -> None:
    with urllib.request.urlopen(provider.url() + "/7/v1/models", timeout=10) as answer:
        assert b"bench-model" in answer.read()


def test_a_reset_ends_the_answers_under_way(provider: Provider) -> None:
    with _asked(provider, PATHS[0], _body(Plan(1000, interval_us=100_000), stream=True)) as answer:
        provider.reset()
        with pytest.raises((http.client.HTTPException, OSError)):
            answer.read()
