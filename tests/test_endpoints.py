"""Answers and refusals of every path: each error in its dialect, each request with its record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trio

from linx import endpoints, paths
from linx.access import Policy
from linx.core import jsontext
from linx.core.attempt_errors import Fallback, Refused, RouteExhausted
from linx.core.errors import LinxError, Overloaded, UnknownModel
from linx.paths import (
    EITHER,
    FACES,
    PREFIXES,
    TABLE,
    Endpoint,
)
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.keys import plain

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
    from linx.core.request_feed import Follower
    from linx.paths import Handle

KEY = "linx-key-0123456789/+"
SHAPES: dict[str, set[str]] = {"openai": {"error"}, "ollama": {"error"}, "anthropic": {"type", "error", "request_id"}}


def port_of(app: App) -> int:
    return app.bound[0][1]


async def test_every_face_is_built(tmp_path: Path) -> None:
    named = {endpoint.face for endpoint in [*TABLE.values(), *(endpoint for _prefix, endpoint in PREFIXES)]}
    assert named == FACES | {EITHER}
    async with linx_here(config_for(), tmp_path) as app:
        assert app.faces.keys() == FACES
        handler = endpoints.Endpoints(app.context, app.access, dict)
        with pytest.raises(LookupError, match="'ollama' was not built"):
            handler.error_answer(Overloaded("full"), "abc", b"/api/tags")


@pytest.mark.parametrize(
    ("target", "face"),
    [
        (b"", "openai"),
        (b"*", "openai"),
        (b"/v1/models?x=/api/chat", "openai"),
        (b"/api/chat?x", "ollama"),
        (b"/k/secret/api/chat", "ollama"),
        (b"HTTP://localhost:80/api/chat", "ollama"),
        (b"http://localhost", "openai"),
        (b"/v1/messages", "anthropic"),
        (b"/\xff", "openai"),
    ],
)
async def test_what_the_server_refuses_by_itself_is_said_in_the_paths_dialect(
    target: bytes, face: str, tmp_path: Path
) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        error_answer = endpoints.Endpoints(app.context, app.access, lambda: app.faces).error_answer
        status, headers, body = error_answer(Overloaded("full", retry_after_s=1.5), "abc", target)
    assert status == (529 if face == "anthropic" else 503)
    assert set(jsontext.loads(body)) == SHAPES[face]
    assert isinstance(jsontext.loads(body)["error"], str) == (face == "ollama")
    assert (b"x-request-id", b"abc") in headers
    assert ((b"request-id", b"abc") in headers) == (face == "anthropic")
    assert (b"retry-after", b"2") in headers


# --- answers ---


@pytest.mark.parametrize(
    ("path", "fields", "face"),
    [
        ("/v1/none", {}, "openai"),
        ("/api/none", {}, "ollama"),
        ("/v1/messages/none", {}, "anthropic"),
        ("/none", {"anthropic-version": "1"}, "anthropic"),
    ],
)
async def test_an_unknown_path_is_told_in_the_dialect_of_the_path(
    path: str, fields: dict[str, str], face: str, tmp_path: Path
) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), path, headers=fields)
        assert answer.status == 404
        assert set(answer.json) == SHAPES[face]
        assert isinstance(answer.json["error"], str) is (face == "ollama")
        assert answer.headers["x-request-id"]
        assert ("request-id" in answer.headers) is (face == "anthropic")
        if face == "anthropic":
            assert answer.json["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]


async def test_methods(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = port_of(app)
        answer = await ask(port, "/v1/chat/completions", method="GET")
        assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
        assert answer.json["error"]["message"] == "GET is not for /v1/chat/completions; it takes POST, OPTIONS."
        answer = await ask(port, "/v1/models", method="OPTIONS")
        assert (answer.status, answer.headers["allow"], answer.body) == (204, "GET, HEAD, OPTIONS", b"")
        answer = await ask(port, "*", method="OPTIONS")
        assert (answer.status, "GET" in answer.headers["allow"]) == (204, True)
        assert (await ask(port, "/none", method="OPTIONS")).status == 404
        assert (await ask(port, "/api/hello", method="HEAD")).status == 200
        assert (await ask(port, "/api/hello")).status == 405


async def test_a_preflight_needs_no_key(tmp_path: Path) -> None:
    page = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        answer = await ask(port_of(app), "/v1/chat/completions", method="OPTIONS", headers=page)
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == page["origin"]
        assert "authorization" in answer.headers["access-control-allow-headers"]
        refused = await ask(port_of(app), "/v1/models", headers={"origin": page["origin"]})
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "face"), [("/v1/models", "openai"), ("/api/tags", "ollama"), ("/v1/messages", "anthropic")]
)
async def test_a_wrong_key_is_told_in_the_dialect_of_the_path(path: str, face: str, tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        answer = await ask(port_of(app), path, headers={"x-api-key": "wrong"})
        assert answer.status == 401
        assert set(answer.json) == SHAPES[face]
        assert answer.headers["x-request-id"]


# --- errors of handlers ---


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a handler of the test's own at /test."""

    def put(handle: Handle, **settings: Any) -> None:
        monkeypatch.setitem(paths.TABLE, "/test", Endpoint({"GET": handle}, **settings))

    return put


