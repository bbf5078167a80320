"""A Linx elsewhere, over real sockets, and behind a real nginx."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from linx.core.redaction import Redactor
from linx.doctor import report
from linx.doctor.checks.remote import findings
from linx.doctor.facts import KeyState, RemoteFacts, Trouble
from linx.doctor.finding import Level
from linx.doctor.gather import remote
from linx.doctor.gather.remote import look
from tests.doctor.world import NOTHING
from tests.e2e.linx_process import linx_here, url_of
from tests.fakes.fronts import Front
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from linx.app import App

KEY = "sk-remote-0123456789abcdef"
SLOWLY = Answer(tokens=[f" {number}" for number in range(40)], interval_s=0.004)
COLLECTING = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"
"""And ``proxy_http_version 1.0``, nginx's default: of an answer in chunks it passes each chunk on all the same."""
nginx = pytest.mark.needs("nginx")


@asynccontextmanager
async def linx(folder: Path, kind: Any = "ollama", **server: Any) -> AsyncIterator[tuple[App, FakeProvider]]:
    async with FakeProvider(kind, ["m"]) as fake:
        fake.default = SLOWLY
        more = {"api_key": KEY, "local": False} if kind == "openrouter" else {}
        box = {"kind": kind, "endpoint": fake.endpoint, **more}
        async with linx_here({**NOTHING, "providers": {"box": box}, "server": {"port": 0, **server}}, folder) as app:
            yield app, fake


async def look_at(url: str, key: str | None = None) -> tuple[RemoteFacts, str]:
    """The facts, and the report as it is shown."""
    redactor = Redactor()
    redactor.add(key or "")
    facts = await look(url, key, {}, redactor)
    shown = report.as_json(report.cleaned(findings(facts), redactor.clean))
    assert KEY not in shown
    return facts, shown


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_all_is_well(tmp_path: Path, ending: str) -> None:
    async with linx(tmp_path) as (app, fake):
        facts, shown = await look_at(url_of(app) + ending)
        assert facts.url == url_of(app)
        assert (facts.is_linx, facts.key, facts.model, facts.cancelled) == (True, KeyState.UNNEEDED, "m:latest", True)
        assert facts.stream is not None
        assert facts.stream.is_whole
        assert facts.stream.provider == "box"
        assert facts.stream.reads > 6, shown
        assert '"worst": "ok"' in shown
        assert len(fake.calls) == 2


async def test_its_key(tmp_path: Path) -> None:
    async with linx(tmp_path, api_key=KEY) as (app, fake):
        url = url_of(app)
        facts, shown = await look_at(url)
        assert facts.key is KeyState.MISSING
        assert f"linx doctor --from {url} --api-key KEY" in shown
        facts, shown = await look_at(url, "sk-wrong-0123456789abcdef")
        assert facts.key is KeyState.REFUSED
        assert '"worst": "broken"' in shown
        assert not fake.calls
        facts, _shown = await look_at(url, KEY)
        assert (facts.key, facts.cancelled) == (KeyState.ACCEPTED, True)
        facts, _shown = await look_at(f"{url}/k/{KEY}/v1")
        assert (facts.key, facts.url, facts.cancelled) == (KeyState.ACCEPTED, url, True)


async def test_nothing_is_spent(tmp_path: Path) -> None:
    async with linx(tmp_path, "openrouter") as (app, fake):
        facts, shown = await look_at(url_of(app))
        assert (facts.models, facts.model, facts.stream) == (1, "", None)
        assert "none of them is local" in shown
        assert '"worst": "note"' in shown
        assert not fake.calls


