"""The sections of routing, server and tunnel: what of them arrives."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from linx.config.shape import HedgeConfig, RoutingConfig, TunnelConfig
from linx.core.client_key import Budget, ClientKey
from linx.core.errors import ConfigError
from tests.config.help import loaded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_ranks_and_private_models_arrive() -> None:
    config = loaded(
        {
            "providers": {"a": {"kind": "ollama"}, "b": {"kind": "ollama"}},
            "routing": {
                "provider_priority": [["a", "b"], "openrouter", "demo"],
                "local_only": ["private-*"],
                "first_token_timeout_s": 5,
                "hedge": {"after": 1.5, "scope": "any", "budget": 0},
            },
        }
    )
    assert config.routing == RoutingConfig(
        provider_priority=(("a", "b"), "openrouter", "demo"),
        local_only=("private-*",),
        first_token_timeout_s=5.0,
        hedge=HedgeConfig(after=1.5, scope="any", budget=0.0),
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(None, ()), ([], ()), ("k" * 16, ("k" * 16,)), (["a" * 16, "b" * 16], ("a" * 16, "b" * 16))],
)
def test_one_key_many_or_none(keys: object, expected: tuple[str, ...]) -> None:
    config = loaded({"server": {"api_key": keys}})
    assert config.server.api_keys == expected
    assert config.warnings == ()


SHA = hashlib.sha256(b"the key of anna").hexdigest()


def test_named_keys_stand_beside_plain_ones_which_are_named_by_their_place() -> None:
    anna = {
        "name": "anna",
        "key_sha256": SHA,
        "models": ["qwen*"],
        "local_only": True,
        "max_concurrent": 2,
        "requests_per_minute": 20,
        "budget": {"daily_usd": 1.5},
    }
    server = loaded(
        {"server": {"api_key": ["a" * 16, anna, {"name": "ben", "key": "env:BEN"}, "b" * 16]}}, {"BEN": "c" * 16}
    ).server
    assert server.plain_keys == ("a" * 16, "c" * 16, "b" * 16)
    keys = server.accepted_keys()
    assert [key.name for key in keys.values()] == ["key-1", "anna", "ben", "key-4"]
    assert keys[bytes.fromhex(SHA)] == ClientKey(
        name="anna",
        models=("qwen*",),
        local_only=True,
        max_concurrent=2,
        requests_per_minute=20,
        budget=Budget(daily_usd=1.5),
    )
    assert [key.is_limited for key in keys.values()] == [False, True, False, False]
    assert server.client_keys() == list(keys.values())


@pytest.mark.parametrize(
    ("keys", "own"),
    [
        (["a" * 16, "b" * 16], "a" * 16),
        ([{"name": "anna", "key": "c" * 16, "local_only": True}, {"name": "ben", "key": "d" * 16}], "d" * 16),
        ([{"name": "anna", "key": "c" * 16, "budget": {}}], "c" * 16),
        ([{"name": "anna", "key_sha256": SHA}], None),
        ([], None),
    ],
    ids=["plain", "without limits", "an empty budget", "a hash", "none"],
)
def test_the_owners_commands_send_a_key_without_limits(keys: list[Any], own: str | None) -> None:
    assert loaded({"server": {"api_key": keys}}).server.own_key == own


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([{"name": "anna"}], "server.api_key[0]: must have either key or key_sha256"),
        ([{"name": "anna", "key": "k" * 16, "key_sha256": SHA}], "server.api_key[0]: must have either key or key_"),
        ([{"key": "k" * 16}], "server.api_key[0].name: is missing"),
        ([{"name": "-", "key": "k" * 16}], "server.api_key[0].name: must be at most 64 letters, digits, dots, dashes"),
        ([{"name": "a b", "key": "k" * 16}], "server.api_key[0].name: must be at most 64 letters"),
        ([{"name": "a\n", "key": "k" * 16}], "server.api_key[0].name: must be at most 64 letters"),
        ([{"name": "a" * 65, "key": "k" * 16}], "server.api_key[0].name: must be at most 64 letters"),
        ([{"name": "a", "key_sha256": SHA.upper()}], "server.api_key[0].key_sha256: must be a SHA-256: 64 digits"),
        ([{"name": "a", "key_sha256": SHA[1:]}], "server.api_key[0].key_sha256: must be a SHA-256: 64 digits"),
        ([{"name": "a", "key": "k k"}], "server.api_key[0].key: must not contain a space"),
        ([{"name": "a", "key": ""}], "server.api_key[0].key: must not be empty"),
        (
            [{"name": "a", "key": "k" * 16}, {"name": "a", "key": "l" * 16}],
            "server.api_key[1]: has the name a, which is also that of api_key[0]",
        ),
        (
            ["k" * 16, {"name": "key-1", "key": "l" * 16}],
            "server.api_key[1]: has the name key-1, which is also that of api_key[0]",
        ),
        (
            ["the key of anna".replace(" ", "-"), {"name": "a", "key": "the-key-of-anna"}],
            "server.api_key[1]: is a key that is given twice, under two names",
        ),
        (
            [{"name": "a", "key": "k" * 16, "model": ["m"]}],
            "server.api_key[0].model: unknown key; did you mean models?",
        ),
        ([{"name": "a", "key": "k" * 16, "max_concurrent": 0}], "server.api_key[0].max_concurrent: must be at least 1"),
        (
            [{"name": "a", "key": "k" * 16, "budget": {"daily": 1}}],
            "server.api_key[0].budget.daily: unknown key; did you mean daily_usd?",
        ),
        ([{"name": "a", "key": "env:NOT_SET"}], "server.api_key[0].key: environment variable NOT_SET is not set"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_in_a_named_key(keys: list[Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded({"server": {"api_key": keys}})
    assert str(caught.value).startswith("config.json: " + problem)
    assert SHA not in str(caught.value)


def test_the_same_plain_key_twice_is_the_first() -> None:
    assert [key.name for key in loaded({"server": {"api_key": ["k" * 16] * 2}}).server.accepted_keys().values()] == [
        "key-1"
    ]


def test_neither_key_nor_hash_is_in_a_repr() -> None:
    server = loaded({"server": {"api_key": [{"name": "a", "key_sha256": SHA}, {"name": "b", "key": "k" * 16}]}}).server
    assert SHA not in repr(server) + repr(server.api_keys)
    assert "k" * 16 not in repr(server) + repr(server.api_keys)


def test_an_ipv6_host_loses_its_brackets() -> None:
    assert loaded({"server": {"hostname": "[::1]"}}).server.hostname == "::1"


def test_a_hedge_given_in_part_has_the_defaults_for_the_rest() -> None:
    assert loaded({"routing": {"hedge": {"after": None}}}).routing.hedge == HedgeConfig(after=None)


def test_all_keys_of_a_tunnel_arrive() -> None:
    keys: dict[str, Any] = {
        "use_tunnel": True,
        "type": "ssh",
        "domain": "me.example",
        "ssh_host": "box.example",
        "ssh_port": 2222,
        "ssh_user": "me",
        "ssh_identity": "~/.ssh/linx",
        "ssh_known_hosts": "/var/lib/linx/hosts",
        "remote_port": 8080,
        "public_url": "https://me.example",
        "ngrok_path": "/opt/ngrok",
    }
    assert loaded({"tunnel": keys}).tunnel == TunnelConfig(**keys)
