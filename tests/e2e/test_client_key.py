"""``api_key: "client"``: the client's own key goes to that provider and nowhere else, and nothing else goes there.

So a Claude Code subscription stays the first choice, and a local model takes over at its limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trustme

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.e2e.test_tls import env_with, server_side
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.test_app import port_of, reload, write

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
    from tests.e2e.http_client import Answer

SUBSCRIPTION = "sk-ant-oat01-" + "qX7" * 30
OTHER = "sk-ant-oat01-" + "zK4" * 30
API_KEY = "sk-ant-api03-" + "w5G" * 30
LINX_KEY = "linx-key-of-this-machine-1"
MODEL = "claude-sonnet-4-5"
BETA = "claude-code-20250219,oauth-2025-04-20"
CLAUDE_CODE = {
    "authorization": f"Bearer {SUBSCRIPTION}",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETA,
    "x-app": "cli",
    "user-agent": "claude-cli/2.1.197 (external, cli)",
}
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
LIMIT = scripted.anthropic_status(429, "This request would exceed your account's rate limit.", retry_after="120")


def config_of(claude: FakeProvider, local: FakeProvider, **sections: Any) -> dict[str, Any]:
    providers = {
        "claude": {"api_key": "client", "local": False, "price": {"prompt": 0, "completion": 0}},
        "local": {"model_mappings": {f"{MODEL}": "m"}},
    }
    return config_for(claude, local, names=("claude", "local"), providers=providers, **sections)


async def said(port: int, *, stream: bool = False, key: str = "", **headers: str) -> Answer:
    """As Claude Code asks, with its own key; ``key`` is that of Linx."""
    fields = {**CLAUDE_CODE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    fields = {name: value for name, value in fields.items() if value}
    path = f"/k/{key}/v1/messages?beta=true" if key else "/v1/messages?beta=true"
    body = {"model": MODEL, "max_tokens": 9, "messages": HI, "stream": stream}
    return await ask(port, path, body, headers=fields)


async def everything_told(app: App) -> str:
    port = port_of(app)
    paths = ("/v1/providers/status", "/linx/requests", "/metrics", "/v1/models")
    told = [(await ask(port, path, headers={"x-api-key": LINX_KEY})).body.decode() for path in paths]
    for row in jsontext.loads(told[1].encode())["data"]:
        detail = await ask(port, f"/linx/requests/{row['id']}", headers={"x-api-key": LINX_KEY})
        told.append(detail.body.decode())
    return "\n".join(told)


def files_in(folder: Path) -> list[bytes]:
    """What Linx wrote: its log, its ledger, what it has learnt."""
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.suffix not in (".pem", ".key")]


async def test_a_subscription_goes_to_its_provider_over_tls_and_a_local_model_takes_over(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = server_side(authority.issue_cert("localhost"))
    async with FakeProvider("anthropic", [MODEL], tls=tls) as claude, FakeProvider("ollama", ["m"]) as local:
        config = config_of(claude, local, server={"api_key": LINX_KEY})
        async with LinxProcess(config, tmp_path, env=env_with(authority, tmp_path)) as linx:
            for stream in (True, False):
                mine, other = (f"Bearer {key}-{stream}" for key in (SUBSCRIPTION, OTHER))
                claude.default = scripted.Answer()
                answer = await said(linx.port, stream=stream, key=LINX_KEY, authorization=mine)
                assert (answer.status, answer.headers["x-linx-attempts"]) == (200, "claude=ok")
                got = claude.calls[-1].headers
                for name in ("anthropic-beta", "anthropic-version", "x-app", "user-agent"):
                    assert got[name] == CLAUDE_CODE[name]
                assert got["authorization"] == mine
                assert "x-api-key" not in got
                claude.default = LIMIT
                answer = await said(linx.port, stream=stream, key=LINX_KEY, authorization=mine)
                assert answer.headers["x-linx-attempts"] == "claude=http_429, local=ok"
                answer = await said(linx.port, stream=stream, key=LINX_KEY, authorization=mine)
                assert answer.headers["x-linx-attempts"] == "local=ok"  # the key has a pause there
                claude.default = scripted.Answer()
                answer = await said(linx.port, stream=stream, key=LINX_KEY, authorization=other)
                assert answer.headers["x-linx-attempts"] == "claude=ok"  # and no other key has
                assert claude.calls[-1].headers["authorization"] == other
        for call in local.requests:
            assert "sk-ant" not in str(call.headers)
        for probe in claude.requests:
            if not probe.is_call:
                assert "authorization" not in probe.headers
                assert "x-api-key" not in probe.headers
        for data in files_in(tmp_path):
            assert SUBSCRIPTION[13:40].encode() not in data
            assert OTHER[13:40].encode() not in data


@both_ways
async def test_without_a_key_of_its_own_a_client_is_answered_by_others(stream: bool, tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as claude, FakeProvider("ollama", ["m"]) as local:
        async with linx_here(config_of(claude, local, server={"api_key": LINX_KEY}), tmp_path) as app:
            port = port_of(app)
            passed_over = "claude=not_asked(no client key), local=ok"
            # Linx's own key is never taken for the client's, wherever it stands.
            for headers in (
                {"authorization": f"Bearer {LINX_KEY}"},
                {"authorization": "", "x_api_key": LINX_KEY},
                {"authorization": f"Bearer {LINX_KEY}", "x_api_key": API_KEY},
            ):
                answer = await said(port, stream=stream, **headers)
                assert (answer.status, answer.headers["x-linx-attempts"]) == (200, passed_over)
            for headers in ({"authorization": ""}, {"authorization": f"Bearer {LINX_KEY}"}):
                answer = await said(port, stream=stream, key=LINX_KEY, **headers)
                assert (answer.status, answer.headers["x-linx-attempts"]) == (200, passed_over)
            assert claude.calls == []
            only = {"model": f"claude/{MODEL}", "max_tokens": 9, "messages": HI, "stream": stream}
            answer = await ask(port, f"/k/{LINX_KEY}/v1/messages", only)
            assert (answer.status, answer.headers["x-linx-attempts"]) == (401, "claude=not_asked(no client key)")
            assert answer.json["error"]["type"] == "authentication_error"
            assert "key of your own" in answer.json["error"]["message"]
            assert claude.calls == []


async def test_every_face_hands_the_key_over_as_the_provider_takes_it(tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as claude, FakeProvider("openai", ["m"]) as other:
        providers = {
            "claude": {"api_key": "client", "local": False},
            "other": {"api_key": "client", "local": False},
        }
        config = config_for(claude, other, names=("claude", "other"), providers=providers)
        async with linx_here(config, tmp_path) as app:
            port = port_of(app)
            for path, said_as in (
                ("/v1/chat/completions", {"messages": HI}),
                ("/v1/chat/completions", {"messages": HI, "stream": True}),
                ("/v1/responses", {"input": "hi"}),
                ("/api/chat", {"messages": HI}),
                ("/v1/messages", {"messages": HI, "max_tokens": 9}),
                ("/v1/messages/count_tokens", {"messages": HI}),
            ):
                for sent, name, value in (
                    ({"authorization": f"Bearer {API_KEY}"}, "x-api-key", API_KEY),
                    ({"x-api-key": API_KEY}, "x-api-key", API_KEY),
                    ({"authorization": f"Bearer {SUBSCRIPTION}"}, "authorization", f"Bearer {SUBSCRIPTION}"),
                ):
                    before = len(claude.requests)
                    answer = await ask(port, path, {"model": MODEL, **said_as}, headers=sent)
                    assert answer.status == 200, (path, answer.body)
                    asked = [one for one in claude.requests[before:] if one.method == "POST"]
                    assert asked, path
                    for one in asked:
                        assert one.headers[name] == value, path
                        assert len({"authorization", "x-api-key"} & one.headers.keys()) == 1
            for path, body in (
                ("/v1/chat/completions", {"model": "m", "messages": HI}),
                ("/v1/embeddings", {"model": "m", "input": "hi"}),
                ("/v1/completions", {"model": "m", "prompt": "hi"}),
                ("/v1/rerank", {"model": "m", "query": "q", "documents": ["a"]}),
            ):
                before = len(other.requests)
                assert (await ask(port, path, body, headers={"x-api-key": API_KEY})).status == 200, path
                for one in other.requests[before:]:
                    if one.method == "POST":
                        assert one.headers["authorization"] == f"Bearer {API_KEY}", path
                        assert "x-api-key" not in one.headers


@both_ways
async def test_a_refused_key_blames_nobody_and_is_told_nowhere(stream: bool, tmp_path: Path) -> None:
    words = jsontext.dumps(
        {"type": "error", "error": {"type": "authentication_error", "message": f"no {SUBSCRIPTION}"}}
    )
    async with FakeProvider("anthropic", [MODEL]) as claude, FakeProvider("ollama", ["m"]) as local:
        async with linx_here(config_of(claude, local, server={"api_key": LINX_KEY}), tmp_path) as app:
            port = port_of(app)
            provider = app.context.providers[0]
            for status in (401, 403, 429):
                claude.default = Whole(status, words)
                for _ in range(4):
                    answer = await said(port, stream=stream, key=LINX_KEY)
                    assert (answer.status, answer.headers["x-linx-provider"]) == (200, "local")
                assert (provider.health.consecutive_failures, provider.health.last_error) == (0, None)
            claude.default = Whole(401, words)
            only = {"model": f"claude/{MODEL}", "max_tokens": 9, "messages": HI, "stream": stream}
            answer = await ask(port, f"/k/{LINX_KEY}/v1/messages", only, headers=CLAUDE_CODE)
            assert (answer.status, answer.json["error"]["type"]) == (401, "authentication_error")
            told = await everything_told(app)
            assert SUBSCRIPTION[13:40] not in told
            for record in app.context.telemetry.newest():
                kept = record.kept
                assert kept is not None
                assert SUBSCRIPTION.encode() not in b"".join(value for _name, value in kept.headers)
            assert '"state":"up"' in told.split("\n")[0]


async def test_what_no_probe_may_list_is_known_by_its_name(tmp_path: Path) -> None:
    unlisted = Whole(401, jsontext.dumps({"type": "error", "error": {"type": "authentication_error", "message": "x"}}))
    async with FakeProvider("anthropic", [MODEL]) as claude, FakeProvider("ollama", ["m"]) as local:
        claude.at["/v1/models"] = claude.at["/v1/models?limit=1000"] = unlisted
        async with linx_here(config_of(claude, local), tmp_path) as app:
            port = port_of(app)
            row = (await ask(port, "/v1/providers/status")).json["data"][0]
            assert (row["state"], row["last_error"], row["models"]) == ("up", None, [])
            assert (await said(port)).headers["x-linx-attempts"] == "claude=ok"
            body = {"model": "claude-opus-9", "max_tokens": 9, "messages": HI}
            answer = await ask(port, "/v1/messages", body, headers=CLAUDE_CODE)
            assert answer.headers["x-linx-provider"] == "claude"
            assert jsontext.loads(claude.calls[-1].body)["model"] == "claude-opus-9"
            answer = await ask(port, "/v1/messages", {**body, "model": "gpt-x"}, headers=CLAUDE_CODE)
            assert answer.status == 404


async def test_a_reload_may_end_it(tmp_path: Path) -> None:
    async with FakeProvider("anthropic", [MODEL]) as claude, FakeProvider("ollama", ["m"]) as local:
        async with linx_here(config_of(claude, local), tmp_path) as app:
            assert (await said(port_of(app))).headers["x-linx-provider"] == "claude"
            assert claude.calls[0].headers["authorization"] == CLAUDE_CODE["authorization"]
            write(tmp_path, config_for(claude, local, names=("claude", "local")))
            await reload(app)
            assert (await said(port_of(app))).headers["x-linx-provider"] == "claude"
            assert SUBSCRIPTION not in str(claude.calls[-1].headers)
