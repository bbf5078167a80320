"""The shapes in which servers refuse a request: status, content type and body.

Each function is one server's shape; the words come from the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Sequence

JsonObject = dict[str, Any]
JSON = "application/json"


@dataclass(frozen=True)
class Refusal:
    status: int
    body: bytes
    content_type: str = JSON


def as_json(status: int, value: object, content_type: str = JSON) -> Refusal:
    return Refusal(status, jsontext.dumps(value), content_type)


def openai(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return as_json(status, {"error": error})


def deepseek(message: str) -> Refusal:
    """The type and the code are the same word (jcode#310); the content type is not JSON's (cc-switch-cli#170)."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_request_error"}
    return as_json(400, {"error": error}, "application/octet-stream")


def deepseek_old(message: str) -> Refusal:
    """422 and the parser's own words as plain text (chatbox#1740, langchain#29282)."""
    return Refusal(422, f"Failed to deserialize the JSON body into the target type: {message}".encode(), "text/plain")


def groq(message: str) -> Refusal:
    """Neither param nor code (AstrBot#5946)."""
    return as_json(400, {"error": {"message": message, "type": "invalid_request_error"}})


def cerebras(message: str, param: str = "validation_error") -> Refusal:
    """The error's own fields at the top, without an ``error`` around them (kilocode#10375)."""
    fields = {"message": message, "type": "invalid_request_error", "param": param, "code": "wrong_api_format"}
    return as_json(400, fields)


def llamacpp(message: str) -> Refusal:
    return _llamacpp(400, message, "invalid_request_error")


def llamacpp_500(message: str) -> Refusal:
    return _llamacpp(500, message, "server_error")


def _llamacpp(status: int, message: str, kind: str) -> Refusal:
    return as_json(status, {"error": {"code": status, "message": message, "type": kind}})


def text_error(message: str, status: int = 400) -> Refusal:
    """Ollama and LM Studio: the error is a text."""
    return as_json(status, {"error": message})


def ollama_inner(message: str, status: int = 500) -> Refusal:
    """Ollama hands on its runner's error as a text of JSON (ollama#18241)."""
    return text_error(llamacpp_500(message).body.decode(), status)


def lmstudio_template(message: str) -> Refusal:
    """LM Studio wraps what the template raised (lmstudio-bug-tracker#842)."""
    return text_error(
        f'Error rendering prompt with jinja template: "{message}".\n\nThis is usually an issue with the model\'s '
        "prompt template. If you are using a popular model, you can try to search the model under lmstudio-community, "
        "which will have fixed prompt templates."
    )


def vllm(message: str) -> Refusal:
    return as_json(400, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400}})


def vllm_old(message: str) -> Refusal:
    """Up to 0.9: the fields at the top, an ``object`` that says error (ms-agent#489, dots.ocr#61)."""
    fields = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
    return as_json(400, fields)


def minimax(message: str) -> Refusal:
    """The status as a text within the error (CodexPlusPlus#267)."""
    error = {"type": "bad_request_error", "message": message, "http_code": "400"}
    return as_json(400, {"type": "error", "error": error, "request_id": "0660b098aa1e9dd5a6773a48c479fc89"})


def minimax_200(message: str) -> Refusal:
    """The native endpoint: 200, and the reason in ``base_resp`` alone."""
    said = {"status_code": 2013, "status_msg": message.removesuffix(" (2013)")}
    return as_json(200, {"id": "0660b098aa1e9dd5", "choices": None, "created": 1_755_800_000, "base_resp": said})


def gemini(message: str) -> Refusal:
    """A list with one error (openhanako#394, opensquilla#225)."""
    return as_json(400, [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}])


def xai(message: str) -> Refusal:
    """A code in words and the error as a text."""
    return as_json(400, {"code": "Client specified an invalid argument", "error": message})


def dashscope(message: str) -> Refusal:
    """Alibaba's cloud for Qwen (Qwen3-VL#2069)."""
    error = {"message": message, "type": "invalid_request_error", "code": "invalid_parameter_error"}
    return as_json(400, {"error": error})


def openrouter(raw: bytes, provider: str) -> Refusal:
    """What OpenRouter makes of a provider's refusal: the words stand in ``metadata.raw`` alone (crush#279)."""
    metadata = {"raw": raw.decode(), "provider_name": provider}
    return as_json(400, {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}})


def fastapi(details: Sequence[JsonObject]) -> Refusal:
    """FastAPI's own answer to a body that is not of its model."""
    return as_json(422, {"detail": list(details)})


def mistral(message: str, kind: str = "invalid_request_error", code: str | None = None) -> Refusal:
    fields = {"object": "error", "message": message, "type": kind, "param": None, "code": code, "raw_status_code": 400}
    return as_json(400, fields)


def mistral_details(details: Sequence[JsonObject]) -> Refusal:
    """Mistral: FastAPI's details where the message should be (eca#231)."""
    fields = {"object": "error", "message": {"detail": list(details)}, "type": "invalid_request_error"}
    return as_json(422, {**fields, "param": None, "code": None})


def extra(location: Sequence[str | int], value: object) -> JsonObject:
    return {
        "type": "extra_forbidden",
        "loc": ["body", *location],
        "msg": "Extra inputs are not permitted",
        "input": value,
    }


def plain(status: int, text: str) -> Refusal:
    return Refusal(status, text.encode(), "text/plain; charset=utf-8")
