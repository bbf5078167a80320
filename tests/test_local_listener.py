"""The listener of this machine: what it demands follows the config, and it is never open to others without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx import local_listener
from linx.access import Access, Policy
from linx.config.model import Config, ProviderConfig
from linx.config.shape import ServerConfig
from linx.console import Console
from linx.core.errors import ConfigError
from linx.core.redaction import Redactor
from linx.local_listener import CannotListen, LocalListener, limits_of
from linx.server.limits import Limits
from linx.server.listen import Server
from tests.fakes.provider import FakeProvider, closed_port
from tests.keys import plain

if TYPE_CHECKING:
    from linx.server.reply import Reply
    from linx.server.request import Request


async def refuse(_request: Request, _reply: Reply) -> None:
    raise AssertionError


class World:
    def __init__(self) -> None:
        self.server = Server(refuse, Limits())
        self.access = Access(Policy())
        self.redactor = Redactor()
        self.listener = LocalListener(self.server, self.access, Console(), self.redactor)

    async def listen(self, config: Config) -> None:
        await self.listener.listen(config)

    async def close(self) -> None:
        await self.server.drain(0)


def config(**server: object) -> Config:
    return Config(server=ServerConfig(**{"port": 0, **server}))  # type: ignore[arg-type]  # keys of the section


async def test_on_loopback_only_what_is_configured_is_demanded() -> None:
    world = World()
    await world.listen(config())
    try:
        world.listener.apply(config(allowed_hosts=("linx.lan",), allowed_origins=("https://page.example",)))
        policy = world.access.policy
        assert (policy.keys, policy.model_paths_only) == ({}, False)
        assert policy.hosts == {"linx.lan", "127.0.0.1"}
        assert policy.origins == {b"https://page.example"}
        world.listener.apply(config(api_keys=("given-key-0123456789",), max_body_mb=0.5))
        assert world.access.policy.keys == plain("given-key-0123456789")
        assert world.server.limits.max_body == 2**19
    finally:
        await world.close()


async def test_beyond_loopback_a_key_is_made_and_comes_back_when_the_configured_one_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World()
    await world.listen(config(hostname="0.0.0.0"))
    try:
        world.listener.apply(config(hostname="0.0.0.0"))
        invented = world.listener.keys.invented
        assert invented is not None
        assert world.access.policy.keys == plain(invented)
        world.listener.apply(config(hostname="0.0.0.0", api_keys=("given-key-0123456789",)))
        assert world.access.policy.keys == plain("given-key-0123456789")
        world.listener.apply(config(hostname="0.0.0.0"))
        assert world.access.policy.keys == plain(invented)
        assert invented not in world.redactor.clean(f"it is {invented}")
        assert capsys.readouterr() == ("", "")  # held back until the ready line
    finally:
        await world.close()


async def test_a_taken_port_is_told_with_what_to_try() -> None:
    one, other = World(), World()
    await one.listen(config())
    try:
        port = one.listener.bound[0][1]
        with pytest.raises(CannotListen, match=rf"^cannot listen on 127\.0\.0\.1:{port}: another program listens"):
            await other.listen(config(port=port))
    finally:
        await one.close()


async def test_a_provider_that_is_this_very_address_is_refused_and_the_port_given_back() -> None:
    world = World()
    await world.listen(config())
    port = world.listener.bound[0][1]
    await world.close()
    world, loop = World(), ProviderConfig(name="loop", kind="openai", endpoint=f"http://localhost:{port}")
    with pytest.raises(ConfigError, match="is Linx's own address"):
        await world.listen(config(port=port).with_provider(loop))
    again = World()
    await again.listen(config(port=port))
    await again.close()


def test_limits_are_those_of_the_config() -> None:
    limits = limits_of(ServerConfig(max_body_mb=0.5, max_connections=7, keep_alive_s=1.5))
    assert (limits.max_body, limits.max_connections, limits.keep_alive_s) == (2**19, 7, 1.5)
    assert limits_of(ServerConfig()) == Limits()


async def test_a_usual_port_that_is_taken_is_left_to_who_has_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, FakeProvider("openai") as other:
        free = closed_port()
        monkeypatch.setattr(local_listener, "OTHER_PORTS", (other.port, free))
        world = World()
        await world.listen(Config(server=ServerConfig(port=fake.port), is_port_chosen=False))
        try:
            assert world.listener.bound == [("127.0.0.1", free)]
        finally:
            await world.close()
        assert f"Ollama 0.33.0 has port {fake.port}" in caplog.text
        world = World()
        with pytest.raises(CannotListen, match=rf":{fake.port}: Ollama 0\.33\.0 listens there; stop it, or try --port"):
            await world.listen(config(port=fake.port))
