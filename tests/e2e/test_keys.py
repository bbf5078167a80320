"""Named keys over real sockets: each limit on each face, management, the tunnel's rules and a reload."""

from __future__ import annotations

import contextlib
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio

from linx.access import Policy
from linx.core.client_key import ClientKey
from linx.paths import resolve
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.private_world import BOUNDARY, CHAT, FOR_THE_CLOUD, FORM, ROADS
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole
from tests.test_app import port_of, reload, write
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linx.app import App
    from linx.handlers.key_uses import KeyUse
    from tests.e2e.http_client import Answer as HttpAnswer

OWNER = "the-key-of-the-owner"
ANNA = "the-key-of-anna-0123"
SHA = hashlib.sha256(ANNA.encode()).hexdigest()
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
FACES = {
    "openai": ("/v1/chat/completions", BODY),
    "completions": ("/v1/completions", {"model": "m", "prompt": "hi"}),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": "hi"}),
    "responses": ("/v1/responses", {"model": "m", "input": "hi"}),
    "anthropic": ("/v1/messages", {**BODY, "max_tokens": 9}),
    "count_tokens": ("/v1/messages/count_tokens", {**BODY, "max_tokens": 9}),
    "ollama": ("/api/chat", BODY),
    "ollama_generate": ("/api/generate", {"model": "m", "prompt": "hi"}),
    "relay": ("/v1/rerank", {"model": "m", "query": "hi", "documents": ["a"]}),
}


def keys(**limits: Any) -> dict[str, Any]:
    """The section with the owner's key and anna's."""
    return {"api_key": [OWNER, {"name": "anna", "key_sha256": SHA, **limits}]}


def anna(path: str, body: Any = None, *, of: App, key: str = ANNA) -> Any:
    return partial(ask, port_of(of), path, body, headers={"x-api-key": key})()


def use_of(app: App) -> KeyUse:
    return app.context.key_uses.of(ClientKey(name="anna", max_concurrent=1))


def word_of(answer: HttpAnswer) -> Any:
    """The code or type of an error in any dialect; the text where the dialect has neither."""
    error = answer.json["error"]
    return error if isinstance(error, str) else error.get("code") or error["type"]


@pytest.mark.parametrize("face", FACES)
async def test_requests_in_a_minute_are_counted_and_get_is_not(face: str, tmp_path: Path) -> None:
    path, body = FACES[face]
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=keys(requests_per_minute=2)), tmp_path) as app:
            for _ in range(3):
                assert (await anna("/v1/models", of=app)).status == 200
                assert (await anna("/api/tags", of=app)).status == 200
                assert (await anna("/api/show", {"model": "m"}, of=app)).status == 200
            for _ in range(2):
                assert (await anna(path, body, of=app)).status == 200
            refused = await anna(path, body, of=app)
            assert refused.status == 429
            assert 50 <= int(refused.headers["retry-after"]) <= 60
            assert "anna may make 2 requests" in refused.body.decode()
            if face in ("anthropic", "count_tokens"):
                assert word_of(refused) == "rate_limit_error"
            elif not face.startswith("ollama"):
                assert word_of(refused) == "rate_limit_exceeded"
            assert (await anna(path, body, of=app, key=OWNER)).status == 200
            assert (await anna("/v1/models", of=app)).status == 200
            assert len(fake.calls) == 3 if face != "count_tokens" else not fake.calls


async def test_no_more_run_at_a_time_than_may_and_heartbeats_go_out_meanwhile(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=HANG_S)
        config = config_for(fake, server={**keys(max_concurrent=1), "heartbeat_s": 0.1})
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as first, Client(port_of(app)) as second:
            key = {"x-api-key": ANNA}
            await first.send("POST", "/v1/chat/completions", {**BODY, "stream": True}, key)
            await fake.received()
            await second.send("POST", "/v1/chat/completions", {**BODY, "stream": True}, key)
            with trio.fail_after(HANG_S):
                head = await second.event()
                assert (head.status_code, bytes((await second.event()).data)[:1]) == (200, b":")
            [record] = [each for each in app.context.telemetry.running.values() if each.phase == "queued"]
            assert record.queue == 1
            assert (record.key, len(fake.calls)) == ("anna", 1)
            fake.default = Answer()
            await first.close()
            with trio.fail_after(HANG_S):
                text = b""
                while b"[DONE]" not in text:
                    text += bytes((await second.event()).data)
            assert b"Hello" in text


