"""Compressed bodies through a whole Linx: every face, errors in its own words, and no bomb that stops the others."""

from __future__ import annotations

import gzip
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HI = [{"role": "user", "content": "hi"}]
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
FACES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": HI},
    "/v1/responses": {"model": "m", "input": "hi"},
    "/v1/messages": {"model": "m", "messages": HI, "max_tokens": 9},
    "/api/chat": {"model": "m", "messages": HI, "stream": False},
    "/v1/embeddings": {"model": "m", "input": "hi"},
    "/v1/rerank": {"model": "m", "query": "hi", "documents": ["a"]},
}


def error_in(answer: Any, path: str) -> str:
    """The message of an error in the dialect of the path."""
    body = answer.json
    if path.startswith("/api/"):
        return str(body["error"])
    assert (body.get("type") == "error") == (path == "/v1/messages")
    return str(body["error"]["message"])


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("path", FACES)
async def test_every_face_takes_them(path: str, coding: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port, plain = app.bound[0][1], jsontext.dumps(FACES[path])
        answer = await ask(port, path, PACKED[coding](plain), headers={"content-encoding": coding})
        assert answer.status == 200
        assert "content-encoding" not in fake.requests[-1].headers
        assert fake.requests[-1].json["model"] == "m"


@pytest.mark.parametrize("path", FACES)
async def test_what_is_refused_is_told_in_the_words_of_the_face(path: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server={"max_body_mb": 1}), tmp_path) as app:
            port = app.bound[0][1]
            other = await ask(port, path, b"x", headers={"content-encoding": "br"})
            assert (other.status, other.headers["accept-encoding"]) == (415, "gzip, deflate, zstd")
            assert "send gzip, deflate or zstd" in error_in(other, path)
            stacked = await ask(port, path, b"x", headers={"content-encoding": "gzip, zstd"})
            assert stacked.status == 415
            broken = await ask(port, path, b"no zstd", headers={"content-encoding": "zstd"})
            assert (broken.status, "not valid zstd" in error_in(broken, path)) == (400, True)
            bomb = await ask(port, path, zstd.compress(bytes(2**21)), headers={"content-encoding": "zstd"})
            assert (bomb.status, "larger than" in error_in(bomb, path)) == (413, True)
            assert not fake.calls


@pytest.mark.parametrize("coding", PACKED)
async def test_bombs_side_by_side_stop_nobody(coding: str, tmp_path: Path) -> None:
    """Four bodies of 32 MiB in less than 35 KB each. Another request is answered meanwhile."""
    bomb = PACKED[coding](bytes(2**25))
    config = {"max_body_mb": 16}
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, server=config), tmp_path) as app:
        port, path = app.bound[0][1], "/v1/chat/completions"
        statuses = []

        async def send() -> None:
            statuses.append((await ask(port, path, bomb, headers={"content-encoding": coding})).status)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(send)
            assert (await ask(port, path, FACES[path])).status == 200
        assert statuses == [413] * 4
