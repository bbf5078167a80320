"""The table (method, path) → handler.

A target is resolved once, so that key, handler and dialect are decided by the same bytes.
Model paths are matched in all variants that clients build from a base URL; management paths
are matched exactly.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from linx.handlers import stored_responses
from linx.handlers.answers import (
    anthropic,
    completions,
    embeddings,
    input_tokens,
    ollama,
    relay,
    responses,
    untranslated,
)
from linx.handlers.answers.generation import answer_chat
from linx.handlers.management import clients, events, metrics, page, replay, requests, tail, tunnel, upstream, usage
from linx.handlers.management import ollama as ollama_manage
from linx.handlers.management import status as admin
from linx.handlers.models import ollama as ollama_models
from linx.handlers.models import openai as models

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.server.reply import Reply
    from linx.server.request import Request

Handle = Callable[["Context", "Face", "Request", "Reply"], Awaitable[None]]
FACES = frozenset({"openai", "ollama", "ollama_generate", "anthropic", "responses", "completions"})
"""The dialects of clients, by the names under which ``app`` builds their faces."""
EITHER = "either"
"""For paths that OpenAI's and Anthropic's clients share; a header of the request tells which face is used."""
METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})
"""The methods that may have handlers. OPTIONS is answered here for every path."""
VARIANTS = ("", "/v1", "/v1/v1", "/api/v1", "/cursor/v1", "/openai", "/openai/v1")
_DEPLOYMENTS = "/openai/deployments/"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The handlers of one path, by method. The handler for GET also serves HEAD, unless HEAD has its own."""

    handlers: Mapping[str, Handle]
    face: str = "openai"
    is_open: bool = False
    """The path needs no key on the local listener."""
    is_management: bool = False
    is_list: bool = False
    """It tells what Linx knows, and no model is asked."""

    def __post_init__(self) -> None:
        if not self.handlers or not METHODS.issuperset(self.handlers):
            raise ValueError(f"an endpoint has handlers for some of {sorted(METHODS)}, and not {list(self.handlers)}")
        if self.face not in FACES and self.face != EITHER:
            raise ValueError(f"an endpoint speaks one of {sorted(FACES)}, and not {self.face!r}")

    def handler_for(self, method: str) -> Handle | None:
        return self.handlers.get(method) or (self.handlers.get("GET") if method == "HEAD" else None)

    @property
    def is_model_path(self) -> bool:
        """Is a model asked here? Such a request leaves a line in the log and a row in the ledger."""
        return not (self.is_open or self.is_management or self.is_list)

    @property
    def allowed(self) -> str:
        """The value of the Allow header."""
        methods = [
            *self.handlers,
            *(["HEAD"] if "GET" in self.handlers and "HEAD" not in self.handlers else []),
            "OPTIONS",
        ]
        return ", ".join(methods)


