"""``linx tail``: follows the request lines of the Linx that runs here, from another shell.

The lines come from Linx's own endpoint, as JSON; the text for people is made of them here, by the same function.
"""

from __future__ import annotations

import http.client
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.errors import word_of_status
from linx.core.log import has_colour
from linx.core.request_line import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linx.config.shape import ServerConfig

PATH = "/linx/tail"
CONNECT_S = 5.0
SILENCE_S = 60.0
"""Linx sends an empty line every 15 s, so after so long without one it has gone."""
MAX_LINE = 1 << 20  # bytes
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where a Linx that listens on all addresses is asked."""


class NotFollowed(Exception):
    """No Linx could be followed, or it has ended; the text says why in one line."""


def follow(server: ServerConfig, style: str, env: Mapping[str, str]) -> None:
    """Print the lines until the user ends it. Raises NotFollowed."""
    if not server.port:
        raise NotFollowed("the config names port 0; say with --port where Linx listens")
    is_coloured = style == "text" and has_colour(sys.stdout, env)
    for line in _lines(server):
        text = line if style == "json" else _shown(line, is_coloured=is_coloured)
        if text:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()


def _lines(server: ServerConfig) -> Iterator[str]:
    host = _EVERYWHERE.get(server.hostname, server.hostname)
    where = f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    connection = http.client.HTTPConnection(host, server.port, timeout=CONNECT_S)
    key = {} if server.own_key is None else {"Authorization": b"Bearer " + server.own_key.encode()}
    try:
        connection.request("GET", PATH, headers={"User-Agent": b"linx-tail", **key})
        if connection.sock is not None:
            connection.sock.settimeout(SILENCE_S)
        response = connection.getresponse()
    except (OSError, http.client.HTTPException):
        raise NotFollowed(f"no Linx runs at {where}; start it, or say with --port where it listens") from None
    try:
        if response.status != 200 or response.getheader("Content-Type") != "application/x-ndjson":
            raise NotFollowed(_refused(response.status, where, server))
        while line := response.readline(MAX_LINE):
            if text := line.decode("utf-8", "replace").strip():
                yield text
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    raise NotFollowed(f"the Linx at {where} has ended")


def _refused(status: int, where: str, server: ServerConfig) -> str:
    if status == 401 and server.api_keys and server.own_key is None:
        return (
            f"the Linx at {where} needs a key without limits, and the config has no more than a hash of such a key: "
            "give it by LINX_API_KEY or --api-key"
        )
    if status == 403 and server.api_keys:
        return f"the Linx at {where} shows its requests only to a key without limits"
    if status == 401:
        return f"the Linx at {where} needs its key: LINX_API_KEY, server.api_key in the config, or --api-key"
    if status in (200, 404):
        return f"the program at {where} is no Linx, or one too old to be followed"
    return f"the Linx at {where} may not be followed now: {status} {word_of_status(status)}"


def _shown(line: str, *, is_coloured: bool) -> str:
    """The text of a line; "" for a line of a kind that is not known here, as a newer Linx may send it."""
    try:
        fields: dict[str, Any] = jsontext.loads(line.encode())
        if fields["event"] == "lost":
            return f"({fields['lines']} lines are missing here: they came faster than they were read)"
        at = datetime.fromisoformat(fields["ts"]).timestamp()
        return text_of(fields, at, is_coloured=is_coloured)
    except (jsontext.InvalidJSON, KeyError, TypeError, ValueError):
        return ""
