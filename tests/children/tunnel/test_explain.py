"""Why a tunnel ended: each cause has its sentence, and each sentence says what to do."""

from __future__ import annotations

import re

import pytest

from linx.children.tunnel.explain import explain
from linx.config.shape import TunnelConfig

HERE = TunnelConfig(type="ssh", ssh_host="my.example", ssh_port=2222, ssh_user="me", remote_port=8080)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            r"host key of my\.example port 2222 .* ssh-keygen -R '\[my\.example\]:2222' -f '/s s/known_hosts'$",
        ),
        ("Host key verification failed.", "host key .* refused"),
        ("me@my.example: Permission denied (publickey).", r"does not let me in: check tunnel\.ssh_user"),
        ("Warning: Identity file /k/id not accessible: No such file or directory.", "cannot be read: /k/id"),
        ("@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @", "chmod 600"),
        ("Error: remote port forwarding failed for listen port 8080", "port 8080: the port is taken there"),
        ("ssh: Could not resolve hostname my.example: Name or service not known", "no network, or no such host"),
        ("ssh: connect to host my.example port 2222: Connection refused", "cannot reach .*: Connection refused$"),
        ("ssh: connect to host my.example port 2222: Network is unreachable", "cannot reach .*: Network"),
        ("Timeout, server my.example not responding.", "has not answered for 90 s"),
        ("Connection to my.example closed by remote host.", "the connection to my.example port 2222 was closed"),
        ("client_loop: send disconnect: Broken pipe", "the connection .* was closed"),
        ("kex_exchange_identification: read: Connection reset by peer", "the connection .* was closed"),
        ("Something nobody has seen before", "^ssh ended with code 255: Something nobody has seen before$"),
    ],
)  # fmt: skip
def test_ssh(line: str, said: str) -> None:
    lines = ["Warning: Permanently added 'my.example' (ED25519) to the list of known hosts.", line]
    assert re.search(said, explain(HERE, "/s s/known_hosts", lines, 255))


def test_the_cause_wins_over_what_follows_from_it() -> None:
    lines = ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "Host key verification failed."]
    assert "remove the old key" in explain(HERE, "/k", lines, 255)
    assert "ssh-keygen -R localhost.run -f /k" in explain(TunnelConfig(), "/k", lines, 255)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("authentication failed: Usage of ngrok requires … authtoken. (ERR_NGROK_4018)", "ngrok config add-authtoken"),
        (
            "authentication failed: Your account is limited to 1 simultaneous ngrok agent session. (ERR_NGROK_108)",
            "allows no further agent",
        ),
        ("The endpoint 'https://x' is already online. (ERR_NGROK_334)", "in use by another ngrok agent"),
        ("You must reserve a custom hostname … (ERR_NGROK_319)", r"tunnel\.domain"),
        ("failed to dial ngrok server: dial tcp: lookup connect.ngrok-agent.com: no such host", "no network"),
        ("ERROR:  unknown flag: --log-format", "version 3"),
        ("heartbeat timeout, terminating session", "has lost the connection"),
        ("a thing", "^ngrok ended with code 1: a thing$"),
    ],
)  # fmt: skip
def test_ngrok(line: str, said: str) -> None:
    assert re.search(said, explain(TunnelConfig(type="ngrok"), "", [line], 1))


def test_nothing_said() -> None:
    assert explain(HERE, "", [], 1) == "ssh ended with code 1"
    assert explain(TunnelConfig(type="ngrok"), "", ["odd"]) == "ngrok: odd"


def test_foreign_words_are_cut_and_printable() -> None:
    said = explain(HERE, "", ["\x1b[31m" + "x" * 1000], 1)
    assert said.isprintable()
    assert len(said) < 300
    braces = explain(HERE, "", ["Warning: Identity file {place} not accessible"], 1)
    assert braces.endswith("{place}")