MODEL_PATHS: Mapping[str, Endpoint] = {
    "/chat/completions": Endpoint({"POST": answer_chat}),
    "/models": Endpoint({"GET": models.list_models}, EITHER, is_list=True),
    "/embeddings": Endpoint({"POST": embeddings.openai}),
    "/completions": Endpoint({"POST": completions.answer}, "completions"),
    "/responses": Endpoint({"POST": responses.answer}, "responses"),
    "/responses/input_tokens": Endpoint({"POST": input_tokens.count}, "responses"),
    "/messages": Endpoint({"POST": untranslated.answer}, "anthropic"),
    "/messages/count_tokens": Endpoint({"POST": anthropic.count_tokens}, "anthropic"),
    "/rerank": Endpoint({"POST": relay.answer}),
    "/reranking": Endpoint({"POST": relay.answer}),
    "/completion": Endpoint({"POST": relay.answer}),
    "/embedding": Endpoint({"POST": relay.answer}),
    "/apply-template": Endpoint({"POST": relay.answer}),
    "/props": Endpoint({"GET": relay.look}),
    "/slots": Endpoint({"GET": relay.look}),
    "/infill": Endpoint({"POST": relay.answer}),
    "/tokenize": Endpoint({"POST": relay.answer}),
    "/detokenize": Endpoint({"POST": relay.answer}),
}
MODEL_PREFIXES: Mapping[str, Endpoint] = {
    "/models/": Endpoint({"GET": models.show_model}, EITHER, is_list=True),
    "/responses/": Endpoint(
        {"GET": stored_responses.show, "DELETE": stored_responses.delete, "POST": stored_responses.cancel},
        "responses",
        is_list=True,
    ),
    "/audio/": Endpoint({"POST": relay.answer}),
    "/images/": Endpoint({"POST": relay.answer}),
}
OLLAMA_PATHS: Mapping[str, Endpoint] = {
    "/api/version": Endpoint({"GET": ollama_models.version}, "ollama", is_list=True),
    "/api/tags": Endpoint({"GET": ollama_models.tags}, "ollama", is_list=True),
    "/api/ps": Endpoint({"GET": ollama_models.ps}, "ollama", is_list=True),
    "/api/show": Endpoint({"POST": ollama_models.show}, "ollama", is_list=True),
    "/api/chat": Endpoint({"POST": ollama.answer}, "ollama"),
    "/api/generate": Endpoint({"POST": ollama.answer}, "ollama_generate"),
    "/api/embed": Endpoint({"POST": embeddings.ollama}, "ollama"),
    "/api/embeddings": Endpoint({"POST": embeddings.ollama_old}, "ollama"),
    "/api/pull": Endpoint({"POST": ollama_manage.to_first}, "ollama", is_management=True),
    "/api/create": Endpoint({"POST": ollama_manage.to_first}, "ollama", is_management=True),
    "/api/push": Endpoint({"POST": ollama_manage.to_owner}, "ollama", is_management=True),
    "/api/copy": Endpoint({"POST": ollama_manage.to_owner}, "ollama", is_management=True),
    "/api/delete": Endpoint({"DELETE": ollama_manage.to_owner}, "ollama", is_management=True),
    "/api/me": Endpoint({"POST": ollama_manage.account}, "ollama", is_management=True),
    "/api/signout": Endpoint({"POST": ollama_manage.account}, "ollama", is_management=True),
    "/api/status": Endpoint({"GET": ollama_manage.cloud_status}, "ollama", is_list=True),
}
OLLAMA_EXPERIMENTAL = Endpoint(
    {"GET": ollama_manage.account, "POST": ollama_manage.account}, "ollama", is_management=True
)
OLLAMA_BLOBS = Endpoint({"HEAD": ollama_manage.blob, "POST": ollama_manage.blob}, "ollama", is_management=True)
UPSTREAM = "/upstream/"
ANY_UPSTREAM = Endpoint({"GET": upstream.relay, "POST": upstream.relay}, EITHER, is_management=True)
PAGE = Endpoint({"GET": page.show}, is_open=True, is_management=True)
ONE_REQUEST = Endpoint({"GET": requests.show, "POST": replay.act}, is_management=True)
HEALTH = Endpoint({"GET": admin.healthz}, is_open=True)
EXACT_PATHS: Mapping[str, Endpoint] = {
    "/": Endpoint({"GET": page.front}, "ollama", is_open=True),
    "/api/hello": Endpoint({"HEAD": anthropic.hello}, "anthropic", is_open=True),
    "/healthz": HEALTH,
    "/health": HEALTH,
    "/v1/health": HEALTH,
    "/metrics": Endpoint({"GET": metrics.metrics}, is_management=True),
    "/v1/providers/status": Endpoint({"GET": admin.providers_status}, is_management=True),
    page.PATH: PAGE,
    page.PATH + "/": PAGE,
    "/linx/events": Endpoint({"GET": events.events}, is_management=True),
    "/linx/clients": Endpoint({"GET": clients.show}, is_management=True),
    "/linx/requests": Endpoint({"GET": requests.list_all}, is_management=True),
    "/linx/usage": Endpoint({"GET": usage.show}, is_management=True),
    "/linx/tail": Endpoint({"GET": tail.follow}, is_management=True),
    "/linx/reload": Endpoint({"POST": admin.reload_config}, is_management=True),
    "/api/tunnel/start": Endpoint({"POST": tunnel.start}, is_management=True),
    "/api/tunnel/stop": Endpoint({"POST": tunnel.stop}, is_management=True),
    "/api/tunnel/status": Endpoint({"GET": tunnel.status}, is_management=True),
}
LOCAL_PATHS = frozenset(EXACT_PATHS) - {"/", "/api/hello"}
"""Paths that are not served through the tunnel, even with the right key; nor is any other management path."""


