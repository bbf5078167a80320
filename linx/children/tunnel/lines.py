"""Reads the output of ssh and ngrok line by line. No I/O: a line in, a Report out.

A reader takes one line and returns what the line says about the public address, or None.
Names are checked strictly, since the tunnel's listener will answer requests whose Host
header is that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.config.shape import TunnelConfig


class Report(NamedTuple):
    """What one line says about the public address.

    ``address``: ``text`` is the URL from now on. ``back``: the last URL works again.
    ``lost``: the URL does not work for now, and the program tries again by itself.
    ``refused``: the program will not get an address, so Linx ends it.
    """

    kind: Literal["address", "back", "lost", "refused"]
    text: str = ""


Reader = Callable[[str], Report | None]

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_URL = re.compile(r"https?://([^\s/:?#@\"'\\]{4,253})(?::[0-9]{1,5})?/?")
_URL_INSIDE = re.compile(r"https://([A-Za-z0-9.-]{4,253})")
_BANNER = re.compile(r" tunneled with tls termination\b")
_NAME_BEFORE = re.compile(r"(?<![A-Za-z0-9.-])[A-Za-z0-9.-]{4,253}\Z")
_LONGEST_NAME = 253
_MAX_SENTENCE = 4096  # characters of a line for people that are looked at
_SERVICE_NAMES = frozenset({"localhost.run", "www.localhost.run", "admin.localhost.run", "twitter.com", "openid.net"})
_NAME_FIELDS = ("address", "hostname", "host", "domain", "name", "url", "message")
_FORWARDED = re.compile(r"debug1: remote forward success for: ")
_LOST = frozenset(
    {
        "command failed",
        "failed to auth",
        "failed to reconnect session",
        "failed to start tunnel",
        "heartbeat timeout, terminating session",
        "session closed",
        "session closing",
    }
)
_BACK = frozenset({"client session established", "tunnel session started"})


def reader_for(config: TunnelConfig, url: str) -> Reader:
    """The reader for this type of tunnel. ``url`` is the address of type ssh once the forward is established."""
    if config.type == "localhost_run":
        return read_localhost_run
    if config.type == "ngrok":
        return read_ngrok
    return lambda line: Report("address", url) if _FORWARDED.match(line) else None


def read_localhost_run(line: str) -> Report | None:
    """Reads the output of localhost.run: JSON in either of its two shapes, or the sentence for people."""
    if not line.startswith("{"):
        # A pattern that begins with the name would look 253 characters ahead at each of the line's characters.
        banner = _BANNER.search(line, 0, _MAX_SENTENCE)
        name = _NAME_BEFORE.search(line, max(0, banner.start() - _LONGEST_NAME - 1), banner.start()) if banner else None
        return _address(name[0]) if name else None
    event = _object(line)
    kind = event.get("type")
    if event.get("event") == "tcpip-forward":
        is_accepted = event.get("authz_code", "OK") in ("OK", "ok", None)
        fields = [event.get("address"), event.get("message")]
    elif isinstance(kind, str) and kind.startswith("v1.tcpip_forward.register."):
        is_accepted = kind.endswith(".accepted")
        fields = [event.get("id"), event.get("data")]
    else:
        return None
    if not is_accepted:
        return Report("refused", _sentence(fields) or "the name is taken, or not yours")
    return next((found for value in fields for text in _texts(value) if (found := _address(text))), None)


def read_ngrok(line: str) -> Report | None:
    """Reads the log of ngrok's agent, in JSON."""
    event = _object(line)
    message = event.get("msg")
    if not isinstance(message, str):
        return None
    if message == "started tunnel":
        url = _URL.fullmatch(str(event.get("url")))
        is_name = url is not None and _NAME.fullmatch(url[1].lower()) is not None
        return Report("address", str(event["url"]).rstrip("/")) if is_name else None
    if message in _BACK:
        return Report("back")
    problem = str(event.get("err") or "").partition("\n")[0].strip()
    if message in _LOST and (event.get("lvl") in ("eror", "crit") or message.startswith("heartbeat")):
        code = re.search(r"ERR_NGROK_[0-9]+", str(event.get("err")))
        problem = problem if problem != "<nil>" else ""
        return Report("lost", (problem or message) + (f" ({code[0]})" if code and code[0] not in problem else ""))
    return None


def _object(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        value = jsontext.loads(line.encode())
    except jsontext.InvalidJSON:
        return {}
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> Iterator[str]:
    """The texts in a field that may be a host name: after a slash, before a space, or in an https URL."""
    if isinstance(value, dict):
        for field in _NAME_FIELDS:
            if isinstance(value.get(field), str):
                yield from _texts(value[field])
    elif isinstance(value, str):
        yield value.rpartition("/")[2]
        yield value.partition(" ")[0]
        yield from (found[1] for found in _URL_INSIDE.finditer(value[:4096]))


def _address(name: str) -> Report | None:
    name = name.lower().removesuffix(".")
    if _NAME.fullmatch(name) is None or name in _SERVICE_NAMES or name.endswith(".localhost"):
        return None
    return Report("address", f"https://{name}")


def _sentence(fields: list[Any]) -> str:
    """The first line of the server's message, which may be one level down in a field."""
    for value in reversed(fields):
        text = value.get("message") if isinstance(value, dict) else value
        if isinstance(text, str) and text.strip():
            return text.strip().splitlines()[0]
    return ""
