"""A kept request asked again of another model: the same request, through the same gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.kept_bodies import MAX_BODY
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here, write_config
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.http_client import Answer

KEY, SMALL_KEY = "linx-key-0123456789", "small-key-0123456789"
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi é"}],
    "temperature": 0.25,
    "unknown": {"x": [1]},
}
PATH = "/v1/chat/completions"


async def again(port: int, first: Answer, model: str = "n", **headers: str) -> Answer:
    request_id = first.headers["x-request-id"]
    return await ask(port, f"/linx/requests/{request_id}/replay", {"model": model}, headers=headers)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_same_request_of_another_model(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "n"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        body = {**CHAT, "stream": stream}
        first = await ask(port, PATH, body, headers={"user-agent": "cursor/1.0"})
        second = await again(port, first)
        assert second.status == 200
        assert second.headers["content-type"] == first.headers["content-type"]
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        one, two = (call.json for call in fake.calls)
        assert {**one, "model": "n"} == two
        row = (await ask(port, f"/linx/requests/{second.headers['x-request-id']}")).json
        assert (row["replay_of"], row["path"], row["model"]) == (first.headers["x-request-id"], PATH, "n")
        assert (row["client"], row["face"], row["has_body"]) == ("cursor", "openai", True)
        third = await again(port, second, "m")
        assert third.status == 200
        assert fake.calls[2].json == one


async def test_the_answer_is_in_the_dialect_of_the_original_and_so_are_errors(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "n"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        body = {"model": "m", "max_tokens": 9, "messages": CHAT["messages"]}
        first = await ask(port, "/v1/messages", body, headers={"anthropic-version": "2023-06-01"})
        second = await again(port, first)
        assert (second.status, second.json["type"]) == (200, "message")
        assert second.headers["request-id"] == second.headers["x-request-id"]
        unknown = await again(port, first, "nowhere-to-be-found")
        assert (unknown.status, unknown.json["type"]) == (404, "error")
        chat = await ask(port, "/api/chat", {"model": "m", "messages": CHAT["messages"]})
        assert (await again(port, chat)).headers["content-type"] == "application/x-ndjson"


async def test_what_had_to_stay_local_stays_local(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as near, FakeProvider("openai", ["n"]) as far:
        config = config_for(near, far, names=("near", "far"), providers={"far": {"local": False}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            first = await ask(port, PATH, CHAT, headers={"x-linx-local-only": "true"})
            assert first.status == 200
            second = await again(port, first)
            assert (second.status, second.json["error"]["code"]) == (503, "no_local_provider")
            assert not far.calls
            free = await ask(port, PATH, CHAT)
            assert (await again(port, free)).status == 200
            assert len(far.calls) == 1


async def test_the_limits_of_its_key_hold(tmp_path: Path) -> None:
    small = {"name": "small", "key": SMALL_KEY, "local_only": True, "requests_per_minute": 3}
    async with FakeProvider("openai", ["m"]) as near, FakeProvider("openai", ["n"]) as far:
        places = {"far": {"local": False}}
        config = config_for(near, far, names=("near", "far"), providers=places, server={"api_key": [KEY, small]})
        async with linx_here(config, tmp_path) as app:
            port, mine = app.bound[0][1], {"authorization": f"Bearer {KEY}"}
            first = await ask(port, PATH, CHAT, headers={"authorization": f"Bearer {SMALL_KEY}"})
            assert first.status == 200
            assert (await again(port, first, "n", authorization=f"Bearer {SMALL_KEY}")).status == 403
            other = await again(port, first, "n", **mine)
            assert (other.status, other.json["error"]["code"]) == (503, "no_local_provider")
            assert not far.calls
            same = await again(port, first, "m", **mine)
            row = await ask(port, f"/linx/requests/{same.headers['x-request-id']}", headers=mine)
            assert (same.status, row.json["key"]) == (200, "small")
            assert (await again(port, first, "m", **mine)).status == 429
            config["server"]["api_key"] = KEY
            write_config(tmp_path / "config.json", config)
            await app.reload()
            gone = await again(port, first, "m", **mine)
            assert gone.status == 409
            assert "The key small" in gone.json["error"]["message"]


async def test_what_is_not_kept_whole_cannot_be_asked_again(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "n"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        large = {**CHAT, "messages": [{"role": "user", "content": "x" * MAX_BODY}]}
        first = await ask(port, PATH, large)
        assert first.status == 200
        row = (await ask(port, f"/linx/requests/{first.headers['x-request-id']}")).json
        assert (row["client_request"]["truncated"], len(row["client_request"]["body"])) == (True, MAX_BODY)
        assert row["provider_requests"][0]["truncated"] is True
        assert (await again(port, first)).status == 409
        app.context.kept_bodies.apply(is_on=False)
        assert (await again(port, await ask(port, PATH, CHAT))).status == 409


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": 1}, {"model": "m", "x": 1}, b"[]", b""], ids=str)
async def test_only_a_model_may_be_named(body: Any, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        first = await ask(port, PATH, CHAT)
        path = f"/linx/requests/{first.headers['x-request-id']}/replay"
        assert (await ask(port, path, body, method="POST")).status == 400
        assert (await ask(port, "/linx/requests/none/replay", {"model": "m"})).status == 404
        assert len(fake.calls) == 1


async def test_a_refused_request_may_be_asked_again_too(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", "n"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        first = await ask(port, PATH, {**CHAT, "model": "unknown-model"})
        assert first.status == 404
        second = await again(port, first)
        assert second.status == 200
        assert jsontext.loads(fake.calls[0].body)["model"] == "n"
