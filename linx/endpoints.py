"""The table (method, path) → handler, and the only place where a LinxError is put into words.

What a handler raises is answered here; what the server itself has to say (of a head that
cannot be read, of a request that was stopped) it says in the ``words`` of this table.

A target is read once, byte for byte: the same text decides about the key and about the
handler. Model paths come in the variants that clients build from a base URL; management
paths are matched exactly.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import trio

from linx.core import jsontext
from linx.core.errors import Forbidden, LinxError, MethodNotAllowed, UnknownEndpoint, quote
from linx.dialects.base import status_of
from linx.handlers.answers import anthropic, completions, embeddings, ollama, relay
from linx.handlers.answers import untranslated as native
from linx.handlers.answers.generation import answer_chat
from linx.handlers.management import metrics, tunnel
from linx.handlers.management import ollama as ollama_manage
from linx.handlers.management import status as admin
from linx.handlers.models import ollama as ollama_models
from linx.handlers.models import openai as models

if TYPE_CHECKING:
    from linx.access import Access
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.request import Reply, Request

Handle = Callable[["Context", "Face", "Request", "Reply"], Awaitable[None]]
EITHER = "either"
"""The face of what OpenAI's and Anthropic's clients ask on the same path; a header tells them apart."""
USUAL_ID_HEADERS = (b"x-request-id",)
ID_HEADERS: Mapping[str, tuple[bytes, ...]] = {"anthropic": (*USUAL_ID_HEADERS, b"request-id")}
"""By dialect: under which names the id of a request goes into the head of its answer."""
_AUTHORITY = re.compile(rb"^http://[^/?]*", re.IGNORECASE)
VARIANTS = ("", "/v1", "/v1/v1", "/api/v1", "/cursor/v1")

log = logging.getLogger("linx.endpoints")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers one path. ``handlers`` is by method; HEAD goes where GET goes."""

    handlers: Mapping[str, Handle]
    face: str = "openai"
    is_open: bool = False
    """Needs no key."""
    is_management: bool = False

    @property
    def allowed(self) -> str:
        methods = [
            *self.handlers,
            *(["HEAD"] if "GET" in self.handlers and "HEAD" not in self.handlers else []),
            "OPTIONS",
        ]
        return ", ".join(methods)


MODEL_PATHS: Mapping[str, Endpoint] = {
    "/chat/completions": Endpoint({"POST": answer_chat}),
    "/models": Endpoint({"GET": models.list_models}, EITHER),
    "/embeddings": Endpoint({"POST": embeddings.openai}),
    "/completions": Endpoint({"POST": completions.answer}, "completions"),
    "/responses": Endpoint({"POST": native.answer}, "responses"),
    "/messages": Endpoint({"POST": native.answer}, "anthropic"),
    "/messages/count_tokens": Endpoint({"POST": anthropic.count_tokens}, "anthropic"),
    "/rerank": Endpoint({"POST": relay.answer}),
    "/reranking": Endpoint({"POST": relay.answer}),
    "/infill": Endpoint({"POST": relay.answer}),
    "/tokenize": Endpoint({"POST": relay.answer}),
    "/detokenize": Endpoint({"POST": relay.answer}),
}
MODEL_PREFIXES: Mapping[str, Endpoint] = {
    "/models/": Endpoint({"GET": models.show_model}, EITHER),
    "/audio/": Endpoint({"POST": relay.answer}),
    "/images/": Endpoint({"POST": relay.answer}),
}
OLLAMA_PATHS: Mapping[str, Endpoint] = {
    "/api/version": Endpoint({"GET": ollama_models.version}, "ollama"),
    "/api/tags": Endpoint({"GET": ollama_models.tags}, "ollama"),
    "/api/ps": Endpoint({"GET": ollama_models.ps}, "ollama"),
    "/api/show": Endpoint({"POST": ollama_models.show}, "ollama"),
    "/api/chat": Endpoint({"POST": ollama.answer}, "ollama"),
    "/api/generate": Endpoint({"POST": ollama.answer}, "ollama_generate"),
    "/api/embed": Endpoint({"POST": embeddings.ollama}, "ollama"),
    "/api/embeddings": Endpoint({"POST": embeddings.ollama_old}, "ollama"),
    "/api/pull": Endpoint({"POST": ollama_manage.to_first}, "ollama", is_management=True),
    "/api/create": Endpoint({"POST": ollama_manage.to_first}, "ollama", is_management=True),
    "/api/push": Endpoint({"POST": ollama_manage.to_owner}, "ollama", is_management=True),
    "/api/copy": Endpoint({"POST": ollama_manage.to_owner}, "ollama", is_management=True),
    "/api/delete": Endpoint({"DELETE": ollama_manage.to_owner}, "ollama", is_management=True),
}
OLLAMA_BLOBS = Endpoint({"HEAD": ollama_manage.blob, "POST": ollama_manage.blob}, "ollama", is_management=True)
EXACT_PATHS: Mapping[str, Endpoint] = {
    "/": Endpoint({"GET": ollama.greet}, "ollama", is_open=True),
    "/api/hello": Endpoint({"HEAD": anthropic.hello}, "anthropic", is_open=True),
    "/healthz": Endpoint({"GET": admin.healthz}, is_open=True),
    "/metrics": Endpoint({"GET": metrics.metrics}, is_management=True),
    "/v1/providers/status": Endpoint({"GET": admin.providers_status}, is_management=True),
    "/linx/requests": Endpoint({"GET": admin.list_requests}, is_management=True),
    "/linx/reload": Endpoint({"POST": admin.reload_config}, is_management=True),
    "/api/tunnel/start": Endpoint({"POST": tunnel.start}, is_management=True),
    "/api/tunnel/stop": Endpoint({"POST": tunnel.stop}, is_management=True),
    "/api/tunnel/status": Endpoint({"GET": tunnel.status}, is_management=True),
}
LOCAL_PATHS = frozenset(EXACT_PATHS) - {"/", "/api/hello"}
"""Not served through the tunnel, whoever asks; and no other path of management is."""


