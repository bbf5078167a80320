"""Keys of clients, and their hashes, come out nowhere: also not a key of which Linx knows the hash alone."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.ledger.ledger import Ledger
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.test_app import port_of, reload, write
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from linx.app import App

OWNER = "owner-key-without-any-shape-77"
HASHED = "hashed-key-without-any-shape-88"
NAMED = "named-key-without-any-shape-99"
LIMITED = "limited-key-without-any-shape-55"
KEYS = (OWNER, HASHED, NAMED, LIMITED)
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
LEFT = 9
"""Characters of a key that may not be seen in a row; four are shown on purpose."""


def sha(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def ways(key: str, path: str) -> list[tuple[str, dict[str, str]]]:
    """The ways in which a client may send a key."""
    return [
        (path, {"authorization": f"Bearer {key}"}),
        (path, {"authorization": key}),
        (path, {"x-api-key": key}),
        (path, {"api-key": key}),
        (f"/k/{key}{path}", {}),
    ]


def assert_absent(where: str, text: str) -> None:
    for key in KEYS:
        for secret in (key, key[::-1], sha(key)):
            for start in range(len(secret) - LEFT + 1):
                assert secret[start : start + LEFT] not in text, f"{where} has {secret[start : start + LEFT]!r}"


def ledger_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


async def told(app: App, ids: list[str]) -> str:
    """Everything that Linx shows its owner of what has happened."""
    paths = ["/v1/providers/status", "/linx/requests", "/metrics", *(f"/linx/requests/{each}" for each in ids)]
    return "\n".join([(await ask(port_of(app), path, headers={"x-api-key": OWNER})).body.decode() for path in paths])


async def test_no_key_and_no_hash_is_shown_logged_or_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    entries = [
        OWNER,
        {"name": "hashed", "key_sha256": sha(HASHED)},
        {"name": "named", "key": NAMED},
        {"name": "limited", "key_sha256": sha(LIMITED), "models": ["m"], "requests_per_minute": 12},
    ]
    ledger = {"path": str(tmp_path / "ledger.db")}
    answers: list[str] = []
    async with FakeProvider("openai", ["m", "n"]) as fake:
        config = config_for(fake, server={"api_key": entries}, ledger=ledger)
        async with linx_here(config, tmp_path) as app, Client(port_of(app)) as follower:
            await follower.send("GET", "/linx/tail", headers={"x-api-key": OWNER})
            assert (await follower.event()).status_code == 200
            port, ids = port_of(app), []
            for key in KEYS:
                for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
                    for target, headers in ways(key, path):
                        body = {**BODY, "max_tokens": 9} if path.startswith("/v1/m") else BODY
                        answer = await ask(port, target, body, headers=headers)
                        assert answer.status == 200 or key == LIMITED
                        ids.append(answer.headers.get("x-request-id") or answer.headers["request-id"])
                        answers.append(f"{answer.headers} {answer.body!r}")
                for target, headers in ways(key, "/v1/chat/completions") + ways(key, "/metrics"):
                    for wrong in (key[:-1], sha(key)):
                        changed = {name: value.replace(key, wrong) for name, value in headers.items()}
                        answer = await ask(port, target.replace(key, wrong), BODY, headers=changed)
                        assert answer.status == 401
                        answers.append(f"{answer.headers} {answer.body!r}")
            refused = await ask(port, "/v1/chat/completions", {**BODY, "model": "n"}, headers={"x-api-key": LIMITED})
            assert refused.status in (403, 429)
            answers.append(refused.body.decode())
            bad = {"name": "ben", "key_sha256": sha(HASHED).upper()}
            write(tmp_path, config_for(fake, server={"api_key": [*entries, bad]}, ledger=ledger))
            await reload(app)
            assert_absent("what the owner is shown", await told(app, ids))
            lines = b""
            with trio.fail_after(HANG_S):
                while lines.count(b'"key":"limited"') < 12:
                    lines += bytes((await follower.event()).data)
            assert_absent("the tail", lines.decode())
            assert_absent("a repr", f"{app.config!r} {app.access.policy!r} {app.listener.keys!r} {app.tunnel.keys!r}")
            calls = [f"{exchange.target} {exchange.headers} {exchange.body!r}" for exchange in fake.calls]
            assert_absent("a provider", "\n".join(calls))
        assert isinstance(app.ledger, Ledger)
    assert_absent("an answer", "\n".join(answers))
    assert_absent("the log", "\n".join(record.getMessage() for record in caplog.records))
    written = ledger_in(tmp_path)
    assert b"limited" in written
    assert_absent("the ledger", written.decode("latin-1"))
    assert not any(hashlib.sha256(key.encode()).digest() in written for key in KEYS)


async def test_a_key_in_a_prompt_is_masked_where_the_owner_reads_it(tmp_path: Path) -> None:
    """One that ``linx key add`` has made is known by its form, though Linx keeps its hash alone."""
    made = "sk-linx-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    body = {"model": "m", "messages": [{"role": "user", "content": f"my key is {made}"}]}
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, server={"api_key": [OWNER, {"name": "anna", "key_sha256": sha(made)}]})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(port_of(app), "/v1/chat/completions", body, headers={"x-api-key": made})
            request_id = answer.headers["x-request-id"]
            shown = await ask(port_of(app), f"/linx/requests/{request_id}", headers={"x-api-key": OWNER})
            assert "my key is" in shown.body.decode()
            assert made not in shown.body.decode()
            assert jsontext.loads(fake.calls[-1].body)["messages"] == body["messages"]
