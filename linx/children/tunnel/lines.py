"""What ssh and ngrok say, read line by line. No I/O: a line in, a report out.

A reader takes one line and returns what it means, or None. A line that is not understood
is passed over; names are checked strictly, since one of them becomes the Host that the
tunnel's listener answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.config.shape import TunnelConfig


class Report(NamedTuple):
    """What one line reports of the public address.

    ``address``: ``text`` is the URL from now on. ``back``: the last one works again.
    ``lost``: it does not work for now, and the program tries again by itself. ``refused``:
    the program will never get one, so it is ended.
    """

    kind: Literal["address", "back", "lost", "refused"]
    text: str = ""


Reader = Callable[[str], Report | None]

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_URL = re.compile(r"https?://([^\s/:?#@\"'\\]{4,253})(?::[0-9]{1,5})?/?")
_URL_INSIDE = re.compile(r"https://([A-Za-z0-9.-]{4,253})")
_BANNER = re.compile(r"([A-Za-z0-9.-]{4,253}) tunneled with tls termination\b")
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
    """``url`` is what type ssh shows once its forward stands."""
    if config.type == "localhost_run":
        return read_localhost_run
    if config.type == "ngrok":
        return read_ngrok
    return lambda line: Report("address", url) if _FORWARDED.match(line) else None


def read_localhost_run(line: str) -> Report | None:
    """``--output json`` in either of its shapes, or the sentence that people see."""
    if not line.startswith("{"):
        banner = _BANNER.search(line)
        return _address(banner[1]) if banner else None
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
    """The agent's log as JSON."""
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
    """Where in a field a name may stand: alone, after a slash, at the start of a sentence, in an https URL."""
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
    """The first line of the server's own words, which may be one level down."""
    for value in reversed(fields):
        text = value.get("message") if isinstance(value, dict) else value
        if isinstance(text, str) and text.strip():
            return text.strip().splitlines()[0]
    return ""