def _table() -> dict[str, Endpoint]:
    table = dict(EXACT_PATHS)
    for path, endpoint in OLLAMA_PATHS.items():
        table[path] = table[path + "/"] = endpoint
    for path, endpoint in MODEL_PATHS.items():
        for variant in VARIANTS:
            table[variant + path] = endpoint
            table[variant + path + "/"] = endpoint
    return table


TABLE = _table()
PREFIXES = (
    *((variant + prefix, endpoint) for prefix, endpoint in MODEL_PREFIXES.items() for variant in reversed(VARIANTS)),
    ("/api/blobs/", OLLAMA_BLOBS),
)


class Endpoints:
    """The server's handler for one listener."""

    def __init__(self, context: Context, access: Access, faces: Callable[[], Mapping[str, Face]]) -> None:
        self.context = context
        self.access = access
        self.faces = faces

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request, whatever comes of it; only a bug or a hang-up gets out."""
        path_key, path = split_key(request.path)
        endpoint = find(path)
        faces = self.faces()
        face = faces[face_of(path, endpoint, request)]
        try:
            await self._answer(request, reply, path, path_key, endpoint, face)
        except LinxError as error:
            await self._refuse(request, reply, face, error)

    async def _answer(
        self,
        request: Request,
        reply: Reply,
        path: str,
        path_key: bytes | None,
        endpoint: Endpoint | None,
        face: Face,
    ) -> None:
        reply.common = [(name, request.id.encode()) for name in ID_HEADERS.get(face.name, USUAL_ID_HEADERS)]
        is_management = endpoint is not None and endpoint.is_management
        reply.common += self.access.check(
            request,
            path_key,
            is_open=endpoint is not None and endpoint.is_open,
            is_management=is_management,
            now=trio.current_time(),
        )
        if self.access.policy.model_paths_only and (is_management or path in LOCAL_PATHS):
            raise Forbidden("This path is not served through the tunnel.")
        if endpoint is None:
            if request.method == "OPTIONS" and path == "*":
                await reply.whole(204, b"", headers=((b"allow", b"GET, HEAD, POST, OPTIONS"),))
                return
            raise UnknownEndpoint(f"Linx has no path {quote(path)!r}. GET /v1/models lists the models to ask for.")
        handle = endpoint.handlers.get(request.method)
        if handle is None and request.method == "HEAD":
            handle = endpoint.handlers.get("GET")
        if handle is None:
            if request.method == "OPTIONS":
                await reply.whole(204, b"", headers=((b"allow", endpoint.allowed.encode()),))
                return
            raise MethodNotAllowed(
                f"{quote(request.method)} is not for {quote(path)}; it takes {endpoint.allowed}.", endpoint.allowed
            )
        request.path = path
        await handle(self.context, face, request, reply)

    async def _refuse(self, request: Request, reply: Reply, face: Face, error: LinxError) -> None:
        """Tell the client in its own dialect: as an answer, or in band once the answer has begun."""
        if error.status >= 500:
            log.warning("%s %s: %s", request.method, quote(request.path), error)
        if reply.started:
            if reply.on_error is not None:
                await reply.end(reply.on_error(error))
            else:
                reply.abort()
            return
        body = jsontext.dumps_ascii(face.error_body(error, request.id))
        await reply.whole(status_of(face, error), body, headers=_error_headers(error))

    def words(self, error: LinxError, request_id: str, target: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """An error that the server answers by itself, in the dialect of the path as far as that is known."""
        _key, path = split_key(_AUTHORITY.sub(b"", target).partition(b"?")[0].decode("latin-1"))
        face = self.faces()[_dialect(path, find(path), is_anthropic=False)]
        headers = [(name, request_id.encode()) for name in ID_HEADERS.get(face.name, USUAL_ID_HEADERS)]
        body = jsontext.dumps_ascii(face.error_body(error, request_id))
        return status_of(face, error), headers + _error_headers(error), body


def _error_headers(error: LinxError) -> list[tuple[bytes, bytes]]:
    headers = list(error.headers)
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
    if error.may_retry is not None:
        headers.append((b"x-should-retry", b"true" if error.may_retry else b"false"))
    return headers


def split_key(path: str) -> tuple[bytes | None, str]:
    """Take ``/k/KEY`` off the front of a path; KEY is percent-decoded once."""
    if not path.startswith("/k/"):
        return None, path
    key, slash, rest = path[3:].partition("/")
    if not key:
        return None, path
    return unquote_to_bytes(key), slash + rest or "/"


def find(path: str) -> Endpoint | None:
    endpoint = TABLE.get(path)
    if endpoint is not None:
        return endpoint
    for prefix, candidate in PREFIXES:
        if path.startswith(prefix) and len(path) > len(prefix):
            return candidate
    return None


def face_of(path: str, endpoint: Endpoint | None, request: Request) -> str:
    """Which dialect a client speaks, also one that asks for a path Linx does not have."""
    return _dialect(path, endpoint, is_anthropic=request.header(b"anthropic-version") is not None)


def _dialect(path: str, endpoint: Endpoint | None, *, is_anthropic: bool) -> str:
    if endpoint is not None and endpoint.face != EITHER:
        return endpoint.face
    if is_anthropic or "/messages/" in path:
        return "anthropic"
    if path.startswith("/api/") and not path.startswith("/api/v1"):
        return "ollama"
    return "openai"
