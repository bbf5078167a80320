"""A Linx for the page alone: a server for its files and questions, and sockets whose every message a test decides.

The page's tests that need an exact world (500 requests, hostile names, a lost connection) use it; those in
``test_with_linx.py`` hold the page against a real Linx. The messages are those of ``docs/dashboard.md``.
"""

from __future__ import annotations

import json
import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import linx
from tests.e2e.dashboard.streams import Streamed

if TYPE_CHECKING:
    from types import TracebackType

    from playwright.sync_api import Page, WebSocketRoute

STATIC = Path(linx.__file__).parent / "dashboard" / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KINDS = {**mimetypes.types_map, ".js": "text/javascript", ".webmanifest": "application/manifest+json"}

Json = dict[str, Any]


class FakeServer:
    """One server for all tests. The browser may keep the files, so that a page opens in a moment."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Json] | Streamed] = {}
        """What a path answers, with its query or for all of them; others answer ``{}``."""
        self.asked: list[tuple[str, str, Json | None]] = []
        """Method, path and body of every question, the files of the page left out."""
        self.key = ""
        self.is_up = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def reset(self) -> None:
        self.answers.clear()
        self.asked.clear()
        self.key, self.is_up = "", True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: Any) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/dashboard" or path.startswith("/dashboard/"):
                    self._file(path.removeprefix("/dashboard").removeprefix("/") or "index.html")
                else:
                    self._answer(path)

            def do_POST(self) -> None:
                self._answer(self.path)

            def _file(self, name: str) -> None:
                path = STATIC / name
                if not path.is_file():
                    self._send(404, b"", "text/plain")
                    return
                headers = {"content-security-policy": CSP, "cache-control": "max-age=600"}
                self._send(200, path.read_bytes(), KINDS[path.suffix], **headers)

            def _answer(self, path: str) -> None:
                length = int(self.headers.get("content-length") or 0)
                sent = self.rfile.read(length)
                if not server.is_up:
                    self.close_connection = True
                    return
                server.asked.append((self.command, path, json.loads(sent) if sent else None))
                answers = server.answers.get(self.path) or server.answers.get(path) or (200, {})
                if isinstance(answers, Streamed):
                    self.close_connection = True
                    answers.send(self)
                    return
                status, answer = answers
                if server.key and self.headers.get("authorization") != f"Bearer {server.key}":
                    status, answer = 401, {"error": {"message": "A key is needed.", "type": "authentication_error"}}
                self._send(status, json.dumps(answer).encode(), "application/json")

            def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("x-content-type-options", "nosniff")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        return Handler


class FakeLinx:
    """What one page is connected to."""

    def __init__(self, server: FakeServer, page: Page, snapshot: Json) -> None:
        self.server = server
        self.page = page
        self.snapshot = snapshot
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/linx/events", self._connect)

    def open(self, hash_: str = "", *, until: str = "[data-test=connection][data-state=live]") -> Page:
        self.page.goto(f"{self.server.origin}/dashboard{hash_}")
        self.page.wait_for_selector(until)
        return self.page

    def send(self, type: str, **message: Any) -> None:  # noqa: A002 - the name of the message's own field
        self.sockets[-1].send(json.dumps({"type": type, **message}))

    def drop(self) -> None:
        """The connection is lost, and nothing answers until ``server.is_up`` is true again."""
        self.server.is_up = False
        self.sockets[-1].close()

    def asked(self, path: str) -> list[Json | None]:
        """The bodies of the questions to that path."""
        return [body for _, asked, body in self.server.asked if asked == path]

    def _connect(self, socket: WebSocketRoute) -> None:
        key = quote(self.server.key, safe="")
        wanted = f"/k/{key}/linx/events" if key else "/linx/events"
        if not self.server.is_up or socket.url.partition("://")[2].partition("/")[2] != wanted[1:]:
            socket.close()
            return
        self.sockets.append(socket)
        socket.send(json.dumps(self.snapshot))
