"""A Linx for the page alone: its files, a WebSocket and a few answers, inside the browser's own routing.

The page's tests that need an exact world (500 requests, hostile names, a lost connection) use it; those in
``test_with_linx.py`` hold the page against a real Linx. The messages are those of ``docs/dashboard.md``.
"""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import linx

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route, WebSocketRoute

STATIC = Path(linx.__file__).parent / "dashboard" / "static"
ORIGIN = "http://localhost:7"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")

Json = dict[str, Any]


class FakeLinx:
    """Serves one page. ``send`` gives it messages, ``answers`` says what a path answers, ``asked`` what it asked."""

    def __init__(self, page: Page, snapshot: Json, *, key: str = "") -> None:
        self.page = page
        self.snapshot = snapshot
        self.key = key
        self.sockets: list[WebSocketRoute] = []
        self.asked: list[tuple[str, str, Json | None]] = []
        self.answers: dict[str, Callable[[Route], None] | tuple[int, Json]] = {}
        self.is_up = True
        page.route(f"{ORIGIN}/**", self._answer)
        page.route_web_socket("**/linx/events", self._connect)

    def open(self, hash_: str = "") -> None:
        self.page.goto(f"{ORIGIN}/dashboard{hash_}")

    def send(self, **message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))

    def drop(self) -> None:
        """The connection is lost, and nothing answers until ``is_up`` is true again."""
        self.is_up = False
        self.sockets[-1].close()

    def _connect(self, socket: WebSocketRoute) -> None:
        allowed = f"/k/{self.key}/linx/events" if self.key else "/linx/events"
        if not self.is_up or not socket.url.endswith(allowed) or ("/k/" in socket.url) != bool(self.key):
            socket.close()
            return
        self.sockets.append(socket)
        socket.send(json.dumps(self.snapshot))

    def _answer(self, route: Route) -> None:
        request = route.request
        path = request.url.removeprefix(ORIGIN).partition("?")[0]
        if path == "/dashboard" or path.startswith("/dashboard/"):
            self._file(route, path.removeprefix("/dashboard").removeprefix("/") or "index.html")
            return
        if not self.is_up:
            route.abort()
            return
        self.asked.append((request.method, path, request.post_data_json))
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            route.fulfill(status=401, json={"error": {"message": "A key is needed.", "type": "authentication_error"}})
            return
        answer = self.answers.get(path, (200, {}))
        if callable(answer):
            answer(route)
        else:
            route.fulfill(status=answer[0], json=answer[1])

    def _file(self, route: Route, name: str) -> None:
        path = STATIC / name
        if not path.is_file():
            route.fulfill(status=404, body="")
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"content-type": kind, "content-security-policy": CSP, "x-content-type-options": "nosniff"}
        route.fulfill(status=200, body=path.read_bytes(), headers=headers)
