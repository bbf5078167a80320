"""Linx itself, its service and its tunnel."""

from __future__ import annotations

from typing import Any

import pytest

import linx
from linx.doctor.checks.running import listening, service, tunnel
from linx.doctor.facts import ConfigFacts, ListenFacts, ServiceFacts, TunnelFacts
from linx.doctor.finding import Level
from tests.doctor.pieces import facts

HERE = "/home/anna/config.json"


@pytest.mark.parametrize(
    ("listen", "level", "words"),
    [
        ({}, Level.NOTE, "no Linx runs"),
        ({"is_linx": True, "version": linx.__version__, "config_path": HERE}, Level.OK, "runs here"),
        ({"is_linx": True, "version": "0.0.1", "config_path": HERE}, Level.WARNING, "Linx 0.0.1 runs here"),
        ({"is_linx": True, "needs_key": True}, Level.NOTE, "wants a key"),
        ({"is_taken": True, "owner": "llama-server (process 7)"}, Level.BROKEN, "llama-server (process 7)"),
        ({"is_taken": True}, Level.BROKEN, "another program"),
        ({"cannot": "permission denied"}, Level.BROKEN, "permission denied"),
    ],
)
def test_the_address(listen: dict[str, Any], level: Level, words: str) -> None:
    (found,) = listening(facts(listen=ListenFacts("127.0.0.1", 8080, **listen)))
    assert (found.level, words in found.what) == (level, True)


def test_a_linx_with_another_config() -> None:
    listen = ListenFacts("127.0.0.1", 8080, is_linx=True, version=linx.__version__, config_path="/etc/linx.json")
    assert [one.mend for one in listening(facts(listen=listen))] == ["", "linx doctor --config /etc/linx.json"]


def test_without_a_file_linx_takes_another_port() -> None:
    defaults = ConfigFacts(facts().config.config, None, "there is no config file", is_port_chosen=False)
    (found,) = listening(facts(config=defaults, listen=ListenFacts("127.0.0.1", 8080, is_taken=True, owner="llama")))
    assert found.level is Level.NOTE


@pytest.mark.parametrize(
    ("found", "levels"),
    [
        (ServiceFacts(), []),
        (ServiceFacts(True, True, "/unit"), [Level.OK]),
        (ServiceFacts(True, False, "/unit"), [Level.WARNING]),
        (ServiceFacts(True, path="/unit", problem="no bus"), [Level.NOTE]),
    ],
)
def test_the_service(found: ServiceFacts, levels: list[Level]) -> None:
    assert [one.level for one in service(facts(service=found))] == levels


@pytest.mark.parametrize(
    ("found", "levels"),
    [
        (TunnelFacts(False, "ssh", "/usr/bin/ssh"), []),
        (TunnelFacts(True, "ssh", "/usr/bin/ssh", "OpenSSH_9.2p1"), [Level.OK]),
        (TunnelFacts(False, "ssh"), [Level.NOTE]),
        (TunnelFacts(True, "ngrok"), [Level.WARNING]),
        (TunnelFacts(True, "ssh", "/usr/bin/ssh", problem="type ssh is for a server of your own"), [Level.WARNING]),
    ],
)
def test_the_tunnel(found: TunnelFacts, levels: list[Level]) -> None:
    assert [one.level for one in tunnel(facts(tunnel=found))] == levels
