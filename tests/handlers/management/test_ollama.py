"""Housekeeping, relayed: who may, whose model it is, streams in both directions."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from linx.core import jsontext
from linx.handlers.management import ollama as ollama_manage
from tests.e2e.http_client import Client, ask
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Raw, ReadRequest, Send, Stall, Whole
from tests.handlers.ollama_world import linx_for
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from linx.server.request import Request


def lines(body: bytes) -> list[Any]:
    return [jsontext.loads(line) for line in body[:-1].split(b"\n")]


PROGRESS = {"/api/pull": {"model": "x"}, "/api/push": {"model": "m"}, "/api/create": {"model": "made", "from": "m"}}


@pytest.mark.parametrize("path", list(PROGRESS))
async def test_progress_is_relayed(tmp_path: Path, path: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, path, PROGRESS[path])
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert lines(answer.body) == lines((await ask(fake.port, path, PROGRESS[path])).body)
        assert answer.headers["x-linx-attempts"] == "ollama1=ok"
        whole = await ask(port, path + "/", {**PROGRESS[path], "stream": False})
        assert whole.json == {"status": "success"}
        assert fake.requests[-1].path != path + "/"


async def test_progress_comes_as_it_is_made(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        fake.at["/api/pull"] = Raw([ReadRequest(), Send(head + b'13\r\n{"status":"first"}\n\r\n'), Stall()])
        client = Client(port)
        await client.open()
        await client.send("POST", "/api/pull", {"model": "x"})
        with within(2):
            assert (await client.event()).status_code == 200
            assert bytes((await client.event()).data) == b'{"status":"first"}\n'
        pull = next(one for one in fake.requests if one.path == "/api/pull")
        await client.close()
        with within(2):
            await pull.connection.closed.wait()


async def test_a_pull_is_known_at_once(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        assert (await ask(port, "/api/copy", {"source": "m", "destination": "n"})).body == b""
        names = [entry["name"] for entry in (await ask(port, "/api/tags")).json["models"]]
        assert names == ["m:latest", "n:latest"]
        answer = await ask(port, "/api/delete", {"model": "n"}, method="DELETE")
        assert (answer.status, answer.body) == (200, b"")
        assert len((await ask(port, "/api/tags")).json["models"]) == 1


async def test_a_blob_of_any_size_passes(tmp_path: Path) -> None:
    data = b"0123456789abcdef" * 200_000
    path = f"/api/blobs/sha256:{hashlib.sha256(data).hexdigest()}"
    async with (
        FakeProvider("ollama", ["m"]) as fake,
        linx_for(tmp_path, fake, server={"max_body_mb": 0.001}) as port,
    ):
        missing = await ask(port, path, method="HEAD")
        assert (missing.status, missing.body) == (404, b"")
        assert (await ask(port, path, data)).status == 201
        assert (await ask(port, path, method="HEAD")).status == 200
        sent = next(one for one in fake.requests if one.method == "POST" and one.path == path)
        assert sent.body == data
        assert sent.headers["content-type"] == "application/octet-stream"
        # A blob that is there is not read again, so only another name can be wrong.
        assert (await ask(port, path, b"other")).status == 200
        zeros = "sha256:" + "0" * 64
        wrong = await ask(port, f"/api/blobs/{zeros}", b"other")
        assert wrong.status == 400
        assert wrong.json["error"].startswith(f'digest mismatch, expected "{zeros}", got "sha256:')


async def test_a_body_without_a_length_passes_too(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"POST /api/pull HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b'7\r\n{"model\r\n', b'6\r\n":"x"}\r\n', b"0\r\n\r\n"):
            await stream.send_all(piece)
        assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 200 ")
        await stream.aclose()
        assert next(one for one in fake.requests if one.path == "/api/pull").json == {"model": "x"}


@pytest.mark.parametrize("name", ["xx", "sha256:12", "sha256:" + "g" * 64, "sha256:" + "0" * 64 + "/../../api/tags"])
async def test_only_a_digest_names_a_blob(tmp_path: Path, name: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        before = len(fake.requests)
        assert (await ask(port, f"/api/blobs/{name}", b"data")).status == 400
        assert len(fake.requests) == before


async def test_each_goes_to_the_ollama_that_has_the_model(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["m"]) as first,
        FakeProvider("ollama", ["m", "only"]) as second,
        linx_for(tmp_path, first, second) as port,
    ):
        await ask(port, "/api/push", {"model": "only"})
        assert second.requests[-1].path in ("/api/push", "/api/tags", "/api/version", "/api/show")
        assert any(one.path == "/api/push" for one in second.requests)
        await ask(port, "/api/delete", {"model": "ollama2/m"}, method="DELETE")
        assert [model.name for model in second.models] == ["only"]
        await ask(port, "/api/pull", {"model": "only"})
        assert any(one.path == "/api/pull" for one in first.requests)
        answer = await ask(port, "/api/delete", {"model": "nada"}, method="DELETE")
        assert (answer.status, answer.json) == (404, {"error": "model 'nada' not found"})
        assert answer.headers["x-linx-attempts"] == "ollama1=http_404"


async def test_a_mapping_is_not_the_model_behind_it(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["q"]) as fake,
        linx_for(tmp_path, fake, providers={"ollama1": {"model_mappings": {"gpt-4o": "q"}}}) as port,
    ):
        assert (await ask(port, "/api/delete", {"model": "gpt-4o"}, method="DELETE")).status == 404
        assert len(fake.models) == 1


async def test_the_config_may_forbid_it(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as closed, FakeProvider("ollama", ["n"]) as open_one:
        forbidden = {"ollama1": {"allow_manage": False}}
        async with linx_for(tmp_path, closed, providers=forbidden) as port:
            answer = await ask(port, "/api/pull", {"model": "x"})
            assert answer.status == 403
            assert "allow_manage" in answer.json["error"]
        async with linx_for(tmp_path, closed, open_one, providers=forbidden) as port:
            assert (await ask(port, "/api/pull", {"model": "x"})).headers["x-linx-provider"] == "ollama2"
        assert not any(one.path == "/api/pull" for one in closed.requests)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [("DELETE", "/api/delete", "model"), ("POST", "/api/push", "name"), ("POST", "/api/copy", "source")],
)
@pytest.mark.parametrize("name", ["m", "M:latest", "library/m", "ollama1/m", "ollama1/unlisted"])
async def test_what_is_forbidden_for_an_ollama_is_not_done_at_another(
    tmp_path: Path, method: str, path: str, key: str, name: str
) -> None:
    forbidden = {"ollama1": {"allow_manage": False}}
    async with (
        FakeProvider("ollama", ["m"]) as closed,
        FakeProvider("ollama", ["m"]) as other,
        linx_for(tmp_path, closed, other, providers=forbidden) as port,
    ):
        answer = await ask(port, path, {key: name, "destination": "x"}, method=method)
        assert answer.status == 403
        assert answer.json == {"error": "allow_manage is false for ollama1, so Linx does not manage its models."}
        assert not any(one.path == path for one in (*closed.requests, *other.requests))
        answer = await ask(port, path, {key: "ollama2/m", "destination": "x"}, method=method)
        assert (answer.status, answer.headers["x-linx-provider"]) == (200, "ollama2")


async def test_without_an_ollama_it_is_said_so(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        for method, path in (("POST", "/api/pull"), ("DELETE", "/api/delete"), ("POST", "/api/blobs/sha256:00")):
            answer = await ask(port, path, {"model": "m"}, method=method)
            assert answer.status == 501
            assert "No Ollama" in answer.json["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"x-forwarded-for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
    ],
)
async def test_other_origins_and_forwarded_clients_may_not(tmp_path: Path, headers: dict[str, str]) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, "/api/delete", {"model": "m"}, method="DELETE", headers=headers)
        assert answer.status == 403
        assert list(answer.json) == ["error"]
        assert len(fake.models) == 1


@pytest.mark.parametrize(
    ("listener", "peer", "is_here"),
    [
        ("local", "127.0.0.1:5000", True),
        ("local", "127.8.9.1:5000", True),
        ("local", "[::1]:5000", True),
        ("local", "[::ffff:127.0.0.1]:5000", True),
        ("local", "local socket", True),
        ("tunnel", "127.0.0.1:5000", False),
        ("local", "192.168.1.7:5000", False),
        ("local", "[::ffff:10.0.0.1]:5000", False),
        ("local", "[fe80::1%eth0]:5000", False),
        ("local", "", False),
    ],
)
def test_who_is_on_this_machine(listener: str, peer: str, is_here: bool) -> None:
    request = SimpleNamespace(listener=listener, peer=peer, header=lambda _name: None)
    assert ollama_manage.is_from_here(cast("Request", request)) is is_here


@pytest.mark.parametrize("body", [b"", b"[]", {}, {"model": ""}, {"model": 3}])
async def test_a_model_must_be_named(tmp_path: Path, body: Any) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, "/api/delete", body, method="DELETE")
        assert answer.status == 400
        assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (Whole(500, b'{"error":"pull model manifest:\\n file does not exist"}'), 500, "pull model manifest: file does"),
        (Whole(404, b"404 page not found", "text/plain"), 404, "no such path"),
        (Whole(500, b"oops", "text/plain"), 500, "ollama1 answered HTTP 500"),
        (Whole(401, b'{"error":"unauthorized"}'), 502, "ollama1"),
        (Whole(302, b"", headers=[("Location", "http://elsewhere")]), 502, "redirects"),
        (scripted.Raw([ReadRequest(), scripted.Close()]), 502, "closed the connection"),
    ],
)
async def test_an_ollamas_refusal_is_passed_on(tmp_path: Path, reply: scripted.Reply, status: int, words: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/api/pull"] = reply
        answer = await ask(port, "/api/pull", {"model": "x"})
        assert answer.status == status
        assert list(answer.json) == ["error"]
        assert words in answer.json["error"]


async def test_where_to_sign_in_is_passed_on(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/api/push"] = Whole(401, b'{"error":"unauthorized","signin_url":"https://x.test/connect"}')
        answer = await ask(port, "/api/push", {"model": "m"})
        assert (answer.status, answer.json["signin_url"]) == (401, "https://x.test/connect")
        assert "sign in at https://x.test/connect" in answer.json["error"]


async def test_an_ollama_that_is_gone_is_told(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.down()
        answer = await ask(port, "/api/pull", {"model": "x"})
        assert answer.status == 502
        assert answer.json["error"].startswith("ollama1: ")
        assert answer.headers["x-linx-attempts"] == "ollama1=connect_failed"


async def test_a_pull_that_breaks_ends_with_an_error_line(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/api/pull"] = Answer(cut=2, after="close")
        answer = await ask(port, "/api/pull", {"model": "x"})
        assert answer.status == 200
        found = lines(answer.body)
        assert found[0] == {"status": "pulling manifest"}
        assert list(found[-1]) == ["error"]
        fake.at["/api/pull"] = Answer(cut=2, after="error")
        found = lines((await ask(port, "/api/pull", {"model": "x"})).body)
        assert found[-1] == {"error": "the model crashed"}


async def test_neither_sides_headers_pass(tmp_path: Path) -> None:
    async with (
        FakeProvider("ollama", ["m"], api_key="k-provider") as fake,
        linx_for(tmp_path, fake, server={"api_key": "k-linx"}) as port,
    ):
        headers = {"authorization": "Bearer k-linx", "cookie": "c=1", "content-type": "text/plain"}
        assert (await ask(port, "/api/pull", {"model": "x"}, headers=headers)).status == 200
        sent = next(one for one in fake.requests if one.path == "/api/pull")
        assert sent.headers["authorization"] == "Bearer k-provider"
        assert sent.headers["content-type"] == "application/json"
        assert "cookie" not in sent.headers


async def test_packed_bodies_are_refused_before_they_are_read(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, "/api/pull", b"\x1f\x8b", headers={"content-encoding": "gzip"})
        assert answer.status == 415
        assert not any(one.path == "/api/pull" for one in fake.requests)


ACCOUNT = {"error": "account unavailable"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/me"),
        ("POST", "/api/signout"),
        ("GET", "/api/status"),
        ("GET", "/api/experimental/model-recommendations"),
        ("POST", "/api/experimental/web_search"),
    ],
)
async def test_what_is_of_the_account_goes_to_the_first_ollama(tmp_path: Path, method: str, path: str) -> None:
    async with (
        FakeProvider("ollama", ["m"]) as fake,
        FakeProvider("ollama", ["m"]) as other,
        linx_for(tmp_path, fake, other, providers={"ollama1": {"allow_manage": False}}) as port,
    ):
        body = {"query": "x"} if method == "POST" else None
        fake.at[path] = Whole(200, b'{"name":"me"}', "application/json; charset=utf-8")
        answer = await ask(port, path, body, method=method)
        assert (answer.status, answer.json, answer.headers["x-linx-provider"]) == (200, {"name": "me"}, "ollama1")
        sent = next(one for one in fake.requests if one.path == path)
        assert (sent.method, sent.body) == (method, b'{"query":"x"}' if body else b"")
        fake.at[path] = Whole(503, jsontext.dumps(ACCOUNT), "application/json; charset=utf-8")
        answer = await ask(port, path, body, method=method)
        assert (answer.status, answer.json) == (503, ACCOUNT)
        fake.at[path] = Whole(401, b'{"error":"unauthorized","signin_url":"https://x.test/c"}')
        answer = await ask(port, path, body, method=method)
        assert (answer.status, answer.json["signin_url"]) == (401, "https://x.test/c")
        assert not any(one.path == path for one in other.requests)


async def test_who_is_not_signed_in_is_told_so_when_signing_out(tmp_path: Path) -> None:
    keyless = {"ollama1": {"api_key": None}}
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake, providers=keyless) as port:
        answer = await ask(port, "/api/signout", {})
        assert (answer.status, answer.json) == (401, {"error": "you are not currently signed in"})
        status = (await ask(port, "/v1/providers/status")).json["data"][0]
        assert status["consecutive_failures"] == 0


@pytest.mark.parametrize("path", ["/api/me", "/api/signout", "/api/experimental/x"])
async def test_the_account_is_for_this_machine_alone(tmp_path: Path, path: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, path, {}, headers={"x-forwarded-for": "203.0.113.9"})
        assert answer.status == 403
        assert not any(one.path == path for one in fake.requests)


@pytest.mark.parametrize("name", ["", "../tags", "%2e%2e/tags", "a/..", "a b"])
async def test_no_path_leads_out_of_the_experimental_ones(tmp_path: Path, name: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        before = len(fake.requests)
        path = f"/api/experimental/{name}".replace(" ", "%20")
        assert (await ask(port, path, {})).status in (404, 405)
        assert len(fake.requests) == before
