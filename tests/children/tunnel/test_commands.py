"""The command lines: word for word, and with nothing in them that could be an option."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from linx.children.process import CannotStart
from linx.children.tunnel import commands
from linx.children.tunnel.commands import argv_for
from linx.config.load import load
from linx.config.shape import TunnelConfig
from linx.core import jsontext
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS

if TYPE_CHECKING:
    from pathlib import Path

OURS = (
    "ssh -T -o BatchMode=yes -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -o ServerAliveCountMax=3 "
    "-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/s/known_hosts -o GlobalKnownHostsFile=/dev/null "
    "-o CheckHostIP=no -o ConnectTimeout=15 -o ForwardAgent=no -o ForwardX11=no"
)
ANONYMOUS = "-o IdentitiesOnly=yes -o IdentityAgent=none -o IdentityFile=none"


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            TunnelConfig(),
            f"{OURS} {ANONYMOUS} -F none -R 80:127.0.0.1:5000 nokey@localhost.run -- --output json",
        ),
        (
            TunnelConfig(domain="me.example", ssh_identity="/k/id", ssh_user="localhost"),
            f"{OURS} -o IdentitiesOnly=yes -o IdentityAgent=none -F none -i /k/id -R me.example:80:127.0.0.1:5000 "
            "localhost@localhost.run -- --output json",
        ),
        (
            TunnelConfig(type="ssh", ssh_host="my.example", ssh_port=2222, ssh_user="me", remote_port=8080),
            f"{OURS} -F none -p 2222 -v -N -R 8080:127.0.0.1:5000 me@my.example",
        ),
        (
            TunnelConfig(type="ngrok"),
            "ngrok http 127.0.0.1:5000 --log=stdout --log-format=json --inspect=false",
        ),
        (
            TunnelConfig(type="ngrok", ngrok_path="/opt/ngrok", domain="me.ngrok.app"),
            "/opt/ngrok http 127.0.0.1:5000 --log=stdout --log-format=json --inspect=false --domain=me.ngrok.app",
        ),
    ],
)
def test_word_for_word(config: TunnelConfig, line: str) -> None:
    assert argv_for(config, 5000, "/s/known_hosts") == line.split(" ")
    assert "StrictHostKeyChecking=no" not in line


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/a/b", "/a/b"),
        ("/a b/c", '"/a b/c"'),
        ("/100%/c", "/100%%/c"),
        ("/a#b", '"/a#b"'),
    ],
)
def test_a_path_means_itself(path: str, value: str) -> None:
    assert commands.quoted_path(path) == value


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/${HOME}/x"])
def test_a_path_that_ssh_would_read_otherwise(path: str) -> None:
    with pytest.raises(CannotStart, match="ssh_known_hosts"):
        commands.quoted_path(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ssh_host", "-oProxyCommand=touch /tmp/x"),
        ("ssh_host", "-oProxyCommand=x"),
        ("ssh_host", "a/b"),
        ("ssh_host", "host name"),
        ("ssh_user", "-lroot"),
        ("ssh_user", "a b"),
        ("ssh_user", "ssh://x"),
        ("domain", "-x"),
        ("domain", "x:1:evil.example:22"),
        ("domain", "x,y"),
        ("domain", ""),
        ("ssh_identity", "-x"),
        ("ssh_known_hosts", "-x"),
        ("ngrok_path", "-x"),
    ],
)
def test_the_config_refuses_what_could_be_an_option(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(jsontext.dumps({"tunnel": {key: value}}))
    with pytest.raises(ConfigError, match=key):
        load(str(path), {}, KINDS)


def test_what_is_wrong_with_a_wish() -> None:
    assert commands.problem_of(TunnelConfig()) is None
    assert "tunnel.ssh_host" in (commands.problem_of(TunnelConfig(type="ssh")) or "")
    assert commands.problem_of(TunnelConfig(type="ssh", ssh_host="my.example")) is None
    for domain in ("x:1:evil.example:22", "https://x.example", "-oProxyCommand=x", "a b", ""):
        assert "host name" in (commands.problem_of(TunnelConfig(domain=domain)) or ""), domain


@pytest.mark.parametrize(
    ("config", "url"),
    [
        (TunnelConfig(type="ssh", ssh_host="my.example"), "http://my.example"),
        (TunnelConfig(type="ssh", ssh_host="my.example", remote_port=8080), "http://my.example:8080"),
        (TunnelConfig(type="ssh", ssh_host="::1", remote_port=8080), "http://[::1]:8080"),
        (TunnelConfig(type="ssh", ssh_host="x", public_url="https://llm.my.example/"), "https://llm.my.example"),
    ],
)
def test_the_address_of_ones_own_server(config: TunnelConfig, url: str) -> None:
    assert commands.usual_url(config) == url


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="apt-get install openssh-client"):
        commands.found(["ssh"], str(tmp_path))
    with pytest.raises(CannotStart, match=r"ngrok\.com/download"):
        commands.found(["/opt/ngrok"], str(tmp_path))
    program = tmp_path / "ssh"
    program.write_text("")
    program.chmod(0o755)
    assert commands.found(["ssh", "-T"], str(tmp_path)) == [str(program), "-T"]


def test_where_host_keys_are_kept(tmp_path: Path) -> None:
    assert commands.known_hosts_path(TunnelConfig(), {"XDG_STATE_HOME": "/s"}) == "/s/linx/known_hosts"
    usual = "/home/me/.local/state/linx/known_hosts"
    assert commands.known_hosts_path(TunnelConfig(), {"HOME": "/home/me"}) == usual
    assert commands.known_hosts_path(TunnelConfig(), {"HOME": "/home/me", "XDG_STATE_HOME": "relative"}) == usual
    assert commands.known_hosts_path(TunnelConfig(ssh_known_hosts="/k"), {}) == "/k"


def test_host_keys_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "linx" / "known_hosts"
    old = os.umask(0)
    try:
        commands.make_known_hosts(str(path))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("kept")
    commands.make_known_hosts(str(path))
    assert path.read_text() == "kept"
    with pytest.raises(CannotStart, match="cannot write"):
        commands.make_known_hosts(str(path / "below" / "a" / "file"))