async def test_one_that_leaves_while_it_waits_takes_no_turn(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=HANG_S)
        async with linx_here(config_for(fake, server=keys(max_concurrent=1)), tmp_path) as app:
            anna_use = use_of(app)
            async with Client(port_of(app)) as first:
                await first.send("POST", "/v1/chat/completions", BODY, {"x-api-key": ANNA})
                await fake.received()
                async with Client(port_of(app)) as second:
                    await second.send("POST", "/v1/messages", FACES["anthropic"][1], {"x-api-key": ANNA})
                    with trio.fail_after(HANG_S):
                        while not anna_use.waiting:
                            await trio.sleep(0.01)
                with trio.fail_after(HANG_S):
                    while anna_use.waiting:
                        await trio.sleep(0.01)
                assert anna_use.running == 1
            with trio.fail_after(HANG_S):
                while anna_use.running:
                    await trio.sleep(0.01)
            assert len(fake.calls) == 1


@pytest.mark.parametrize("face", [each for each in FACES if each != "count_tokens"])
async def test_a_turn_is_given_back_on_each_face(face: str, tmp_path: Path) -> None:
    path, body = FACES[face]
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=keys(max_concurrent=1)), tmp_path) as app:
            for _ in range(3):
                assert (await anna(path, body, of=app)).status == 200
            assert (await anna(path, {**body, "model": "unknown"}, of=app)).status == 404
            use = use_of(app)
            assert (use.running, use.waiting) == (0, 0)


async def test_a_key_that_is_local_only_reaches_no_provider_elsewhere_on_any_road(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, providers={"openai1": {"local": False}}, server=keys(local_only=True))
        async with linx_here(config, tmp_path) as app:
            for road in ROADS:
                if "openai" not in road.kinds or road.path.startswith(FOR_THE_CLOUD) or "/upstream/" in road.path:
                    continue
                answer = await road.ask(port_of(app), "m", "a text", x_api_key=ANNA)
                told_of_it = road.path in ("/api/show", "/v1/messages/count_tokens") and answer.status == 200
                assert answer.status == 503 or told_of_it, f"{road}: {answer.body!r}"
            assert not fake.calls
            assert (await anna("/v1/chat/completions", BODY, of=app, key=OWNER)).status == 200


async def test_another_model_is_refused_on_every_road_in_its_dialect(tmp_path: Path) -> None:
    """And the own model is answered on each, so that the refusal is one of the key."""
    async with contextlib.AsyncExitStack() as stack:
        fakes = []
        for kind in CHAT:
            fake = await stack.enter_async_context(FakeProvider(kind, [f"{kind}-own", f"{kind}-m"]))
            for path in ("/v1/images/generations", "/v1/audio/speech", "/v1/audio/transcriptions", "/detokenize"):
                fake.at[path] = Whole(200, b'{"ok":true}')
            fakes.append(fake)
        config = config_for(
            *fakes, names=tuple(f"the-{kind}" for kind in CHAT), server=keys(models=["*-own", "the-ollama/none"])
        )
        async with linx_here(config, tmp_path) as app:
            for road in ROADS:
                target = resolve(road.path, is_anthropic=False)
                assert target.endpoint is not None
                if target.endpoint.is_management or road.is_unnamed:
                    continue
                for kind in road.kinds:
                    before = sum(len(fake.calls) for fake in fakes)
                    refused = await road.ask(port_of(app), f"{kind}-m", "a text", x_api_key=ANNA)
                    assert (refused.status, "The key anna may not" in refused.body.decode()) == (403, True), str(road)
                    if target.face in ("openai", "completions", "responses"):
                        assert word_of(refused) == "model_not_allowed"
                    elif target.face == "anthropic":
                        assert word_of(refused) == "permission_error"
                    assert sum(len(fake.calls) for fake in fakes) == before, str(road)
                    answer = await road.ask(port_of(app), f"{kind}-own", "a text", x_api_key=ANNA)
                    assert answer.status == 200, f"{road}: {answer.body!r}"
            assert {record.outcome for record in app.context.telemetry.finished if record.status == 403} == {
                "model_not_allowed"
            }
            assert not [
                record for record in app.context.telemetry.finished if record.status == 403 and record.is_admitted
            ]


OTHERS: dict[str, Any] = {
    "models": ["m", "dear"],
    "fallbacks": [{"m": ["dear"]}],
    "preset": "dear",
}
"""Fields by which OpenRouter, and gateways such as LiteLLM, answer with another model than the named one."""


async def test_no_field_leads_a_key_to_another_model(tmp_path: Path) -> None:
    fake = FakeProvider("openrouter", ["m", "dear"])
    fake.at["/v1/rerank"] = Whole(200, b'{"ok":true}')
    async with fake, linx_here(config_for(fake, names=("paid",), server=keys(models=["m"])), tmp_path) as app:
        for path, body in FACES.values():
            before = len(fake.calls)
            for field, others in OTHERS.items():
                refused = await anna(path, {**body, field: others}, of=app)
                assert (refused.status, "may not ask for the model 'dear'" in refused.body.decode()) == (403, True)
            assert len(fake.calls) == before, path
            assert (await anna(path, {**body, "models": ["m"]}, of=app)).status == 200, path


