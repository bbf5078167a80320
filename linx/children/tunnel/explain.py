"""Why a tunnel ended, in a sentence that says what to do. One table for each program."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from linx.children.tunnel.commands import ALIVE_COUNT, ALIVE_INTERVAL_S
from linx.core.errors import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.config.shape import TunnelConfig

MAX_REPEATED = 200  # characters of the program's own words


class Row(NamedTuple):
    pattern: re.Pattern[str]
    sentence: str
    """With ``{place}``, ``{host}``, ``{user}``, ``{port}``, ``{forget}`` and what the pattern names."""


def _row(pattern: str, sentence: str) -> Row:
    return Row(re.compile(pattern, re.IGNORECASE), sentence)


# The first row that fits any line wins, so what names a cause stands before what only follows from it.
_SSH = (
    _row(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed",
        "the host key of {place} is not the one that Linx has learnt, so it was refused: somebody may be listening in "
        "between. If you know that the server has a new key, forget the old one with: {forget}",
    ),
    _row(
        r"Host key verification failed|No \S+ host key is known",
        "the host key of {place} could not be checked, so it was refused",
    ),
    _row(
        r"UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "the file of tunnel.ssh_identity can be read by other users, so ssh does not use it; run: chmod 600 on it",
    ),
    _row(r"Identity file (?P<file>.+) not accessible", "the file of tunnel.ssh_identity cannot be read: {file}"),
    _row(
        r"Permission denied|Too many authentication failures",
        "{place} does not let {user} in: check tunnel.ssh_user and tunnel.ssh_identity (a key with a passphrase "
        "cannot be used here)",
    ),
    _row(
        r"remote port forwarding failed|remote forward failure|administratively prohibited",
        "{place} refused to forward port {port}: it is taken there, perhaps still by the connection before, or the "
        "server does not allow it",
    ),
    _row(
        r"Could not resolve hostname",
        "no network, or no such host: the name {host} cannot be looked up",
    ),
    _row(
        r"connect to host .*: (?P<why>.+)",
        "cannot reach {place}: {why}",
    ),
    _row(
        r"Timeout, server .* not responding",
        f"{{place}} has not answered for {ALIVE_INTERVAL_S * ALIVE_COUNT} s; the connection is dead",
    ),
    _row(
        r"Connection (?:to .* )?(?:closed|reset|timed out)|Broken pipe|kex_exchange_identification|disconnect",
        "the connection to {place} was closed",
    ),
    _row(
        r"Could not request local forwarding|Bad (?:remote )?forwarding specification", "ssh cannot use tunnel.domain"
    ),
)
_NGROK = (
    _row(
        r"ERR_NGROK_334\b|already online",
        "the name is taken: another ngrok agent is using it",
    ),
    _row(
        r"ERR_NGROK_108\b|simultaneous",
        "ngrok allows no further agent on this account; end the other one",
    ),
    _row(
        r"ERR_NGROK_(?:313|314|319|320)\b|reserve",
        "ngrok does not give this account the name in tunnel.domain; reserve it first, or leave it out",
    ),
    _row(
        r"ERR_NGROK_(?:4018|105|106|107)\b|authtoken",
        "ngrok has no valid authtoken: get yours at https://dashboard.ngrok.com/get-started/your-authtoken and run: "
        "ngrok config add-authtoken TOKEN",
    ),
    _row(
        r"failed to dial|no such host|i/o timeout|network is unreachable|connection refused|failed to fetch CRL",
        "no network: ngrok cannot reach its server",
    ),
    _row(r"unknown (?:shorthand )?flag", "this ngrok is too old; version 3 is needed"),
    _row(r"heartbeat timeout", "ngrok has lost the connection to its server"),
)


def explain(config: TunnelConfig, known_hosts: str, lines: Sequence[str], code: int | None = None) -> str:
    """``lines`` are the last that the program said, ``code`` its exit code where it has ended."""
    is_ngrok = config.type == "ngrok"
    place = config.ssh_host if config.ssh_port == 22 else f"{config.ssh_host} port {config.ssh_port}"
    listed = config.ssh_host if config.ssh_port == 22 else f"[{config.ssh_host}]:{config.ssh_port}"
    facts = {
        "place": place,
        "host": config.ssh_host,
        "user": config.ssh_user,
        "port": config.remote_port,
        "forget": f"ssh-keygen -R {shlex.quote(listed)} -f {shlex.quote(known_hosts)}",
    }
    for row in _NGROK if is_ngrok else _SSH:
        for line in lines:
            if found := row.pattern.search(line):
                named = {name: quote(text.strip(), MAX_REPEATED) for name, text in found.groupdict().items() if text}
                return row.sentence.format(**facts, **named)
    program = "ngrok" if is_ngrok else "ssh"
    last = f": {quote(lines[-1], MAX_REPEATED)}" if lines else ""
    return f"{program}{'' if code is None else f' ended with code {code}'}{last}"
