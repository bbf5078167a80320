"""Finds the Linx that runs here, and asks it for its models and its tunnel. Nothing is started."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.addresses import host_and_port
from linx.setup.target import Model, Target, model_of

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 3.0
MAX_BODY = 64 << 20  # bytes; a list of thousands of models has some
PAUSE_S = 0.1  # between two looks at a list that is still empty
FEATURES = "x-linx-features"
"""The header of ``/healthz`` by which a Linx is told from any other server."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class NeedsKey(Exception):
    """The Linx that runs here wants a key that is not known here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Linx listens, or would."""

    host: str
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> Place:
        """By the config; a Linx that listens on all addresses is asked on the loopback one."""
        return cls(_EVERYWHERE.get(host, host), port)

    @property
    def address(self) -> str:
        return f"http://{host_and_port(self.host, self.port)}"


def is_linx(place: Place) -> bool:
    """Does a Linx answer there?"""
    try:
        status, headers, _body = _get(place, "/healthz", None)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and FEATURES in headers


def is_taken(place: Place) -> bool:
    """Does any program listen there?"""
    try:
        _get(place, "/healthz", None)
    except (TimeoutError, http.client.HTTPException):
        return True
    except OSError:
        return False
    return True


def look(places: Sequence[Place]) -> Place | None:
    """The first of the places where a Linx runs."""
    return next((place for place in places if is_linx(place)), None)


def ask(place: Place, key: str | None, wanted: str | None, wait_s: float = 0.0, *, with_tunnel: bool = False) -> Target:
    """What that Linx tells of itself. Raises NeedsKey.

    Waits until it lists a model, and ``with_tunnel`` until its tunnel is open, but at most ``wait_s``.
    """
    end = time.monotonic() + wait_s
    while True:
        models, tunnel = _models(place, key), _tunnel(place, key)
        if (models and (tunnel or not with_tunnel)) or time.monotonic() >= end:
            return Target(place.address, key, models, wanted, tunnel)
        time.sleep(PAUSE_S)


def _models(place: Place, key: str | None) -> tuple[Model, ...]:
    data = _json(place, "/v1/models", key).get("data")
    running = _json(place, "/api/ps", key).get("models")
    loaded = frozenset(
        str(entry.get("model")) for entry in (running if isinstance(running, list) else ()) if isinstance(entry, dict)
    )
    found = (model_of(entry, loaded) for entry in (data if isinstance(data, list) else ()))
    return tuple(model for model in found if model is not None)


def _tunnel(place: Place, key: str | None) -> str | None:
    told = _json(place, "/api/tunnel/status", key)
    url = told.get("url")
    return url if told.get("status") == "running" and isinstance(url, str) else None


def _json(place: Place, path: str, key: str | None) -> dict[str, Any]:
    """The object that Linx answers; an empty one where it answers none."""
    try:
        status, _headers, body = _get(place, path, key)
        if status == 401:
            raise NeedsKey
        value = jsontext.loads(body) if status == 200 else {}
    except (OSError, http.client.HTTPException, jsontext.InvalidJSON):
        return {}
    return value if isinstance(value, dict) else {}


def _get(place: Place, path: str, key: str | None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(place.host, place.port, timeout=TIMEOUT_S)
    bearer = {"Authorization": b"Bearer " + key.encode()} if key else {}
    try:
        connection.request("GET", path, headers={"User-Agent": b"linx-setup", **bearer})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read(MAX_BODY)
    finally:
        connection.close()