def _table() -> dict[str, Endpoint]:
    rows = list(EXACT_PATHS.items())
    for path, endpoint in OLLAMA_PATHS.items():
        rows += ((path, endpoint), (path + "/", endpoint))
    for path, endpoint in MODEL_PATHS.items():
        for variant in VARIANTS:
            rows += ((variant + path, endpoint), (variant + path + "/", endpoint))
    table = dict(rows)
    if len(table) != len(rows):
        raise ValueError("two endpoints for one path")
    return table


TABLE = _table()
PREFIXES = (
    *((variant + prefix, endpoint) for prefix, endpoint in MODEL_PREFIXES.items() for variant in reversed(VARIANTS)),
    ("/api/blobs/", OLLAMA_BLOBS),
    ("/api/experimental/", OLLAMA_EXPERIMENTAL),
    (UPSTREAM, ANY_UPSTREAM),
    (page.PATH + "/", PAGE),
    (requests.PATH, ONE_REQUEST),
)

_NAMED = re.compile(
    "([^/].*?)({}|(?:{})[^/]+)/?".format(
        "|".join(map(re.escape, MODEL_PATHS)), "|".join(map(re.escape, MODEL_PREFIXES.keys() - {"/models/"}))
    )
)
"""A model and the path that is asked of it, behind _DEPLOYMENTS."""


class Resolved(msgspec.Struct, frozen=True):
    """A target, taken apart and looked up."""

    path: str
    """The path without the key in front of it, and without Azure's name of the model in it."""
    key: bytes | None
    endpoint: Endpoint | None
    """None if Linx has no such path."""
    face: str
    """The dialect in which the client is answered, also for a path that Linx does not have."""
    model: str = ""
    """The model that the path names; "" if it names none."""


def resolve(path: str, *, is_anthropic: bool) -> Resolved:
    """``path`` is raw and without its query; ``is_anthropic`` tells of the header that Anthropic's clients send."""
    key, path = split_key(path)
    path = without_doubled_slash(path)
    path, model = split_deployment(path)
    endpoint = find(path)
    return Resolved(path, key, endpoint, _face_of(path, endpoint, is_anthropic=is_anthropic), model)


def split_key(path: str) -> tuple[bytes | None, str]:
    """Take ``/k/KEY`` off the front of a path; KEY is percent-decoded once."""
    if not path.startswith("/k/"):
        return None, path
    key, slash, rest = path[3:].partition("/")
    if not key:
        return None, path
    return unquote_to_bytes(key), slash + rest or "/"


def split_deployment(path: str) -> tuple[str, str]:
    """``/openai/chat/completions`` and ``NAME`` for ``/openai/deployments/NAME/chat/completions``, as Azure has it.

    A name may hold slashes, raw or percent-encoded: openai-python writes that of ``azure_deployment`` as it is.
    """
    if not path.startswith(_DEPLOYMENTS):
        return path, ""
    named = _NAMED.fullmatch(path, len(_DEPLOYMENTS))
    return (path, "") if named is None else ("/openai" + named[2], unquote(named[1]))


def without_doubled_slash(path: str) -> str:
    """``/api/chat`` for ``//api/chat``, as clients write it whose base URL ends in a slash.

    Ollama redirects such a path; not every client follows. Paths that are matched exactly stay as they are.
    """
    if not path.startswith("//"):
        return path
    single = "/" + path.lstrip("/")
    return path if single in EXACT_PATHS or single.rstrip("/") in EXACT_PATHS else single


def find(path: str) -> Endpoint | None:
    endpoint = TABLE.get(path)
    if endpoint is not None:
        return endpoint
    for prefix, candidate in PREFIXES:
        if path.startswith(prefix) and len(path) > len(prefix):
            return candidate
    return None


def _face_of(path: str, endpoint: Endpoint | None, *, is_anthropic: bool) -> str:
    if endpoint is not None and endpoint.face != EITHER:
        return endpoint.face
    if endpoint is ANY_UPSTREAM:
        inner = upstream.inner_path(path)
        return _face_of(inner, None if inner.startswith(UPSTREAM) else find(inner), is_anthropic=is_anthropic)
    if is_anthropic or "/messages/" in path:
        return "anthropic"
    if path.startswith("/api/") and not path.startswith("/api/v1"):
        return "ollama"
    return "openai"
