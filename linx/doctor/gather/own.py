"""The Linx that runs here: does it answer where the config says, and what does it say of itself?"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from linx.core.addresses import Origin, host_and_port
from linx.core.attempt_errors import AttemptError
from linx.discovery.identify import identify
from linx.doctor.facts import ListenFacts
from linx.doctor.gather.ask import Asker, stranger
from linx.doctor.gather.ports import owner_of
from linx.providers.catalog import FEATURES_HEADER, HEALTH_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.config.shape import ServerConfig
    from linx.upstream.pool import Pool

LIMIT_S = 1.5
MAX_STATUS = 16 << 20  # bytes
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
_STATUS_PATH = "/v1/providers/status"


async def look(server: ServerConfig, ports: Sequence[int], pool: Pool) -> ListenFacts:
    """What is at the address of the config; ``ports`` are those where Linx may be, the configured one first."""
    host = _EVERYWHERE.get(server.hostname, server.hostname)
    for port in ports:
        if port and (found := await _linx_at(host, port, server.own_key, pool)) is not None:
            return found
    work = partial(_without_linx, server.hostname, server.port)
    found = await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    if not found.is_taken:
        return found
    there = await identify(Origin("http", host, server.port), LIMIT_S)
    if there is None or there.kind is None:
        return found
    return replace(found, owner=", ".join([there.title, *([found.owner] if found.owner else [])]))


async def _linx_at(host: str, port: int, key: str | None, pool: Pool) -> ListenFacts | None:
    asker = Asker(stranger(f"http://{host_and_port(host, port)}", key), pool)
    get = asker.provider.http.get
    found: ListenFacts | None = None
    with trio.move_on_after(LIMIT_S), contextlib.suppress(AttemptError):
        with await asker.open(get(HEALTH_PATH)) as exchange:
            if exchange.status != 200 or exchange.header(FEATURES_HEADER) is None:
                return None
        found = ListenFacts(host, port, is_linx=True, needs_key=True)
        with await asker.open(get(_STATUS_PATH)) as exchange:
            if exchange.status == 200:
                found = _read(host, port, await exchange.read_all(MAX_STATUS))
    return found


def _read(host: str, port: int, body: bytes) -> ListenFacts:
    try:
        told: Any = jsontext.loads(body)
        config = told.get("config") or {}
        version, path, problem = told.get("version"), config.get("path"), config.get("problem")
    except (jsontext.InvalidJSON, AttributeError):
        return ListenFacts(host, port, is_linx=True)
    return ListenFacts(
        host,
        port,
        is_linx=True,
        version=_text(version),
        config_path=_text(path),
        config_problem=_text(problem),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _without_linx(host: str, port: int) -> ListenFacts:
    """Could a Linx listen there? A socket is bound to the address for a moment, as the start would."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return ListenFacts(host, port, cannot="there is no such host name")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return ListenFacts(host, port, is_taken=True, owner=owner_of(port))
        return ListenFacts(host, port, cannot=(error.strerror or type(error).__name__).lower())
    return ListenFacts(host, port)
