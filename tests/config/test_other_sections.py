"""The sections of routing, server and tunnel: what of them arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.config.shape import HedgeConfig, RoutingConfig, TunnelConfig
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
