"""What Linx tells the person who started it, and in which order."""

from __future__ import annotations

import errno
import logging
import os
import socket

import pytest

import linx
from linx import console as console_module
from linx.children.tunnel.supervisor import Tunnel
from linx.config.shape import TunnelConfig
from linx.console import Console, cannot_listen
from linx.core.redaction import Redactor
from linx.providers.credit import Credit
from tests.routing.world import has, provider


@pytest.mark.parametrize(
    ("host", "port", "error", "text"),
    [
        (
            "127.0.0.1",
            8080,
            OSError(errno.EADDRINUSE, "x"),
            "cannot listen on 127.0.0.1:8080: another program listens there (another Linx?); "
            "stop it, or try --port 8081",
        ),
        ("::1", 65535, OSError(errno.EADDRINUSE, "x"), "--port 0"),
        ("::1", 80, OSError(errno.EACCES, "x"), "cannot listen on [::1]:80: permission denied; try a port above"),
        ("10.9.9.9", 1, OSError(errno.EADDRNOTAVAIL, "x"), "this machine has no such address; try --host 127.0.0.1"),
        ("nohost", 1, socket.gaierror(socket.EAI_NONAME, "x"), "no such host name; try --host 127.0.0.1"),
        ("h", 1, OSError(errno.EIO, os.strerror(errno.EIO)), f"{os.strerror(errno.EIO)}; try another --host or --port"),
        ("h", 1, OSError(), "OSError; try another"),
    ],
)
def test_the_line_says_which_address_why_and_what_to_try(host: str, port: int, error: OSError, text: str) -> None:
    assert text in cannot_listen(host, port, error)


# --- what is told ---


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1:8080"), ("::1", "[::1]:8080")])
def test_the_ready_line_is_all_of_standard_output(host: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    Console().show_ready(host, 8080)
    assert capsys.readouterr() == (f"Linx {linx.__version__} listening on http://{shown}\n", "")


def test_a_key_is_told_after_the_ready_line_or_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.show_key("0.0.0.0", "first")
    assert capsys.readouterr() == ("", "")
    console.show_ready("0.0.0.0", 1)
    told = "No key is configured and other machines can reach Linx on 0.0.0.0, so clients must send this key: "
    assert capsys.readouterr().err == f"{told}first\n"
    console.show_key("0.0.0.0", "second")
    assert capsys.readouterr() == ("", f"{told}second\n")


async def serve(_listeners: object) -> None:
    raise AssertionError


async def test_a_tunnel_is_told_whenever_its_way_in_is_a_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    console, tunnel = Console(), Tunnel(serve, Redactor(), {})
    console.show_ready("127.0.0.1", 1)
    console.show_tunnel(tunnel)
    tunnel.start(TunnelConfig())
    console.show_tunnel(tunnel)
    assert capsys.readouterr().err == ""
    tunnel.url = "https://abc.lhr.life"
    console.show_tunnel(tunnel)
    console.show_tunnel(tunnel)
    key = tunnel.keys.invented
    assert capsys.readouterr().err == (
        f"Tunnel: https://abc.lhr.life leads to this Linx. Clients must send the key {key}, "
        "which is valid while this tunnel is open.\n"
        "  Base URL for an OpenAI client: https://abc.lhr.life/v1\n"
        f"  Base URL with the key in it, for clients that cannot send a key: https://abc.lhr.life/k/{key}/v1\n"
    )


async def test_the_summary_has_a_line_for_each_provider(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    good, bad = has(provider("good"), "m", "n"), provider("bad")
    good.health.probed(0.0)
    bad.health.probed(0.0, "refused the connection")
    Console().show_summary((good, bad), "::1", 8080)
    assert caplog.messages == [
        "provider good  up    2 models",
        "provider bad   down  refused the connection",
        "the dashboard is at http://localhost:8080/dashboard",
        "give your client http://localhost:8080/v1 as its OpenAI base URL, "
        "or http://localhost:8080 as its Ollama or Anthropic address",
        "next: linx launch claude, linx setup vscode; linx doctor says what is wrong where something is",
    ]
    caplog.clear()
    Console().show_summary((bad,), "10.0.0.1", 1)
    assert "no provider can be reached yet; Linx keeps trying" in caplog.messages
    assert caplog.messages[-2].startswith("give your client http://10.0.0.1:1/v1 ")
    caplog.clear()
    monkeypatch.setattr(console_module, "_lan_address", lambda: "192.168.1.5")
    Console().show_summary((bad,), "0.0.0.0", 1)
    assert "other machines of this network ask http://192.168.1.5:1, with a key" in caplog.messages
    good.loaded.seen(["n"], 0.0)
    caplog.clear()
    Console().show_summary((good,), "127.0.0.1", 1)
    assert caplog.messages[0] == "provider good  up  2 models, n is loaded"
    good.credit = Credit(5.0, 4.5)
    caplog.clear()
    Console().show_summary((good,), "127.0.0.1", 1)
    assert caplog.messages[0] == "provider good  up  2 models, n is loaded, $4.50 of credit left"
    caplog.clear()
    Console().show_summary((), "127.0.0.1", 1)
    assert caplog.messages[0] == "no provider is enabled: enable one in config.json, or try --demo"
