"""Ollama's refusals: one place for the content type, the nesting and the words that recur."""

from __future__ import annotations

from tests.fakes.ollama_json import go_dumps
from tests.fakes.wire import RequestRefused

JSON_TYPE = "application/json; charset=utf-8"
"""gin's JSON. What is written past gin (streams, progress, /v1) says ``application/json``."""
PLAIN_JSON = "application/json"

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the "
    "context length in settings, or use a model with a longer context length"
)
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
NO_IMAGES = "Multimodal data provided, but model does not support multimodal requests."


def refused(message: str, status: int = 400, *, content_type: str = JSON_TYPE, **more: object) -> RequestRefused:
    return RequestRefused(status, go_dumps({"error": message, **more}), content_type=content_type)


def runner_refused(
    message: str, kind: str = "invalid_request_error", *, content_type: str = JSON_TYPE, **more: int
) -> RequestRefused:
    """llama-server's own error, which Ollama hands on as text inside its own."""
    inner = {"error": {"code": 400, "message": message, "type": kind, **more}}
    return refused(go_dumps(inner).decode(), content_type=content_type)


def not_found(name: str) -> RequestRefused:
    return refused(f"model '{name}' not found", 404)


def not_pulled(name: str) -> RequestRefused:
    return refused(f'model "{name}" not found, try pulling it first', 404)


def unreachable(method: str, url: str) -> str:
    host = url.partition("//")[2].partition("/")[0].partition(":")[0]
    return f'{method} "{url}": dial tcp: lookup {host} on 127.0.0.53:53: no such host'


def not_signed_in() -> RequestRefused:
    url = "https://ollama.com/connect?name=fake&key=c3NoLWVkMjU1MTkgQUFBQQ"
    return refused("unauthorized", 401, signin_url=url)