def raising(error: LinxError) -> Handle:
    async def handle(context: Any, face: Any, request: Any, reply: Any) -> None:
        raise error

    return handle


def failed(retry_after_s: float | None = None) -> LinxError:
    refused = Refused("slow", status=429, retry_after_s=retry_after_s, fallback=Fallback.YES)
    refused.provider = "one"
    return RouteExhausted("m", [refused])


@pytest.mark.parametrize(
    ("error", "status", "fields"),
    [
        (UnknownModel("no"), 404, {}),
        (Overloaded("full", 0.2), 503, {"retry-after": "1"}),
        (Overloaded("full", 2.1), 503, {"retry-after": "3"}),
        (failed(), 429, {"x-should-retry": "false"}),
        (failed(7.0), 429, {"retry-after": "7"}),
    ],
)
async def test_an_error_is_an_answer(
    error: LinxError, status: int, fields: dict[str, str], at: Any, tmp_path: Path
) -> None:
    at(raising(error))
    async with linx_here(config_for(), tmp_path) as app, Client(port_of(app)) as client:
        for _ in range(2):  # the connection goes on
            await client.send("GET", "/test")
            answer = await client.answer()
            assert answer.status == status
            assert answer.json["error"]["message"] == str(error)
            for name in ("retry-after", "x-should-retry"):
                assert answer.headers.get(name) == fields.get(name)
            assert answer.headers["x-request-id"]


async def test_an_error_says_whether_to_retry(at: Any, tmp_path: Path) -> None:
    error = LinxError("try again")
    error.may_retry = True
    error.headers = ((b"x-more", b"1"),)
    at(raising(error))
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), "/test")
        assert answer.status == 500
        assert (answer.headers["x-should-retry"], answer.headers["x-more"]) == ("true", "1")


async def test_what_is_foreign_in_an_error_is_ascii(at: Any, tmp_path: Path) -> None:
    at(raising(UnknownModel("☕ \u2028 \ud83d")))
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), "/test")
        assert answer.body.isascii()
        assert answer.json["error"]["message"].startswith("☕ \u2028 ")


async def test_an_error_after_the_answer_has_begun(at: Any, tmp_path: Path) -> None:
    async def begins(context: Any, face: Any, request: Any, reply: Any) -> None:
        if request.query in ("told", "torn"):
            reply.on_error = lambda error: b"error: " + str(error).encode()
            reply.is_torn_on_error = request.query == "torn"
        reply.start(200, b"text/plain")
        await reply.send(b"begun ")
        raise LinxError("broken")

    at(begins)
    async with linx_here(config_for(), tmp_path) as app:
        told = await ask(port_of(app), "/test?told")
        assert (told.status, told.body, told.is_whole) == (200, b"begun error: broken", True)
        torn = await ask(port_of(app), "/test?torn")
        assert (torn.status, torn.body, torn.is_whole) == (200, b"begun error: broken", False)
        cut = await ask(port_of(app), "/test")
        assert (cut.status, cut.body, cut.is_whole) == (200, b"begun ", False)


