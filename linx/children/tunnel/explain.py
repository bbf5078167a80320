"""Explains why ssh or ngrok ended, and what to do. There is one table for each program."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from linx.children.process import MAX_REPEATED, exit_reason
from linx.children.tunnel.commands import ALIVE_COUNT, ALIVE_INTERVAL_S
from linx.core.errors import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.config.shape import TunnelConfig


class Cause(NamedTuple):
    """A pattern for a line of the program's output, and the explanation for the user."""

    pattern: re.Pattern[str]
    sentence: str
    """May contain ``{place}``, ``{host}``, ``{user}``, ``{port}``, ``{forget}`` and the named groups of the pattern."""


def _cause(pattern: str, sentence: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), sentence)


# The first pattern that matches any line is used. So patterns for causes come before patterns for their consequences.
_SSH = (
    _cause(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed",
        "the host key of {place} has changed since Linx learnt it, so the connection was refused: somebody may be "
        "intercepting it. If you know that the server has a new key, remove the old key with: {forget}",
    ),
    _cause(
        r"Host key verification failed|No \S+ host key is known",
        "the host key of {place} could not be checked, so the connection was refused",
    ),
    _cause(
        r"UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "the file in tunnel.ssh_identity can be read by other users, so ssh does not use it; run chmod 600 on the file",
    ),
    _cause(r"Identity file (?P<file>.+) not accessible", "the file in tunnel.ssh_identity cannot be read: {file}"),
    _cause(
        r"Permission denied|Too many authentication failures",
        "{place} does not let {user} in: check tunnel.ssh_user and tunnel.ssh_identity (a key with a passphrase "
        "cannot be used here)",
    ),
    _cause(
        r"remote port forwarding failed|remote forward failure|administratively prohibited",
        "{place} refused to forward port {port}: the port is taken there, perhaps still by the previous connection, or "
        "the server does not allow forwarding",
    ),
    _cause(
        r"Could not resolve hostname",
        "the host name {host} cannot be looked up: there is no network, or no such host",
    ),
    _cause(
        r"connect to host .*: (?P<why>.+)",
        "cannot reach {place}: {why}",
    ),
    _cause(
        r"Timeout, server .* not responding",
        f"{{place}} has not answered for {ALIVE_INTERVAL_S * ALIVE_COUNT} s, so the connection was given up",
    ),
    _cause(
        r"Connection (?:to .* )?(?:closed|reset|timed out)|Broken pipe|kex_exchange_identification|disconnect",
        "the connection to {place} was closed",
    ),
    _cause(
        r"Could not request local forwarding|Bad (?:remote )?forwarding specification",
        "ssh cannot use the name in tunnel.domain",
    ),
)
_NGROK = (
    _cause(
        r"ERR_NGROK_334\b|already online",
        "the name in tunnel.domain is in use by another ngrok agent; end that agent, or use another name",
    ),
    _cause(
        r"ERR_NGROK_108\b|simultaneous",
        "ngrok allows no further agent on this account; end the other agent",
    ),
    _cause(
        r"ERR_NGROK_(?:313|314|319|320)\b|reserve",
        "the name in tunnel.domain is not reserved for this ngrok account; reserve it first, or remove tunnel.domain",
    ),
    _cause(
        r"ERR_NGROK_(?:4018|105|106|107)\b|authtoken",
        "ngrok has no valid authtoken: get yours at https://dashboard.ngrok.com/get-started/your-authtoken and run: "
        "ngrok config add-authtoken TOKEN",
    ),
    _cause(
        r"failed to dial|no such host|i/o timeout|network is unreachable|connection refused|failed to fetch CRL",
        "no network: ngrok cannot reach its server",
    ),
    _cause(r"unknown (?:shorthand )?flag", "the installed ngrok is too old; version 3 is needed"),
    _cause(r"heartbeat timeout", "ngrok has lost the connection to its server"),
)


def explain(config: TunnelConfig, known_hosts: str, lines: Sequence[str], code: int | None = None) -> str:
    """The explanation. ``lines`` are the last lines of the program's output, ``code`` its exit code if it has ended."""
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
    for cause in _NGROK if is_ngrok else _SSH:
        for line in lines:
            if found := cause.pattern.search(line):
                named = {name: quote(text.strip(), MAX_REPEATED) for name, text in found.groupdict().items() if text}
                return cause.sentence.format(**facts, **named)
    return exit_reason("ngrok" if is_ngrok else "ssh", code, lines[-1] if lines else "")
