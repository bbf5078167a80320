"""Which routes a real Ollama has, and how its router answers everything else (gin, and Go's ServeMux)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes import ollama_api, ollama_faces, ollama_manage
from tests.fakes.scripted import Answer, Whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.exchange import Exchange, Response
    from tests.fakes.provider import FakeProvider

    Endpoint = Callable[[FakeProvider, Exchange, Answer], Response]

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/": {"GET": ollama_api.root, "HEAD": ollama_api.root},
    "/api/version": {"GET": ollama_api.version, "HEAD": ollama_api.version},
    "/api/status": {"GET": ollama_api.status},
    "/api/tags": {"GET": ollama_api.tags, "HEAD": ollama_api.tags},
    "/api/ps": {"GET": ollama_api.ps},
    "/api/show": {"POST": ollama_api.show},
    "/api/chat": {"POST": ollama_api.chat},
    "/api/generate": {"POST": ollama_api.generate},
    "/api/embed": {"POST": ollama_api.embed},
    "/api/embeddings": {"POST": ollama_api.embeddings},
    "/api/pull": {"POST": ollama_manage.pull},
    "/api/push": {"POST": ollama_manage.push},
    "/api/create": {"POST": ollama_manage.create},
    "/api/copy": {"POST": ollama_manage.copy},
    "/api/delete": {"DELETE": ollama_manage.delete},
    "/api/blobs/*": {"POST": ollama_manage.post_blob, "HEAD": ollama_manage.head_blob},
    "/api/me": {"POST": ollama_api.me},
    "/api/signout": {"POST": ollama_api.signout},
    "/api/user/keys/*": {"DELETE": ollama_api.signout},
    "/api/experimental/model-recommendations": {"GET": ollama_api.recommendations},
    "/api/experimental/web_search": {"POST": ollama_api.web("/api/web_search")},
    "/api/experimental/web_fetch": {"POST": ollama_api.web("/api/web_fetch")},
    "/v1/models": {"GET": ollama_faces.models},
    "/v1/models/*": {"GET": ollama_faces.model},
    "/v1/chat/completions": {"POST": ollama_faces.chat},
    "/v1/completions": {"POST": ollama_faces.completions},
    "/v1/embeddings": {"POST": ollama_faces.embeddings},
    "/v1/responses": {"POST": ollama_faces.responses},
    "/v1/messages": {"POST": ollama_faces.messages},
}


def _route(path: str) -> Mapping[str, Endpoint] | None:
    if path in ROUTES:
        return ROUTES[path]
    head, _, last = path.rpartition("/")
    return ROUTES.get(f"{head}/*") if last else None


def _redirect(exchange: Exchange, path: str, status: int, words: str) -> Response:
    """Only who got the page with GET or HEAD is shown a page."""
    where = [("Location", path)]
    if exchange.method not in ("GET", "HEAD"):
        return Whole(status, b"", "", where)
    page = f'<a href="{path}">{words}</a>.\n\n'
    return Whole(status, page.encode(), "text/html; charset=utf-8", where)


def _text(status: int, words: str, allow: str | None = None) -> Whole:
    return Whole(status, words.encode(), "text/plain", [("Allow", allow)] if allow else [])


def respond(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    """Raises RequestRefused."""
    path = exchange.path
    if "//" in path:
        return _redirect(exchange, re.sub("/+", "/", path), 307, "Temporary Redirect")
    methods = _route(path)
    if methods is None and path.endswith("/") and _route(path.rstrip("/")) is not None:
        if exchange.method == "GET":
            return _redirect(exchange, path.rstrip("/"), 301, "Moved Permanently")
        return _redirect(exchange, path.rstrip("/"), 307, "Temporary Redirect")
    if methods is None:
        return _text(404, "404 page not found")
    if exchange.method not in methods:
        return _text(405, "405 method not allowed", ", ".join(methods))
    return methods[exchange.method](provider, exchange, answer)
