"""Broken set-ups as users have them: each is found, and what the doctor says mends it."""

from __future__ import annotations

import datetime
import os
import socket
import sqlite3
import time
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme

from linx.doctor import report
from linx.doctor.finding import Level
from linx.doctor.gather import own, probe
from linx.ledger.schema import MIGRATIONS
from tests.doctor.world import NOTHING, World
from tests.e2e.linx_process import linx_here, write_config
from tests.e2e.llamacpp import KEY as LLAMA_KEY
from tests.e2e.llamacpp import running
from tests.e2e.test_tls import OLD, self_signed, server_side
from tests.fakes.catalogue import Model
from tests.fakes.internet import Internet
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Whole

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-doctor-0123456789abcdef"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


# --- the config -----------------------------------------------------------------------


async def test_a_mistyped_key(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        world.write_text(
            f'{{\n  "$schema": "x",\n  "ollama": {{"endpoint": "{fake.endpoint}"}},\n'
            f'  "routing": {{"fallback_enable": true}},\n  "server": {{"port": {closed_port()}}}\n}}\n'
        )
        before = world.path.read_text()
        found = await world.the("config", "unknown key")
        assert (found.level, found.where) == (Level.BROKEN, f"{world.path}: routing.fallback_enable")
        assert found.mend == f"rename routing.fallback_enable to fallback_enabled in {world.path}"
        assert any("renamed to fallback_enabled" in line for line in await world.fix())
        assert world.path.read_text() == before.replace("fallback_enable", "fallback_enabled")
        assert world.path.with_name("config.json.before-fix").read_text() == before
        assert await world.is_gone("config", "unknown key")


async def test_a_mistyped_choice(world: World) -> None:
    world.write({**NOTHING, "routing": {"secrets": "prefer-local"}})
    found = await world.the("config", "must be one of")
    assert found.mend == f'"routing": {{"secrets": "prefer_local"}} in {world.path}'
    await world.fix()
    assert world.config["routing"]["secrets"] == "prefer_local"
    assert await world.is_gone("config", "must be one of")


async def test_comments_in_the_config(world: World) -> None:
    world.write_text('{\n  // my providers\n  "ollama": {"enabled": false}\n}\n')
    found = await world.the("config", "comments are not allowed")
    assert (found.level, found.where) == (Level.BROKEN, f"{world.path}:2:3")
    assert found.mend == f"remove the comments from {world.path}"
    assert await world.fix() == []
    world.write_text('{"ollama": {"enabled": false}}')
    assert await world.is_gone("config", "comments")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
async def test_a_config_with_a_key_that_others_may_read(world: World) -> None:
    world.write(paid={"kind": "openai", "endpoint": "http://127.0.0.1:9/v1", "api_key": KEY})
    world.path.chmod(0o644)
    found = await world.the("config", "can be read by other users")
    assert found.mend == f"chmod 600 {world.path}"
    world.path.chmod(0o600)
    assert await world.is_gone("config", "can be read by other users")


async def test_a_variable_that_is_not_set(world: World) -> None:
    world.write(groq={"kind": "openai", "endpoint": "http://127.0.0.1:9/v1", "api_key": "env:GROQ_API_KEY"})
    found = await world.the("config", "GROQ_API_KEY is not set")
    assert found.where == f"{world.path}: providers.groq.api_key"
    assert found.mend == "export GROQ_API_KEY=..."
    world.env["GROQ_API_KEY"] = KEY
    assert await world.is_gone("config", "GROQ_API_KEY")


# --- providers ------------------------------------------------------------------------


async def test_nobody_runs(world: World) -> None:
    port = closed_port()
    world.write({**NOTHING, "ollama": {"endpoint": f"http://127.0.0.1:{port}"}})
    found = await world.the("provider", "refused the connection")
    assert (found.level, found.mend) == (Level.WARNING, "ollama serve")
    assert (await world.the("provider", "no provider can answer")).level is Level.BROKEN
    async with FakeProvider("ollama", ["m"], port=port):
        assert await world.is_gone("provider", "")


async def test_an_old_ollama(world: World) -> None:
    """It answers ``/api/version`` and nothing of what came later."""
    async with FakeProvider("ollama", ["m"]) as fake:
        fake.at["/api/version"] = Whole(body=b'{"version":"0.5.1"}')
        world.write(box={"kind": "ollama", "endpoint": fake.endpoint})
        found = await world.the("version", "0.5.1 is old")
        assert found.mend.startswith("update Ollama")
        fake.at["/api/version"] = Whole(body=b'{"version":"0.33.0"}')
        assert await world.is_gone("version", "old")


async def test_a_llamacpp_that_is_asked_as_an_ollama(world: World) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake:
        world.write({**NOTHING, "ollama": {"endpoint": fake.url}})
        found = await world.the("kind", "and is asked as ollama")
        assert "llama.cpp" in found.what
        assert found.mend == (
            f'"llamacpp": {{"enabled": true, "endpoint": "{fake.url}"}}, "ollama": {{"enabled": false}} in {world.path}'
        )
        await world.fix()
        assert await world.is_gone("kind", "")
        assert await world.is_gone("provider", "")


async def test_an_ollama_that_is_asked_as_a_llamacpp(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        world.write(box={"kind": "llamacpp", "endpoint": fake.url})
        assert "Ollama" in (await world.the("kind", "and is asked as llamacpp")).what
        await world.fix()
        assert world.config["providers"]["box"] == {"kind": "ollama", "endpoint": fake.url}
        assert await world.is_gone("kind", "")


async def test_a_local_server_that_is_in_no_config(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        world.write()
        world.env["LINX_PLACES"] = fake.url
        found = await world.the("servers", "and is in no config")
        assert (await world.the("provider", "is not in it")).mend == "linx doctor --fix"
        assert found.level is Level.NOTE
        await world.fix()
        name = f"ollama-{fake.port}"  # the section ollama is there already
        assert world.config["providers"][name] == {"kind": "ollama", "endpoint": fake.url}
        assert await world.is_gone("servers", "")
        assert await world.is_gone("provider", "")


REFUSALS: dict[str, tuple[str, int, bytes]] = {
    # robin#103: Error code: 401 - {'error': {'message': 'User not found.', 'code': 401}}
    "openrouter": ("/api/v1/key", 401, b'{"error":{"message":"User not found.","code":401}}'),
    # FREE-openai-api-keys#48
    "openai": (
        "/v1/models",
        401,
        b'{"error":{"message":"Incorrect API key provided: sk-docto*****************cdef. You can find your API key at '
        b'https://platform.openai.com/account/api-keys.","type":"invalid_request_error","param":null,'
        b'"code":"invalid_api_key"}}',
    ),
    # claude-task-master#222
    "anthropic": (
        "/v1/models",
        401,
        b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
    ),
    # continue#10778
    "xai": (
        "/v1/models",
        400,
        b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: na***ys. You can obtain '
        b'an API key from https://console.x.ai."}',
    ),
}


@pytest.mark.parametrize("service", REFUSALS)
async def test_a_wrong_key(world: World, service: str) -> None:
    path, status, body = REFUSALS[service]
    kind: Any = "openai" if service == "xai" else service
    async with FakeProvider(kind, ["m"]) as fake:
        fake.at[path] = Whole(status, body)
        world.write(paid={"kind": kind, "endpoint": fake.endpoint, "api_key": "env:PAID_KEY"})
        world.env["PAID_KEY"] = KEY
        found = await world.the("provider", "does not take the key")
        assert (found.where, found.mend) == (fake.endpoint, "export PAID_KEY=... with a key that is valid")
        assert KEY not in str(found)
        assert not fake.calls, "nothing may be spent"
        del fake.at[path]  # as it answers the right key
        assert await world.is_gone("provider", "")


async def test_a_key_without_credit(world: World) -> None:
    async with FakeProvider("openrouter", ["m"]) as fake:
        world.write(paid={"kind": "openrouter", "endpoint": fake.endpoint, "api_key": KEY})
        told = '{"data":{"label":"sk-or-v1-116...0ce","limit":%g,"usage":5,"limit_remaining":%g,"is_free_tier":false}}'
        fake.at["/api/v1/key"] = Whole(body=(told % (5, 0)).encode())
        found = await world.the("credit", "has nothing left of its $5.00")
        assert found.level is Level.WARNING
        fake.at["/api/v1/key"] = Whole(body=(told % (20, 15)).encode())
        assert await world.is_gone("credit", "")
        assert "$15.00 of credit left" in str(await world.look())


async def test_a_server_that_is_silent_takes_no_longer_than_the_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "LIMIT_S", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        providers = {
            f"p{number}": {"kind": "ollama", "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"}
            for number in range(8)
        }
        world.write(**providers)
        began = time.monotonic()
        found = await world.find("provider", "did not answer within")
        assert len(found) == 8
        assert time.monotonic() - began < 3
        assert all("start the server there" in each.mend for each in found)


# --- TLS, names, the clock ------------------------------------------------------------


def secure(fake: FakeProvider) -> dict[str, Any]:
    return {"kind": "openai", "endpoint": fake.endpoint}


async def test_an_expired_certificate(
    world: World, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    port = closed_port()
    old = server_side(authority.issue_cert("localhost", not_before=OLD, not_after=OLD + datetime.timedelta(days=1)))
    async with FakeProvider("openai", ["m"], port=port, tls=old) as fake:
        world.write(box=secure(fake))
        found = await world.the("provider", "certificate has expired")
        assert found.mend.startswith("renew the certificate of localhost; if it is good, this machine's clock is wrong")
    async with FakeProvider("openai", ["m"], port=port, tls=server_side(authority.issue_cert("localhost"))):
        assert await world.is_gone("provider", "")


async def test_a_certificate_that_nobody_vouches_for(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    ca = trustme.CA()
    async with FakeProvider("openai", ["m"], tls=server_side(ca.issue_cert("localhost"))) as fake:
        world.write(box=secure(fake))
        found = await world.the("provider", "is not trusted")
        assert found.mend == "put the authority's certificate into a file and: export SSL_CERT_FILE=FILE"
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert await world.is_gone("provider", "")


async def test_a_certificate_that_vouches_for_itself(world: World, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"], tls=self_signed(tmp_path)) as fake:
        world.write(box=secure(fake))
        found = await world.the("provider", "is not trusted: self-signed certificate")
        assert "export SSL_CERT_FILE=FILE" in found.mend


async def test_a_certificate_for_another_name(
    world: World, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with FakeProvider("openai", ["m"], tls=server_side(authority.issue_cert("127.0.0.1"))) as fake:
        world.write(box=secure(fake))
        found = await world.the("provider", "ostname mismatch")
        assert found.mend == f"write a name that the certificate has into providers.box.endpoint in {world.path}"
        world.write(box={"kind": "openai", "endpoint": f"https://127.0.0.1:{fake.port}/v1"})
        assert await world.is_gone("provider", "")


async def test_https_to_a_server_without_tls(world: World) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        world.write(box={"kind": "openai", "endpoint": fake.endpoint.replace("http:", "https:")})
        found = await world.the("provider", "does not speak TLS")
        assert found.mend == f'"providers": {{"box": {{"endpoint": "{fake.endpoint}"}}}} in {world.path}'
        await world.fix()
        assert world.config["providers"]["box"] == {"kind": "openai", "endpoint": fake.endpoint}
        assert await world.is_gone("provider", "")
        assert await world.fix() == []


async def test_a_clock_that_is_wrong(world: World) -> None:
    """By the ``Date`` of a remote provider's answers."""
    async with FakeProvider("openai", ["m"]) as fake:
        world.write(paid={"kind": "openai", "endpoint": fake.endpoint, "local": False})
        list_of = b'{"object":"list","data":[{"id":"m","object":"model"}]}'
        fake.at["/v1/models"] = Whole(body=list_of, headers=[("Date", http_date(hours=3))])
        found = await world.the("clock", "3 hours behind")
        assert found.level is Level.WARNING
        assert found.where == "by the clock of paid"
        fake.at["/v1/models"] = Whole(body=list_of, headers=[("Date", http_date())])
        assert await world.is_gone("clock", "")


def http_date(**ahead: float) -> str:
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(**ahead)
    return format_datetime(now, usegmt=True)


async def test_a_name_that_leads_nowhere(world: World) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        with Internet() as internet:
            world.write(box={"kind": "openai", "endpoint": f"http://gpu.lan:{fake.port}"})
            found = await world.the("provider", "cannot find the host 'gpu.lan'")
            assert found.mend == f"correct providers.box.endpoint in {world.path}"
            internet.names["gpu.lan"] = ["127.0.0.1"]
            assert await world.is_gone("provider", "")


async def test_an_ollama_that_does_not_answer_to_a_name(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        with Internet() as internet:
            internet.names["gpu.lan"] = ["127.0.0.1"]
            world.write(box={"kind": "ollama", "endpoint": f"http://gpu.lan:{fake.port}"})
            found = await world.the("provider", "does not answer to the name gpu.lan")
            assert f'"{fake.endpoint}"' in found.mend
            await world.fix()
            assert await world.is_gone("provider", "")


async def test_localhost_that_is_ipv6_alone(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        with Internet() as internet:
            internet.names["localhost"] = ["::1"]
            internet.names["127.0.0.1"] = ["127.0.0.1"]
            internet.names["::1"] = ["::1"]
            world.write(box={"kind": "ollama", "endpoint": f"http://localhost:{fake.port}"})
            found = await world.the("provider", "localhost leads to ::1 here, but the server listens on 127.0.0.1")
            assert f'"http://127.0.0.1:{fake.port}"' in found.mend
            await world.fix()
            assert await world.is_gone("provider", "")


async def test_a_public_name_that_counts_as_local(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        with Internet() as internet:
            internet.names["gpu.example.com"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            world.write(box={"kind": "ollama", "endpoint": f"http://gpu.example.com:{fake.port}", "local": True})
            found = await world.the("local", "gpu.example.com is a public name")
            assert "not encrypted" in found.what
            assert '"local": false' in found.mend
            assert await world.fix() == [], "whose machine it is only the user knows"
            world.write(box={"kind": "ollama", "endpoint": f"http://gpu.example.com:{fake.port}", "local": False})
            assert await world.is_gone("local", "")


# --- models ---------------------------------------------------------------------------


async def test_a_mapping_without_its_model(world: World) -> None:
    async with FakeProvider("ollama", ["qwen2.5-coder:7b"]) as fake:
        mappings = {"gpt-4o": "qwen2.5-coder:32b", "default": "qwen2.5-coder:7b"}
        world.write(box={"kind": "ollama", "endpoint": fake.endpoint, "model_mappings": mappings})
        found = await world.the("mapping", "gpt-4o is mapped to qwen2.5-coder:32b")
        assert "there is qwen2.5-coder:7b" in found.what
        assert found.mend == f"OLLAMA_HOST={fake.endpoint} ollama pull qwen2.5-coder:32b"
        fake.models.append(Model("qwen2.5-coder:32b"))
        assert await world.is_gone("mapping", "")


async def test_an_ollama_that_cuts_prompts(world: World) -> None:
    """Loaded with 4,096 tokens, as Ollama does below 24 GiB of video memory (its docs/context-length.mdx)."""
    async with FakeProvider("ollama", [Model("qwen3:8b", context_length=131072, default_num_ctx=4096)]) as fake:
        world.write(box={"kind": "ollama", "endpoint": fake.endpoint, "num_ctx": None})
        found = await world.the("context", "qwen3:8b is loaded with 4,096 of its 131,072 tokens")
        assert found.level is Level.WARNING
        assert found.mend == f'"providers": {{"box": {{"num_ctx": "auto"}}}} in {world.path}'
        await world.fix()
        found = await world.the("context", "qwen3:8b is loaded with 4,096 of its 131,072 tokens")
        assert found.level is Level.NOTE, "Linx loads it with more when a prompt needs it"
        assert found.mend == "OLLAMA_CONTEXT_LENGTH=32768 ollama serve"
        fake.ollama.load(fake.models[0], 32768)
        assert await world.is_gone("context", "")


async def test_a_config_that_makes_contexts_small(world: World) -> None:
    async with FakeProvider("ollama", [Model("qwen3:8b", context_length=131072)]) as fake:
        world.write(box={"kind": "ollama", "endpoint": fake.endpoint, "num_ctx": 2048})
        assert (await world.the("context", "fit into 2,048 tokens")).edits
        await world.fix()
        assert await world.is_gone("context", "2,048")


def test_a_llamacpp_with_a_small_context(world: World, tiny_model: Path) -> None:
    """A real one, whose tiny model was trained for little: the doctor says what one request can use."""
    with running(tiny_model) as llama:
        world.write({**NOTHING, "llamacpp": {"endpoint": llama.endpoint, "api_key": LLAMA_KEY}})

        async def look() -> None:
            found = await world.the("context", "one request can use")
            assert found.where == llama.endpoint
            assert found.level in (Level.NOTE, Level.WARNING)
            assert world.facts.providers[0].props is not None
            assert "llama-server" in found.mend

        trio.run(look)


async def test_a_llamacpp_that_shares_its_context(world: World) -> None:
    """``-c`` is divided among its slots (llama.cpp's tools/server/README.md)."""
    async with FakeProvider("llamacpp", [Model("m", context_length=4096)]) as fake:
        world.write({**NOTHING, "llamacpp": {"endpoint": fake.endpoint}})
        found = await world.the("context", "one request can use 4,096 tokens of the 131,072")
        assert found.mend == "llama-server -c 32768 -np 1 ..."
        fake.models[0] = Model("m", context_length=32768)
        assert await world.is_gone("context", "")


async def test_local_models_without_tools(world: World) -> None:
    async with FakeProvider("ollama", [Model("gemma:2b", capabilities=("completion",))]) as fake:
        world.write(box={"kind": "ollama", "endpoint": fake.endpoint})
        found = await world.the("tools", "no local model can call tools")
        assert "box/gemma:2b" in found.what
        assert found.mend.startswith("ollama pull qwen3")
        fake.models.append(Model("qwen3:latest"))
        assert (await world.the("tools", "cannot call tools")).level is Level.NOTE


# --- Linx itself ----------------------------------------------------------------------


async def test_a_port_that_another_program_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "LIMIT_S", 0.2)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        world.write({**NOTHING, "server": {"port": port}})
        found = await world.the("linx", "so that Linx cannot")
        assert (found.level, found.where) == (Level.BROKEN, f"127.0.0.1:{port}")
        assert f"(process {os.getpid()})" in found.what
        await world.fix()
        assert world.config["server"]["port"] == 8180
        assert await world.is_gone("linx", f"{port}")


async def test_a_port_that_a_model_server_has(world: World) -> None:
    """llama.cpp's own default is 8080, and so is Linx's."""
    async with FakeProvider("llamacpp", ["m"]) as fake:
        world.write({**NOTHING, "server": {"port": fake.port}})
        found = await world.the("linx", "so that Linx cannot")
        assert found.what.startswith("llama.cpp")
        await world.fix()
        assert world.config["server"]["port"] == 8180


async def test_an_address_that_this_machine_has_not(world: World) -> None:
    world.write({**NOTHING, "server": {"hostname": "203.0.113.7", "port": closed_port()}})
    found = await world.the("linx", "cannot listen there")
    assert found.level is Level.BROKEN
    await world.fix()
    assert world.config["server"]["hostname"] == "127.0.0.1"
    assert await world.is_gone("linx", "cannot listen")


async def test_a_linx_that_does_not_use_the_changed_config(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        good = {**NOTHING, "providers": {"box": {"kind": "ollama", "endpoint": fake.endpoint}}, "server": {"port": 0}}
        async with linx_here(good, world.path.parent) as app:
            port = app.bound[0][1]
            write_config(world.path, {**good, "server": {"port": port}, "rooting": {}})
            await app.reload()
            found = await world.the("config", "unknown key; did you mean routing?")
            assert found.level is Level.BROKEN
            world.write({**good, "server": {"port": port}})
            found = await world.the("linx", "does not use the changed config")
            assert "rooting" in found.what
            await app.reload()
            assert await world.is_gone("linx", "")


async def test_no_ssh_for_the_tunnel(world: World, tmp_path: Path) -> None:
    world.write({**NOTHING, "tunnel": {"use_tunnel": True}})
    world.env["PATH"] = str(tmp_path / "nothing")
    found = await world.the("tunnel", "ssh is not installed")
    assert found.level is Level.WARNING
    assert "openssh-client" in found.mend
    install_ssh(tmp_path / "nothing")
    assert await world.is_gone("tunnel", "")


def install_ssh(folder: Path) -> None:
    folder.mkdir()
    (folder / "ssh").write_text("#!/bin/sh\necho OpenSSH_9.2p1, OpenSSL 3 >&2\n")
    (folder / "ssh").chmod(0o700)


# --- the ledger, budgets, the environment ---------------------------------------------


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    world.write({**NOTHING, "ledger": {"path": str(path)}})
    return path


async def test_a_damaged_ledger(world: World, ledger: Path) -> None:
    await trio.Path(ledger).write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    found = await world.the("ledger", "is damaged")
    assert found.mend == f"mv {ledger} {ledger}.damaged"
    await trio.Path(ledger).rename(f"{ledger}.damaged")
    assert await world.is_gone("ledger", "")


async def test_a_ledger_of_a_newer_linx(world: World, ledger: Path) -> None:
    made(ledger).execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    found = await world.the("ledger", "a newer Linx wrote it")
    assert found.mend == "update Linx"
    sqlite3.connect(ledger).execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    assert await world.is_gone("ledger", "")


async def test_a_locked_ledger(world: World, ledger: Path) -> None:
    holder = made(ledger)
    holder.execute("BEGIN EXCLUSIVE")
    found = await world.the("ledger", "is locked by another program")
    assert found.mend.startswith(f"fuser -v {ledger}")
    holder.execute("ROLLBACK")
    assert await world.is_gone("ledger", "")


def made(path: Path) -> sqlite3.Connection:
    """A ledger as Linx makes it, and a connection to it."""
    from linx.ledger.database import open_for_writing

    database, _notice = open_for_writing(path)
    database.close()
    return sqlite3.connect(path, isolation_level=None)


async def test_a_ledger_in_a_place_that_is_no_folder(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "file" / "ledger.db"
    make_file(ledger.parent)
    world.write({**NOTHING, "ledger": {"path": str(ledger)}})
    found = await world.the("ledger", "cannot be used")
    assert '"ledger": {"path":' in found.mend
    world.write({**NOTHING, "ledger": {"path": str(tmp_path / "ledger.db")}})
    assert await world.is_gone("ledger", "")


def make_file(path: Path) -> None:
    path.write_text("")


async def test_a_budget_that_is_spent(world: World, ledger: Path) -> None:
    from linx.ledger.database import open_for_writing
    from linx.ledger.spending import Spent, Where, day_of

    database, _notice = open_for_writing(ledger)
    database.write([], [(Where(day_of(time.time()), "paid", "-"), Spent(2.5, 1000))])
    database.close()
    world.write({**NOTHING, "ledger": {"path": str(ledger)}, "routing": {"budget": {"daily_usd": 2}}})
    found = await world.the("budget", "$2.50 of $2.00 are spent")
    assert (found.level, found.where) == (Level.WARNING, "routing.budget.daily_usd")
    assert found.mend == f"wait, or raise routing.budget.daily_usd in {world.path}"
    world.write({**NOTHING, "ledger": {"path": str(ledger)}, "routing": {"budget": {"daily_usd": 10}}})
    assert await world.is_gone("budget", "")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy"])
async def test_a_proxy_that_takes_local_requests_too(world: World, name: str) -> None:
    world.write()
    world.env[name] = "http://user:very-secret-password@proxy.example:3128"
    found = await world.the("environment", "NO_PROXY does not name it")
    assert (found.where, found.mend) == (name, "export NO_PROXY=localhost,127.0.0.1,::1")
    assert "very-secret" not in str(found)
    world.env["NO_PROXY"] = "localhost,127.0.0.1,::1"
    assert await world.is_gone("environment", "")


async def test_an_ollama_elsewhere(world: World) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        world.write({**NOTHING, "ollama": {"endpoint": f"http://127.0.0.1:{closed_port()}"}})
        world.env["OLLAMA_HOST"] = f"127.0.0.1:{fake.port}"
        found = await world.the("environment", "which no provider asks")
        assert found.mend == f'"ollama": {{"endpoint": "{fake.endpoint}"}} in {world.path}'
        world.write({**NOTHING, "ollama": {"endpoint": fake.endpoint}})
        assert await world.is_gone("environment", "")


async def test_a_certificate_file_that_is_not_there(world: World, tmp_path: Path) -> None:
    world.write()
    world.env["SSL_CERT_FILE"] = str(tmp_path / "missing.pem")
    found = await world.the("environment", "which is not there")
    assert (found.where, found.mend) == ("SSL_CERT_FILE", "unset SSL_CERT_FILE")
    del world.env["SSL_CERT_FILE"]
    assert await world.is_gone("environment", "")


async def test_no_secret_is_shown_whatever_is_wrong(world: World) -> None:
    secrets = [f"{name}-secret-0123456789abcdef" for name in ("key", "header", "query", "own", "variable")]
    key, header, query, own_key, variable = secrets
    async with FakeProvider("openai", ["m", f"model-{key}"]) as fake:
        endpoint = f"{fake.endpoint}?tenant={query}".replace("http:", "https:")
        box = {"kind": "openai", "endpoint": endpoint, "api_key": key, "headers": {"x-token": header}}
        plain = {**box, "endpoint": f"{fake.endpoint}?tenant={query}"}
        fake.at[f"/v1/models?tenant={query}"] = Whole(
            401, f'{{"error":{{"message":"wrong: {key} {header} {query}"}}}}'.encode()
        )
        named = {"name": "anna", "key": own_key}
        world.env |= {"GROQ_API_KEY": variable, "HTTPS_PROXY": f"http://me:{variable}@127.0.0.1:1"}
        world.write({**NOTHING, "providers": {"a": box, "b": plain}, "server": {"port": 1, "api_key": [named]}})
        found, sources = await world.look(), world.sources()
        sources.load()
        shown = report.as_json(found, [sources.redactor.clean(line) for line in await world.fix()])
        assert "does not take the key" in shown
        assert "does not speak TLS" in shown
        assert not [secret for secret in secrets if secret in shown]
