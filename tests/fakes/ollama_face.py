"""How a /v1 endpoint of Ollama reads a body and words a refusal.

An error of the middleware itself is gin's JSON; one of the handler behind it is
``application/json`` with a newline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes import ollama_names, ollama_run
from tests.fakes.ollama_json import GoError, Shape, decoded, go_dumps, parsed
from tests.fakes.ollama_refusals import JSON_TYPE, PLAIN_JSON
from tests.fakes.wire import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.catalogue import JsonObject
    from tests.fakes.exchange import Exchange
    from tests.fakes.provider import FakeProvider

_ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error"}
_ANTHROPIC_TYPES = {
    **_ERROR_TYPES,
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def openai_error(status: int, message: str) -> JsonObject:
    kind = _ERROR_TYPES.get(status, "api_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def anthropic_error(status: int, message: str) -> JsonObject:
    kind = _ANTHROPIC_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}


class Face:
    """How one family of endpoints reads a body and words a refusal."""

    def __init__(self, error: Callable[[int, str], JsonObject]) -> None:
        self._error = error

    def refuse(self, message: str, status: int = 400) -> RequestRefused:
        return RequestRefused(status, go_dumps(self._error(status, message)), content_type=JSON_TYPE)

    def bound(self, exchange: Exchange, shape: Shape) -> JsonObject:
        try:
            return decoded(exchange.body, shape)
        except GoError as error:
            raise self.refuse(str(error)) from None

    def line(self, status: int, message: str) -> bytes:
        return go_dumps(self._error(status, message)) + b"\n"

    def passed_on(self, refused: RequestRefused) -> RequestRefused:
        """A refusal of the handler behind this face."""
        message = parsed(bytes(refused.body))["error"]  # type: ignore[call-overload]  # Ollama's are bytes
        return RequestRefused(refused.status, self.line(refused.status, message), content_type=PLAIN_JSON)

    def through(self, provider: FakeProvider, exchange: Exchange, model: str, work: Callable[[], Any]) -> Any:
        """The work of the handler behind. A ``:cloud`` name is passed on as it is, errors too."""
        if ollama_names.reference(model).source == "cloud":
            ollama_run.check_cloud(provider.ollama, exchange.path)
        try:
            return work()
        except RequestRefused as refused:
            raise self.passed_on(refused) from None


OPENAI, ANTHROPIC = Face(openai_error), Face(anthropic_error)
