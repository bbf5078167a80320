"""``linx tail``: what it prints, and what it says where there is nothing to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from linx.cli import main
from linx.config.shape import ServerConfig
from linx.core import jsontext
from linx.core.client_key import digest_of
from linx.core.redaction import Redactor
from linx.tail import NotFollowed, follow
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import closed_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from linx.app import App

KEY = "a-key-of-this-linx-0123"


async def why_not(server: ServerConfig) -> str:
    with pytest.raises(NotFollowed) as raised:
        await trio.to_thread.run_sync(follow, server, "text", {})
    return str(raised.value)


async def printed_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], style: str, during: Callable[[App], Awaitable[None]]
) -> list[str]:
    """The lines of a tail that follows while ``during`` runs."""
    told: list[str] = []
    async with trio.open_nursery() as nursery:
        async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
            server = ServerConfig(hostname="0.0.0.0", port=app.bound[0][1], api_keys=(KEY,))

            async def tail() -> None:
                with pytest.raises(NotFollowed, match="has ended"):
                    await trio.to_thread.run_sync(follow, server, style, {})
                told.extend(capsys.readouterr().out.splitlines())

            nursery.start_soon(tail)
            with trio.fail_after(10):
                while not app.context.feed._followers:
                    await trio.sleep(0.01)
            await during(app)
            await trio.sleep(0.05)
    return [line for line in told if not line.startswith("Linx ")]


async def some_requests(app: App) -> None:
    await ask(app.bound[0][1], "/nowhere", headers={"x-api-key": KEY, "user-agent": "curl/8"})
    await ask(app.bound[0][1], "/v1/models", headers={"x-api-key": "wrong"})


async def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = await printed_by(tmp_path, capsys, "text", some_requests)
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "GET /nowhere  404  not_found  curl",
        "GET /v1/models  401  invalid_api_key",
    ]


async def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [jsontext.loads(line.encode()) for line in await printed_by(tmp_path, capsys, "json", some_requests)]
    assert [(line["event"], line["path"], line["status"]) for line in lines] == [
        ("request", "/nowhere", 404),
        ("request", "/v1/models", 401),
    ]


async def test_lines_that_were_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def lose(app: App) -> None:
        (follower,) = app.context.feed._followers
        follower._lost = 12
        await some_requests(app)

    lines = await printed_by(tmp_path, capsys, "text", lose)
    assert "(12 lines are missing here: they came faster than they were read)" in lines


async def test_where_no_linx_runs() -> None:
    port = closed_port()
    assert await why_not(ServerConfig(port=port)) == (
        f"no Linx runs at http://127.0.0.1:{port}; start it, or say with --port where it listens"
    )


async def test_a_config_without_a_port() -> None:
    assert await why_not(ServerConfig(port=0)) == "the config names port 0; say with --port where Linx listens"


async def test_a_linx_that_needs_another_key(tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        why = await why_not(ServerConfig(port=app.bound[0][1]))
        assert why.endswith("needs its key: LINX_API_KEY, server.api_key in the config, or --api-key")
        assert Redactor().clean(why) == why, "no word of it is taken for a key"


async def test_a_config_that_has_no_key_for_it(tmp_path: Path) -> None:
    hashed = {"name": "me", "key_sha256": digest_of(b"a key of mine").hex()}
    limited = {"name": "anna", "key": "the-key-of-anna-0123", "models": ["m"]}
    async with linx_here(config_for(server={"api_key": [hashed, limited]}), tmp_path) as app:
        server = msgspec.structs.replace(app.config.server, port=app.bound[0][1])
        why = await why_not(server)
        assert why.endswith("has no more than a hash of such a key: give it by LINX_API_KEY or --api-key")
        assert Redactor().clean(why) == why
        why = await why_not(msgspec.structs.replace(server, api_keys=(limited["key"],)))
        assert why.endswith("shows its requests only to a key without limits")


def test_the_command_ends_with_one_line_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    port = closed_port()
    assert main(["tail", "--port", str(port)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"linx: no Linx runs at http://127.0.0.1:{port};")
    assert err.count("\n") == 1


async def test_a_linx_that_had_to_take_another_port_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "client.json"
    file.write_text('{"server": {"hostname": "127.0.0.1"}}')
    codes: list[int] = []

    async def tail() -> None:
        codes.append(await trio.to_thread.run_sync(main, ["tail", "--config", str(file)]))

    async with trio.open_nursery() as nursery:
        async with linx_here(config_for(), tmp_path) as app:
            port = app.bound[0][1]
            monkeypatch.setattr("linx.cli.OTHER_PORTS", (closed_port(), port))
            nursery.start_soon(tail)
            with trio.fail_after(10):
                while not app.context.feed._followers:
                    await trio.sleep(0.01)
            await ask(port, "/nowhere", headers={"user-agent": "curl/8"})
            await trio.sleep(0.05)
    captured = capsys.readouterr()
    assert "GET /nowhere  404  not_found  curl" in captured.out
    assert captured.err.endswith(f"linx: the Linx at http://127.0.0.1:{port} has ended\n")
    assert codes == [1]


def test_ctrl_c_ends_it_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("linx.tail.follow", interrupted)
    assert main(["tail"]) == 0