async def test_a_form_leads_a_key_to_no_other_model(tmp_path: Path) -> None:
    """A server takes the last of two fields, and Linx relays a form as it comes."""
    path = "/v1/audio/transcriptions"
    fake = FakeProvider("openai", ["m", "dear"])
    fake.at[path] = Whole(200, b'{"ok":true}')
    headers = {**FORM, "x-api-key": ANNA}
    async with fake, linx_here(config_for(fake, names=("paid",), server=keys(models=["m"])), tmp_path) as app:
        for models, size, status in ((["m", "dear"], 9, 400), (["m", "dear"], 2**21, 400), (["m"], 2**21, 200)):
            parts = [*(("model", model) for model in models), ("file", "x" * size)]
            field = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
            form = "".join(field.format(BOUNDARY, name, value) for name, value in parts) + f"--{BOUNDARY}--\r\n"
            got = await ask(port_of(app), path, form.encode(), headers=headers)
            assert (got.status, len(fake.calls)) == (status, status == 200)


LISTS: Mapping[str, Any] = {
    "/v1/models": lambda found: [each["id"] for each in found["data"]],
    "/v1/models?client_version=1": lambda found: [each["slug"] for each in found["models"]],
    "/api/tags": lambda found: [each["name"] for each in found["models"]],
    "/api/ps": lambda found: [each["name"] for each in found["models"]],
}


@pytest.mark.parametrize("path", [*LISTS, "anthropic"])
async def test_a_list_has_the_models_of_the_key_and_no_others(path: str, tmp_path: Path) -> None:
    """Asked for by turns, so that no list that is kept for one key comes to another."""
    names = LISTS.get(path, lambda found: [each["id"] for each in found["data"]])
    header = {"anthropic-version": "2023-06-01"} if path == "anthropic" else {}
    async with FakeProvider("llamacpp", ["own-1", "other", "own-2"]) as fake:
        async with linx_here(config_for(fake, server=keys(models=["own*"])), tmp_path) as app:
            for _ in range(2):
                for key, expected in ((OWNER, {"own-1", "other", "own-2"}), (ANNA, {"own-1", "own-2"})):
                    target = "/v1/models" if path == "anthropic" else path
                    answer = await ask(port_of(app), target, headers={"x-api-key": key, **header})
                    assert {name.removesuffix(":latest") for name in names(answer.json)} == expected
            for asked, status in (("own-1", 200), ("other", 403), ("nobody-has-it", 403), ("own-nobody-has", 404)):
                assert (await anna(f"/v1/models/{asked}", of=app)).status == status
                assert (await anna("/api/show", {"model": asked}, of=app)).status == status
            assert word_of(await anna("/v1/models/other", of=app)) == "model_not_allowed"


async def test_a_llamacpp_without_a_model_named_is_asked_only_where_its_model_is_the_keys(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["other"]) as fake:
        config = config_for(fake, server=keys(models=["own*"]))
        async with linx_here(config, tmp_path) as app:
            assert (await anna("/tokenize", {"content": "hi"}, of=app)).status == 403
            assert (await anna("/props", of=app)).status == 403
            assert (await anna("/slots", of=app)).status == 403
            assert not fake.calls
            write(tmp_path, config_for(fake, server=keys(models=["other"])))
            await reload(app)
            assert (await anna("/tokenize", {"content": "hi"}, of=app)).status == 200
            assert use_of(app).running == 0
            assert (await anna("/props", of=app)).status == 200
            assert "what others ask" in (await anna("/slots", of=app)).body.decode()
            assert (await anna("/slots", of=app, key=OWNER)).status == 200


async def test_what_one_key_had_answered_no_other_key_can_read(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, server=keys()), tmp_path) as app:
        stored = (await anna("/v1/responses", {"model": "m", "input": "hi"}, of=app)).json["id"]
        assert (await anna(f"/v1/responses/{stored}", of=app)).status == 200
        assert (await anna(f"/v1/responses/{stored}", of=app, key=OWNER)).status == 404
        again = {"model": "m", "input": "and?", "previous_response_id": stored}
        assert (await anna("/v1/responses", again, of=app, key=OWNER)).status == 400
        assert (await anna("/v1/responses", again, of=app)).status == 200


MANAGEMENT: Mapping[str, Any] = {
    "/v1/providers/status": None,
    "/linx/requests": None,
    "/linx/tail": None,
    "/metrics": None,
    "/linx/reload": {},
    "/api/tunnel/status": None,
    "/api/tunnel/start": {},
    "/api/pull": {"model": "m"},
    "/api/copy": {"source": "m", "destination": "n"},
    "/api/me": {},
    "/upstream/openai1/v1/models": None,
}


