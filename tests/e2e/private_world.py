"""Every road on which a client's text may go to a provider, and a place in each for a text that can be found again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.e2e.http_client import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.e2e.http_client import Answer
    from tests.fakes.catalogue import Kind

BOUNDARY = "XfrontierX"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
CHAT: tuple[Kind, ...] = ("openai", "ollama", "llamacpp", "anthropic")


@dataclass(frozen=True)
class Road:
    """``body`` makes the request of a model's name and a text. ``kinds``: the providers that can be asked by it."""

    path: str
    body: Callable[[str, str], Any]
    kinds: tuple[Kind, ...] = CHAT
    headers: Mapping[str, str] | None = None
    method: str = "POST"
    is_unnamed: bool = False
    """Does Linx look for no model's name in the body?"""

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (" unnamed" if self.is_unnamed else "")

    async def ask(self, port: int, model: str, text: str, **headers: str) -> Answer:
        path = self.path.replace("DIGEST", "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        fields = {**(self.headers or {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await ask(port, path, self.body(model, text), method=self.method, headers=fields)


def messages(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def form(model: str, text: str) -> bytes:
    mark, field = f"--{BOUNDARY}\r\n", "Content-Disposition: form-data; name="
    named = f'{mark}{field}"model"\r\n\r\n{model}\r\n'
    file = f'{mark}{field}"file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n{text}\r\n'
    return f"{named}{file}--{BOUNDARY}--\r\n".encode()


def _anthropic(model: str, text: str) -> Any:
    return {"model": model, "max_tokens": 9, "messages": messages(text)}


OLLAMA: tuple[Kind, ...] = ("ollama",)
LLAMACPP: tuple[Kind, ...] = ("llamacpp",)
OPENAI: tuple[Kind, ...] = ("openai",)
COMPLETES: tuple[Kind, ...] = ("openai", "ollama", "llamacpp")
ROADS = (
    Road("/v1/chat/completions", lambda m, t: {"model": m, "messages": messages(t)}),
    Road("/v1/chat/completions", lambda m, t: {"model": m, "messages": messages(t), "stream": True}),
    Road("/cursor/v1/chat/completions", lambda m, t: {"model": m, "input": t}),
    Road("/v1/completions", lambda m, t: {"model": m, "prompt": t, "max_tokens": 9}, COMPLETES),
    Road("/v1/completions", lambda m, t: {"model": m, "prompt": ["a", t], "n": 2, "stream": True}, COMPLETES),
    Road("/v1/embeddings", lambda m, t: {"model": m, "input": [t]}, ("openai", "ollama")),
    Road("/v1/responses", lambda m, t: {"model": m, "input": t}),
    Road("/v1/responses", lambda m, t: {"model": m, "input": t, "stream": True, "include": ["x"]}),
    Road("/v1/responses/input_tokens", lambda m, t: {"model": m, "input": t}, LLAMACPP),
    Road("/v1/messages", _anthropic),
    Road("/v1/messages", lambda m, t: {**_anthropic(m, t), "stream": True, "container": "c"}, ("anthropic",)),
    Road("/v1/messages/count_tokens", _anthropic, ("anthropic", "llamacpp")),
    Road("/infill", lambda m, t: {"model": m, "input_prefix": t}, LLAMACPP),
    Road("/tokenize", lambda m, t: {"model": m, "content": t}, LLAMACPP),
    Road("/infill", lambda _, t: {"input_prefix": t}, LLAMACPP, is_unnamed=True),
    Road("/tokenize", lambda _, t: {"content": t}, LLAMACPP, is_unnamed=True),
    Road("/detokenize", lambda _, t: {"tokens": [1], "note": t}, LLAMACPP, is_unnamed=True),
    Road("/v1/rerank", lambda m, t: {"model": m, "query": t, "documents": ["a"]}, OPENAI),
    Road("/v1/images/generations", lambda m, t: {"model": m, "prompt": t}, OPENAI),
    Road("/v1/audio/speech", lambda m, t: {"model": m, "input": t}, OPENAI),
    Road("/v1/audio/transcriptions", form, OPENAI, FORM),
    Road("/api/chat", lambda m, t: {"model": m, "messages": messages(t)}),
    Road("/api/chat", lambda m, t: {"model": m, "messages": messages(t), "stream": False}),
    Road("/api/generate", lambda m, t: {"model": m, "prompt": t, "system": t}),
    Road("/api/generate", lambda m, t: {"model": m, "prompt": t, "raw": True}, COMPLETES),
    Road("/api/embed", lambda m, t: {"model": m, "input": t}, ("openai", "ollama")),
    Road("/api/embeddings", lambda m, t: {"model": m, "prompt": t}, ("openai", "ollama")),
    Road("/api/show", lambda m, t: {"model": m, "system": t}, OLLAMA),
    Road("/api/create", lambda m, t: {"model": "made", "from": m, "system": t}, OLLAMA, is_unnamed=True),
    Road("/api/pull", lambda _, t: {"model": t}, OLLAMA, is_unnamed=True),
    Road("/api/push", lambda m, t: {"model": m, "note": t}, OLLAMA),
    Road("/api/copy", lambda m, t: {"source": m, "destination": t}, OLLAMA),
    Road("/api/delete", lambda m, t: {"model": m, "note": t}, OLLAMA, method="DELETE"),
    Road("/api/blobs/DIGEST", lambda _, t: t.encode(), OLLAMA, is_unnamed=True),
    Road("/api/experimental/web_search", lambda _, t: {"query": t}, OLLAMA, is_unnamed=True),
    Road("/api/me", lambda _, t: {"note": t}, OLLAMA, is_unnamed=True),
    Road("/api/signout", lambda _, t: {"note": t}, OLLAMA, is_unnamed=True),
)
ON_ITS_DISK = ("/api/create", "/api/push", "/api/copy", "/api/delete")
"""What an Ollama does with the few lines that its disk has of a cloud model (ollama's server/create.go)."""
FOR_THE_CLOUD = "/api/experimental/"
"""What an Ollama passes on to its cloud (webExperimentalProxyHandler in ollama's server/routes.go)."""