async def test_a_request_that_is_stopped(at: Any, tmp_path: Path) -> None:
    async def stops(context: Any, face: Any, request: Any, reply: Any) -> None:
        if request.query in ("begun", "torn"):
            reply.on_error = lambda error: b"error: " + str(error).encode()
            reply.is_torn_on_error = request.query == "torn"
        if request.query != "why":
            reply.start(200, b"text/plain")
            await reply.send(b"begun ")
        request.stop(Overloaded("enough"))
        await trio.sleep_forever()

    at(stops)
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), "/test?why")
        assert (answer.status, answer.json["error"]["message"]) == (503, "enough")
        answer = await ask(port_of(app), "/test?begun")
        assert (answer.status, answer.body, answer.is_whole) == (200, b"begun error: enough", True)
        answer = await ask(port_of(app), "/test?torn")
        assert (answer.status, answer.body, answer.is_whole) == (200, b"begun error: enough", False)
        answer = await ask(port_of(app), "/test")
        assert (answer.status, answer.body, answer.is_whole) == (200, b"begun ", False)


async def test_a_bug_is_a_500_and_nobody_elses_trouble(at: Any, tmp_path: Path) -> None:
    async def buggy(context: Any, face: Any, request: Any, reply: Any) -> None:
        raise ZeroDivisionError

    at(buggy)
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(port_of(app), "/test")
        assert answer.status == 500
        assert "ZeroDivision" not in answer.body.decode()
        assert (await ask(port_of(app), "/healthz")).status == 200


async def test_a_handler_sees_the_path_without_its_key(at: Any, tmp_path: Path) -> None:
    seen: list[str] = []

    async def looks(context: Any, face: Any, request: Any, reply: Any) -> None:
        seen.append(request.path)
        assert KEY not in repr(request)
        await reply.whole(200, b"{}")

    at(looks)
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        assert (await ask(port_of(app), "/k/linx-key-0123456789%2F%2B/test")).status == 200
        assert (await ask(port_of(app), "/test", headers={"x-api-key": KEY})).status == 200
        assert (await ask(port_of(app), "/test")).status == 401
    assert seen == ["/test", "/test"]


async def test_failures_of_providers_are_logged_without_the_key(
    at: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at(raising(failed()))
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(cut=0, after="error", error="boom")
        async with linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app:
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            answer = await ask(port_of(app), "/k/linx-key-0123456789%2F%2B/v1/chat/completions", body)
            assert answer.status == 502
    lines = [record.getMessage() for record in caplog.records if record.name == "linx.endpoints"]
    assert len(lines) == 1
    assert "openai1" in lines[0]
    assert "/v1/chat/completions" in lines[0]


# --- the tunnel's listener ---


async def test_through_the_tunnel_only_what_models_need(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        app.access.policy = Policy(plain(KEY), frozenset({"localhost"}), model_paths_only=True)
        port, key = port_of(app), {"x-api-key": KEY}
        for path in ("/v1/models", "/api/tags", "/v1/models/m", "/"):
            assert (await ask(port, path, headers=key)).status == 200
            assert (await ask(port, path)).status == 401
        for path in ("/v1/providers/status", "/linx/requests", "/metrics", "/healthz", "/api/tunnel/status"):
            answer = await ask(port, path, headers=key)
            assert (answer.status, "tunnel" in answer.json["error"]["message"]) == (403, True), path
        assert (await ask(port, "/linx/reload", method="POST", headers=key)).status == 403
        assert (await ask(port, "/api/pull", {"model": "m"}, headers=key)).status == 403


# --- a slash too many ---


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("//api/tags", "GET", 200),
        ("///api/version", "GET", 200),
        ("//v1/models", "GET", 200),
        ("//v1/models/", "GET", 200),
        ("//api/chat", "GET", 405),
        ("//metrics", "GET", 404),
        ("//v1/providers/status", "GET", 404),
        ("//linx/requests", "GET", 404),
        ("//api/tunnel/status/", "GET", 404),
    ],
)
async def test_two_slashes_in_front_are_one_but_for_management(
    path: str, method: str, status: int, tmp_path: Path
) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        assert (await ask(port_of(app), path, method=method)).status == status