@pytest.mark.parametrize("path", MANAGEMENT)
async def test_a_limited_key_manages_nothing_and_sees_nothing_of_others(path: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=keys(requests_per_minute=99)), tmp_path) as app:
            refused = await anna(path, MANAGEMENT[path], of=app)
            assert (refused.status, "The key anna has limits" in refused.body.decode()) == (403, True)
            assert (await anna("/healthz", of=app)).status == 200


async def test_a_named_key_without_limits_is_an_owners(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake, server=keys()), tmp_path) as app:
        assert (await anna("/v1/chat/completions", BODY, of=app)).status == 200
        assert (await anna("/v1/providers/status", of=app)).status == 200
        assert [record.key for record in app.context.telemetry.finished] == ["anna"]


async def test_the_status_has_each_key_with_its_limits_and_use(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.default = Answer(first_s=HANG_S)
        config = config_for(fake, server=keys(max_concurrent=1, models=["m"]))
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as first, Client(port_of(app)) as second:
            assert (await anna("/v1/chat/completions", {**BODY, "model": "n"}, of=app)).status == 403
            for number, client in enumerate((first, second), 1):
                await client.send("POST", "/v1/chat/completions", BODY, {"x-api-key": ANNA})
                with trio.fail_after(HANG_S):
                    while len(app.context.telemetry.running) < number:
                        await trio.sleep(0.01)
            status = await anna("/v1/providers/status", of=app, key=OWNER)
            none = {"limited": False, "models": [], "local_only": False, "max_concurrent": None}
            assert status.json["keys"] == [
                {"name": "key-1", **none, "requests_per_minute": None, "running": 0, "waiting": 0, "requests": 0},
                {
                    "name": "anna",
                    "limited": True,
                    "models": ["m"],
                    "local_only": False,
                    "max_concurrent": 1,
                    "requests_per_minute": None,
                    "running": 1,
                    "waiting": 1,
                    "requests": 1,
                },
            ]
            for text in (ANNA, SHA, OWNER):
                assert text not in status.body.decode()


async def test_a_key_that_is_removed_works_no_more_from_the_reload_on(tmp_path: Path) -> None:
    """Also on a connection that was kept; a request that runs is answered to its end."""
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=keys())
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as kept, Client(port_of(app)) as runs:
            key = {"authorization": f"Bearer {ANNA}"}
            await kept.send("POST", "/v1/chat/completions", BODY, key)
            assert (await kept.answer()).status == 200
            fake.next(Answer(head_s=0.3))
            await runs.send("POST", "/v1/chat/completions", BODY, key)
            await fake.received(2)
            write(tmp_path, config_for(fake, server={"api_key": [OWNER]}))
            await reload(app)
            await kept.send("POST", "/v1/chat/completions", BODY, key)
            assert (await kept.answer()).status == 401
            assert (await runs.answer()).status == 200
            assert (await anna("/v1/models", of=app, key=OWNER)).status == 200


async def test_who_follows_what_linx_does_with_a_key_that_is_removed_sees_no_more_of_it(tmp_path: Path) -> None:
    """Such a request has no end of its own, so without this the key would go on working."""
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server=keys())
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as removed, Client(port_of(app)) as stays:
            for client, key in ((removed, ANNA), (stays, OWNER)):
                await client.send("GET", "/linx/tail", headers={"x-api-key": key})
                assert (await client.event()).status_code == 200
            with trio.fail_after(HANG_S):
                while len(app.context.following) < 2:
                    await trio.sleep(0.01)
            write(tmp_path, config_for(fake, server={"api_key": [OWNER]}))
            await reload(app)
            with trio.fail_after(HANG_S):
                while not isinstance(event := await removed.event(), h11.EndOfMessage):
                    assert bytes(event.data) == b"\n"
            assert len(app.context.following) == 1
            await anna("/v1/chat/completions", BODY, of=app, key=OWNER)
            with trio.fail_after(HANG_S):
                while b'"key":"key-1"' not in bytes((await stays.event()).data):
                    pass


async def test_the_tunnels_rules_hold_for_named_keys(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        async with linx_here(config_for(fake, server=keys(requests_per_minute=1)), tmp_path) as app:
            accepted = app.config.server.accepted_keys()
            app.access.policy = Policy(accepted, frozenset({"localhost"}), model_paths_only=True)
            assert (await anna("/v1/chat/completions", BODY, of=app)).status == 200
            assert (await anna("/v1/chat/completions", BODY, of=app)).status == 429
            assert (await anna("/linx/requests", of=app)).status == 403
            assert (await anna("/v1/models", of=app, key=SHA)).status == 401