async def test_a_local_model_that_fails_is_not_answered_by_a_remote_one(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, FakeProvider("openrouter", ["m"]) as paid:
        fake.default = Whole(500, b'{"error":"the runner has died"}')
        providers = {
            "box": {"kind": "ollama", "endpoint": fake.endpoint},
            "paid": {"kind": "openrouter", "endpoint": paid.endpoint, "api_key": KEY, "local": False},
        }
        async with linx_here({**NOTHING, "providers": providers, "server": {"port": 0}}, tmp_path) as app:
            facts, shown = await look_at(url_of(app))
            assert facts.stream is not None
            assert facts.stream.problem
            assert '"worst": "broken"' in shown
            assert not paid.calls


async def test_nothing_listens() -> None:
    facts, shown = await look_at(f"http://127.0.0.1:{closed_port()}")
    assert facts.trouble is Trouble.REFUSED
    assert "start Linx there" in shown


async def test_what_is_no_linx() -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        facts, shown = await look_at(fake.endpoint)
        assert not facts.is_linx
        assert "if it is a Linx" in shown
        assert not fake.calls


def change(path: Path, *swaps: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@nginx
async def test_nginx_as_the_page_has_it_and_nginx_that_collects(tmp_path: Path) -> None:
    async with linx(tmp_path, allowed_hosts=["127.0.0.1"]) as (app, _fake):
        front = Front("nginx", tmp_path / "front", app.bound[0][1])
        async with front:
            facts, shown = await look_at(f"http://127.0.0.1:{front.port}/v1")
            assert "nginx" in facts.front
            assert facts.is_linx, "by the header of its answer"
            assert facts.cancelled is None, "the page passes no management on"
            assert '"worst": "note"' in shown
        change(tmp_path / "front" / "config", ("proxy_buffering off;", COLLECTING), ("version 1.1;", "version 1.0;"))
        async with front:
            facts, shown = await look_at(f"http://127.0.0.1:{front.port}/v1")
            assert "a proxy between collects them" in shown, facts.stream
            assert "proxy_buffering off; in nginx" in shown
            assert '"worst": "warning"' in shown


async def keep(target: int, client: trio.SocketStream) -> None:
    """A proxy that goes on to read an answer whose client has left."""
    async with client, await trio.open_tcp_stream("127.0.0.1", target) as linx, trio.open_nursery() as nursery:

        async def back() -> None:
            async for data in linx:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await client.send_all(data)
            nursery.cancel_scope.cancel()

        nursery.start_soon(back)
        with suppress(trio.BrokenResourceError):
            async for data in client:
                await linx.send_all(data)


async def test_a_proxy_that_keeps_a_request_whose_client_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "ENDED_S", 0.2)
    async with linx(tmp_path) as (app, fake), trio.open_nursery() as nursery:
        fake.default = Answer(tokens=[" x"] * 4000, interval_s=0.01)
        fake.next(SLOWLY)
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, partial(keep, app.bound[0][1]), [listener])
        facts, shown = await look_at(f"http://127.0.0.1:{port}")
        nursery.cancel_scope.cancel()
    assert facts.cancelled is False, shown
    assert "the model works for nobody" in shown
    assert "proxy_ignore_client_abort off" in shown


@nginx
async def test_nginx_without_a_linx_behind_it(tmp_path: Path) -> None:
    async with Front("nginx", tmp_path / "front", closed_port()) as front:
        facts, shown = await look_at(f"http://127.0.0.1:{front.port}")
        assert (facts.trouble, findings(facts)[0].finding.level) == (Trouble.STATUS, Level.BROKEN)
        assert "502" in facts.problem
        assert "start the Linx behind it" in shown


LISTED = {"data": [{"id": "m", "pricing": {"prompt": "0", "completion": "0"}}]}


@asynccontextmanager
async def liar(answers: Mapping[str, bytes]) -> AsyncIterator[str]:
    """A front that answers what it likes; a path that is not named gets an empty list of models."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive_some()
            path = data.split(b" ")[1].decode("latin-1")
            head, body = b"", answers.get(path, answers.get(path.rpartition("/")[0], b"{}"))
            if body.startswith(b"X-Request-Id: "):
                head, _, body = body.partition(b"\r\n")
                head += b"\r\n"
            with suppress(trio.BrokenResourceError):
                await stream.send_all(
                    b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (head, len(body), body)
                )

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


FRAMES = b'data: {"choices":[]}\n\n' * 4 + b"data: [DONE]\n\n"
NAMED = b"X-Request-Id: abc\r\n" + FRAMES


@pytest.mark.parametrize(
    ("answers", "model", "cancelled"),
    [
        ({"/api/ps": b'{"models": 5}', "/v1/chat/completions": FRAMES}, "m", None),
        ({"/api/ps": b'{"models": [5, {"model": []}]}', "/v1/chat/completions": FRAMES}, "m", None),
        ({"/v1/chat/completions": b""}, "m", None),
        ({"/v1/chat/completions": NAMED, "/linx/requests": b'{"phase": []}'}, "m", False),
        ({"/v1/chat/completions": NAMED, "/linx/requests": b'{"phase": "cancelled"}'}, "m", True),
        ({"/v1/chat/completions": b"X-Request-Id: \xe9 x\r\n" + FRAMES}, "m", None),
        ({"/v1/models": jsontext.dumps({"data": [{**LISTED["data"][0], "id": "m" * 100_000}]})}, "", None),
        ({"/v1/models": jsontext.dumps({"data": [{**LISTED["data"][0], "id": 5}]})}, "", None),
        ({"/v1/models": b"5"}, "", None),
    ],
    ids=["loaded 5", "loaded objects", "empty stream", "phase", "ended", "odd id", "long name", "name 5", "list 5"],
)
async def test_a_front_that_lies(
    answers: Mapping[str, bytes], model: str, cancelled: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "ENDED_S", 0.1)
    async with liar({"/v1/models": jsontext.dumps(LISTED), **answers}) as url:
        facts, shown = await look_at(url)
    assert (facts.model, facts.cancelled) == (model, cancelled)
    assert len(shown) < 5000