@pytest.mark.parametrize("path", ["/k/wrong//api/tags", "//api/tags"])
async def test_a_slash_too_many_leads_around_no_key(path: str, tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        assert (await ask(port_of(app), path)).status == 401
        assert (await ask(port_of(app), f"/k/{quote(KEY, safe='')}//api/tags")).status == 200


IN_A_GROUP = ExceptionGroup("of a nursery", [ValueError(), ExceptionGroup("of another", [MemoryError()])])


@pytest.mark.parametrize("problem", [MemoryError(), IN_A_GROUP], ids=["alone", "in a group"])
@pytest.mark.parametrize(("path", "status"), [("/v1/chat/completions", 503), ("/v1/messages", 529), ("/api/chat", 503)])
async def test_memory_that_runs_out_is_not_the_client_s_fault(
    path: str, status: int, problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_body: bytes) -> Any:
        raise problem

    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": False}
        monkeypatch.setattr("linx.handlers.request_facts.read_object", full)
        answer = await ask(port_of(app), path, body)
        assert answer.status == status
        assert "out of memory" in str(answer.json)
        assert answer.headers["retry-after"]
        monkeypatch.undo()
        assert (await ask(port_of(app), path, body)).status == 200


# --- the record of a request that no handler has recorded to its end ---


async def lines_of(app: App, follower: Follower) -> list[tuple[Any, ...]]:
    lines = [jsontext.loads(line) for line in (await follower.wait(5)).splitlines()]
    return [(line["method"], line["path"], line["status"], line["outcome"]) for line in lines]


async def test_a_bug_leaves_a_line(at: Any, tmp_path: Path) -> None:
    async def handle(*_: Any) -> None:
        raise ZeroDivisionError

    at(handle)
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        follower = app.context.feed.follow()
        assert follower is not None
        assert (await ask(port_of(app), "/k/linx-key-0123456789%2F%2B/test?key=hidden")).status == 500
        assert await lines_of(app, follower) == [("GET", "/test", 500, "failed")]


async def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_a_line(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        follower = app.context.feed.follow()
        assert follower is not None
        for path in (b"/v1/chat/completions", b"/api/show"):
            stream = await trio.open_tcp_stream("127.0.0.1", port_of(app))
            async with stream:
                await stream.send_all(b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{" % path)
                await trio.sleep(0.05)
        assert await lines_of(app, follower) == [("POST", "/v1/chat/completions", 499, "cancelled")]
        await trio.sleep(0.05)
        assert await follower.wait(0) == b"", "a request for a list leaves a line only where it is refused"


async def test_a_request_that_linx_stops_says_why(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(first_s=60)
        follower = app.context.feed.follow()
        assert follower is not None
        async with trio.open_nursery() as nursery:
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            nursery.start_soon(ask, port_of(app), "/v1/chat/completions", body)
            with trio.fail_after(5):
                while not app.context.telemetry.running:
                    await trio.sleep(0.01)
            await app.server.drain(0)
        assert await lines_of(app, follower) == [("POST", "/v1/chat/completions", 503, "shutting_down")]


@pytest.mark.parametrize("sent", ["right", "wrong"])
@pytest.mark.parametrize(
    "path", ["/KEY/v1/models", "/K/KEY/v1/models", "/k%2fKEY/v1/models", "/k/KEY/k/KEY/v1/models", "/KEY"]
)
async def test_a_key_in_a_mistyped_path_is_shown_nowhere(
    path: str, sent: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that the config has by its digest alone, so that the redactor does not know it."""
    key = "my own key + more"
    entry = {"name": "anna", "key_sha256": hashlib.sha256(key.encode()).hexdigest()}
    caplog.set_level("DEBUG", "linx")
    async with linx_here(config_for(server={"api_key": [entry]}), tmp_path) as app:
        follower = app.context.feed.follow()
        assert follower is not None
        typed = path.replace("KEY", quote(key, safe=""))
        headers = {"x-api-key": key if sent == "right" else "another key"}
        answer = await ask(port_of(app), typed, headers=headers)
        lines = await lines_of(app, follower)
    assert answer.status == (404 if sent == "right" or path.startswith("/k/") else 401)
    assert [line[1] for line in lines] == [path.removeprefix("/k/KEY").replace("KEY", "…")]
    for shown in (repr(lines), answer.body.decode(), caplog.text):
        assert quote(key, safe="") not in shown
        assert "my own key" not in shown
