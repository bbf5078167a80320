"""Answers that the fake Linx streams piece by piece, with places where a test holds them."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

WAIT_S = 10.0
HOLD = object()
"""At this place nothing is sent until the test says ``go``."""


class Streamed:
    """One answer; its end is the end of the connection, which is closed after each."""

    def __init__(self, *pieces: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """A piece is a text, ``HOLD``, or an object, which is sent as a server-sent event."""
        self._pieces = pieces
        self._status = status
        self._headers = headers or {}
        self._go = threading.Semaphore(0)
        self.left = threading.Event()
        """The page has closed the connection before the end."""

    def go(self) -> None:
        self._go.release()

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self._status)
        for name, value in {"content-type": "text/event-stream", "connection": "close", **self._headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            for piece in self._pieces:
                if piece is HOLD:
                    self._hold(handler)
                else:
                    text = piece if isinstance(piece, str) else f"data: {json.dumps(piece)}\n\n"
                    handler.wfile.write(text.encode())
                    handler.wfile.flush()
        except OSError:
            self.left.set()

    def _hold(self, handler: BaseHTTPRequestHandler) -> None:
        """Wait for ``go``; a comment now and then finds out whether the page is still there."""
        for _ in range(int(WAIT_S / 0.02)):
            if self._go.acquire(timeout=0.02):
                return
            handler.wfile.write(b": waiting\n\n")
            handler.wfile.flush()


def said(text: str, **fields: Any) -> dict[str, Any]:
    """A chunk of OpenAI's dialect."""
    return {"model": "qwen3:8b", "choices": [{"index": 0, "delta": {"content": text, **fields}}]}


def used(prompt: int, completion: int) -> dict[str, Any]:
    """The chunk that ends a stream with its usage."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return {"model": "qwen3:8b", "choices": [], "usage": usage}
