"""What Linx tells the person who started it: its address, invented keys, the providers, what to try next.

Standard output gets one line only, the ready line, for which programs wait. Keys go to
standard error and never to the log; everything else is logged.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, TextIO

import trio

import linx
from linx.access import is_only_this_machine
from linx.core.errors import quote
from linx.discovery.watch import INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.children.tunnel.supervisor import Tunnel
    from linx.providers.provider import Provider

log = logging.getLogger("linx")

_ADVICE = {
    errno.EADDRNOTAVAIL: ("this machine has no such address", "try --host 127.0.0.1"),
    errno.EAFNOSUPPORT: ("this machine does not support that kind of address", "try --host 127.0.0.1"),
    errno.EACCES: ("permission denied", "try a port above 1023, such as --port 8080"),
    errno.EPERM: ("permission denied", "try a port above 1023, such as --port 8080"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
}
LOADED_SHOWN = 2  # models of one provider
_WILDCARDS = ("0.0.0.0", "::", "")
"""All addresses of this machine, none of which is one to ask at."""


class Console:
    """The terminal of one running Linx. Keys and addresses wait until the ready line is out."""

    def __init__(self) -> None:
        self._is_ready = False
        self._held_back: list[str] = []  # texts that wait for the ready line
        self._shown_url: str | None = None  # the last paste URL of the tunnel that was shown

    def show_ready(self, host: str, port: int) -> None:
        say(f"Linx {linx.__version__} listening on http://{_address(host, port)}", sys.stdout)
        self._is_ready = True
        for text in self._held_back:
            self._tell(text)
        self._held_back.clear()

    def show_key(self, host: str, key: str) -> None:
        """Show the key that Linx invented because other machines can reach it on ``host``."""
        self._tell(
            f"No key is configured and other machines can reach Linx on {host}, so clients must send this key: {key}"
        )

    def show(self, text: str) -> None:
        """Show a line."""
        self._tell(text)

    def show_tunnel(self, tunnel: Tunnel) -> None:
        """Show the public address of the tunnel, each time that it has a new one."""
        if tunnel.paste_url is None or tunnel.paste_url == self._shown_url:
            return
        self._shown_url = tunnel.paste_url
        invented = f"the key {tunnel.keys.invented}, which is valid while this tunnel is open"
        self._tell(
            f"Tunnel: {tunnel.url} leads to this Linx. Clients must send "
            f"{'your configured key' if tunnel.keys.configured else invented}.\n"
            f"  Base URL for an OpenAI client: {tunnel.url}/v1\n"
            f"  Base URL with the key in it, for clients that cannot send a key: {tunnel.paste_url}"
        )

    def show_summary(
        self, providers: Sequence[Provider], host: str, port: int, *, is_discovering: bool = False
    ) -> None:
        """Log the state of each provider, the addresses to configure in a client, and what to try next."""
        now = trio.current_time()
        rows = [(provider.name, provider.health.state(now), _told(provider, now)) for provider in providers]
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        for name, state, told in rows:
            log.info("%s", f"provider {name:<{widths[0]}}  {state:<{widths[1]}}  {told}".rstrip())
        if not providers and is_discovering:
            log.warning(
                "no model server was found on this machine; start one (Ollama, llama.cpp, ...) and Linx finds "
                "it within %d s, or try --demo",
                round(INTERVAL_S),
            )
        elif not providers:
            log.warning("no provider is enabled: enable one in config.json, or try --demo")
        elif not any(provider.health.reachable for provider in providers):
            log.warning("no provider can be reached yet; Linx keeps trying")
        url = address_of(host, port)
        log.info("the dashboard is at %s/dashboard", url)
        log.info("give your client %s/v1 as its OpenAI base URL, or %s as its Ollama or Anthropic address", url, url)
        if host in _WILDCARDS and (lan := _lan_address()):
            log.info("other machines of this network ask http://%s, with a key", _address(lan, port))
        log.info("next: linx launch claude, linx setup vscode; linx doctor says what is wrong where something is")

    def _tell(self, text: str) -> None:
        if self._is_ready:
            say(text, sys.stderr)  # not logged, since keys must not reach the log
        else:
            self._held_back.append(text)


def address_of(host: str, port: int) -> str:
    """The address to use in a client on this machine, or on others if they can reach it."""
    return f"http://{_address('localhost' if is_only_this_machine(host) or host in _WILDCARDS else host, port)}"


def cannot_listen(host: str, port: int, error: OSError, owner: str | None = None) -> str:
    """One line: the address, why Linx cannot listen on it, what to try. ``owner``: which program listens there."""
    if isinstance(error, socket.gaierror):
        reason, hint = "no such host name", "try --host 127.0.0.1"
    elif error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 0
        reason = f"{owner or 'another program'} listens there{'' if owner else ' (another Linx?)'}"
        hint = f"stop it, or try --port {other}"
    else:
        usual = (error.strerror or type(error).__name__, "try another --host or --port")
        reason, hint = _ADVICE.get(error.errno or 0, usual)
    return f"cannot listen on {_address(host, port)}: {reason}; {hint}"


def _told(provider: Provider, now: float) -> str:
    """A provider's models, those that are loaded, its context, the credit that is left, or why it does not answer."""
    error = provider.health.last_error
    if error and provider.health.state(now) in ("down", "cooling"):
        return error
    count = len(provider.models)
    words = [f"{count} model{'' if count == 1 else 's'}"] if count else []
    for model in list(provider.loaded.latest_first())[:LOADED_SHOWN]:
        context = provider.contexts.loaded(model)
        words.append(f"{quote(model, 80)} is loaded" + (f" with {context:,} tokens of context" if context else ""))
    if provider.credit is not None and provider.credit.words:
        words.append(provider.credit.words)
    return ", ".join(words)


def _lan_address() -> str | None:
    """The address by which other machines reach this one. Nothing is sent: the system only chooses a route."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1
            found: str = probe.getsockname()[0]
    except OSError:
        return None
    return None if is_only_this_machine(found) else found


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def say(text: str, stream: TextIO | None) -> None:
    """Print a line, if it can be printed: a full disk or a reader that is gone must not end Linx."""
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except (OSError, ValueError):
        _silence(stream)


def let_go(stream: TextIO | None) -> None:
    """At the end of a program: what cannot be written is dropped, since Python would end with code 120."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        _silence(stream)


def _silence(stream: TextIO) -> None:
    """From now on nothing is written: what is left in the buffer would make Python end with code 120."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass  # the stream is closed, so it writes nothing
