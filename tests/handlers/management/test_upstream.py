"""Any path of a local provider: who may, what passes in both directions, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.handlers.management.upstream import inner_path
from tests.e2e.http_client import Client, ask
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, ReadRequest, Send, Stall, Whole
from tests.handlers.ollama_world import linx_for
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

LLAMA = "/upstream/llamacpp1"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "inner"),
    [("/upstream/a", "/"), ("/upstream/a/", "/"), ("/upstream/a/slots/0", "/slots/0"), ("/upstream/a//x/", "//x/")],
)
def test_the_path_behind_the_name(path: str, inner: str) -> None:
    assert inner_path(path) == inner


@pytest.mark.parametrize(
    "path", ["/slots", "/slots/0?action=save&x=%2F", "/a%2Fb//c/", "/lora-adapters?", "/v1/messages", "/"]
)
async def test_a_path_passes_as_it_is(tmp_path: Path, path: str) -> None:
    async with FakeProvider("llamacpp", ["m"], api_key="theirs") as fake, linx_for(tmp_path, fake) as port:
        await ask(port, LLAMA + path, headers={"authorization": "Bearer mine", "cookie": "a=b", "x-y": "z"})
        sent = fake.requests[-1]
        assert (sent.method, sent.target) == ("GET", path.removesuffix("?"))
        assert sent.headers["authorization"] == "Bearer theirs"
        assert not {"cookie", "x-y", "x-forwarded-for"} & sent.headers.keys()


async def test_a_body_and_the_two_headers_that_belong_to_it_pass(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/lora-adapters"] = Whole(200, b'{"success":true}')
        body = b'[ {"id":0,  "scale":0.5} ]'
        headers = {"content-type": "application/json; charset=utf-8", "accept": "text/event-stream"}
        answer = await ask(port, LLAMA + "/lora-adapters", body, headers=headers)
        assert (answer.status, answer.body) == (200, b'{"success":true}')
        sent = fake.requests[-1]
        assert (sent.method, sent.body) == ("POST", body)
        assert {name: sent.headers[name] for name in headers} == headers
        await ask(port, LLAMA + "/lora-adapters", body, headers={"accept": "x" * 300})
        assert fake.requests[-1].headers["accept"] == "*/*"
        packed = await ask(port, LLAMA + "/lora-adapters", body, headers={"content-encoding": "gzip"})
        assert packed.status == 415


async def test_a_stream_comes_as_it_is_made_and_ends_with_the_client(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/completion"] = Raw([ReadRequest(), Send(HEAD + b"9\r\ndata: 1\n\n\r\n"), Stall()])
        client = Client(port)
        await client.open()
        await client.send("POST", LLAMA + "/completion", {"prompt": "x", "stream": True})
        with within(2):
            head = await client.event()
            assert head.status_code == 200
            assert dict(head.headers)[b"content-type"] == b"text/event-stream"
            assert bytes((await client.event()).data) == b"data: 1\n\n"
        call = fake.requests[-1]
        await client.close()
        with within(2):
            await call.connection.closed.wait()


async def test_an_answer_that_breaks_off_has_no_end(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/models/sse"] = Raw([ReadRequest(), Send(HEAD + b"9\r\ndata: 1\n\n\r\n"), Close()])
        answer = await ask(port, LLAMA + "/models/sse")
        assert (answer.status, answer.body, answer.is_whole) == (200, b"data: 1\n\n", False)


async def test_an_error_comes_back_with_its_status_and_without_secrets(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"], api_key="sk-very-secret-key-0123456789") as fake:
        async with linx_for(tmp_path, fake) as port:
            said = {"error": {"code": 501, "message": "no slots for sk-very-secret-key-0123456789"}}
            fake.at["/slots"] = Whole(501, jsontext.dumps(said))
            answer = await ask(port, LLAMA + "/slots")
            assert answer.status == 501
            assert answer.json["error"]["message"].startswith("no slots for")
            assert b"0123456789" not in answer.body
            fake.at["/slots"] = scripted.status(401)
            refused = await ask(port, LLAMA + "/slots")
            assert refused.status == 502  # a 401 would be about the client's key
            fake.at["/slots"] = Whole(302, b"", headers=[("Location", "http://127.0.0.1:1/")])
            assert (await ask(port, LLAMA + "/slots")).status == 502


@pytest.mark.parametrize(
    ("given", "told"), [("30", "30"), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("9" * 20, None)]
)
async def test_an_error_says_when_to_come_back(tmp_path: Path, given: str, told: str | None) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/slots"] = Whole(503, b'{"error":{"message":"Loading model"}}', headers=[("Retry-After", given)])
        answer = await ask(port, LLAMA + "/slots")
        assert (answer.status, answer.headers.get("retry-after")) == (503, told)


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/xml", "application/javascript", "text/css"])
async def test_a_page_of_a_provider_is_no_page_of_linx(tmp_path: Path, kind: str) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        fake.at["/"] = Whole(200, b"<script>", kind)
        answer = await ask(port, LLAMA + "/")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"


# --- who may ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-forwarded-for": "1.2.3.4"}, 403),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"host": "evil.example"}, 403),
    ],
)
async def test_other_machines_and_pages_may_not(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        assert (await ask(port, LLAMA + "/slots", headers=headers)).status == status
        assert any(sent.path == "/slots" for sent in fake.requests) == (status == 200)


async def test_with_a_key_set_it_needs_the_key(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake, server={"api_key": "k"}) as port:
        assert (await ask(port, LLAMA + "/slots")).status == 401
        assert (await ask(port, "/k/k" + LLAMA + "/slots")).status == 200


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/upstream/nobody/slots", 404, "Local providers: llamacpp1"),
        ("/upstream/openai2/v1/models", 403, "openai2 is none"),
        (LLAMA + "/../etc", 404, "cannot be asked"),
        (LLAMA + "/a/%2e%2E/b", 404, "cannot be asked"),
        (LLAMA + "/a/..%2fb", 404, "cannot be asked"),
        (LLAMA + "/a/..%5cb", 404, "cannot be asked"),
    ],
)
async def test_what_is_no_path_of_a_local_provider(tmp_path: Path, path: str, status: int, words: str) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, FakeProvider("openai", ["r"]) as far:
        async with linx_for(tmp_path, fake, far, providers={"openai2": {"local": False}}) as port:
            before = len(fake.requests), len(far.requests)
            answer = await ask(port, path)
            assert (answer.status, words in answer.json["error"]["message"]) == (status, True)
            assert (len(fake.requests), len(far.requests)) == before


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
async def test_other_methods(tmp_path: Path, method: str) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, LLAMA + "/slots", method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("routing", "headers"),
    [({"local_only": True}, {}), ({"local_only": ["m"]}, {}), ({}, {"x-linx-local-only": "true"})],
    ids=["all", "a pattern", "the header"],
)
async def test_what_must_stay_local_goes_to_no_ollama_on_this_way(
    tmp_path: Path, routing: dict[str, Any], headers: dict[str, str]
) -> None:
    """An Ollama passes a prompt for a cloud model on, whatever the model is called."""
    body = {"model": "m:cloud", "prompt": "secret"}
    async with FakeProvider("ollama", ["m"]) as ollama, FakeProvider("llamacpp", ["m"]) as llama:
        async with linx_for(tmp_path, ollama, llama, routing=routing) as port:
            answer = await ask(port, "/upstream/ollama1/api/generate", body, headers=headers)
            assert answer.status == 503
            assert "local" in answer.json["error"]  # in Ollama's words, by the path
            assert not any(call.path == "/api/generate" for call in ollama.requests)
            assert (await ask(port, "/upstream/ollama1/api/tags", headers=headers)).status == 200
            assert (await ask(port, "/upstream/llamacpp2/completion", {"prompt": "x"}, headers=headers)).status == 200


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/upstream/no/slots", lambda body: body["error"]["message"]),
        ("/upstream/no/api/chat", lambda body: body["error"].strip()),
        ("/upstream/no/v1/messages", lambda body: body["type"] == "error" and body["error"]["message"]),
    ],
    ids=["openai", "ollama", "anthropic"],
)
async def test_errors_have_the_shape_of_the_path_behind(tmp_path: Path, path: str, dialect: Any) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        assert dialect((await ask(port, path)).json)


async def test_a_record_is_kept(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        answer = await ask(port, LLAMA + "/slots")
        assert answer.headers["x-linx-attempts"] == "llamacpp1=ok"
        record = (await ask(port, "/linx/requests")).json["data"][0]
        assert (record["path"], record["status"], record["provider"]) == (LLAMA + "/slots", 200, "llamacpp1")
