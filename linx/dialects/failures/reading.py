"""Gathers what a provider says in an error, whatever shape it says it in.

OpenAI, Ollama, Anthropic, FastAPI, Cloudflare, MiniMax and OpenRouter each keep their texts under other names, and wrap
each other's errors: an Ollama string may hold the JSON of its inner server, OpenRouter's ``raw`` that of the provider
behind it. So the known names are followed at any depth, and everything is bounded, since an error is untrusted input
like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from linx.core import jsontext

MAX_SEARCHED = 4096  # characters per text that are kept and looked through
MAX_WORDS = 8192  # characters of all texts together that are looked through
_MAX_BODY = 256 * 1024  # bytes of an error body worth parsing
_MAX_TEXTS = 12
_MAX_LABEL = 80  # characters of a type or code
_MAX_DEPTH = 6  # of errors in errors; real ones come three deep

_SIGNIN_URL = re.compile(r"https?://[!-~]{1,2000}")

STATUS_OF = {
    "api_error": 500,
    "authentication": 401,
    "authentication_error": 401,
    "deadline_exceeded": 504,
    "failed_precondition": 400,
    "internal": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "invalid_argument": 400,
    "invalid_prompt": 400,
    "invalid_request": 400,
    "invalid_request_error": 400,
    "not_found": 404,
    "not_found_error": 404,
    "not_supported_error": 501,
    "overloaded": 503,
    "overloaded_error": 529,
    "permission_denied": 403,
    "permission_error": 403,
    "provider_overloaded": 503,
    "provider_unavailable": 502,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "resource_exhausted": 429,
    "server": 500,
    "server_error": 500,
    "service_unavailable": 503,
    "timeout": 504,
    "timeout_error": 504,
    "too_many_requests": 429,
    "unauthenticated": 401,
    "unavailable": 503,
    "unavailable_error": 503,
    "unprocessable_entity": 422,
}
"""The words that providers use for a status, in ``type``, ``code``, ``status`` or ``error_type``."""

_TEXT_FIELDS = (
    "error",
    "errors",
    "message",
    "msg",
    "detail",
    "details",
    "status_msg",
    "error_description",
    "error_message",
    "error_msg",
    "title",
    "raw",
    "choices",
)
_LABEL_FIELDS = ("code", "error_code", "type", "status", "status_code", "http_status")
_INNER_FIELDS = ("metadata", "availability", "base_resp")
_ERROR_FIELDS = ("error", "errors", "message", "msg", "detail", "error_description")
"""What an object behind a few words must have to be an error, and not what the words are about (a schema, say)."""

_STATUS_OF_MINIMAX = {
    1000: 500, 1001: 504, 1002: 429, 1004: 401, 1008: 402, 1013: 500, 1024: 500, 1026: 400, 1027: 400, 1033: 500,
    1039: 429, 1041: 429, 1042: 400, 2013: 400, 2049: 401, 2056: 429,
}  # fmt: skip
"""By the ``status_code`` in MiniMax's ``base_resp``, as its page of error codes has them."""
_MODERATED_BY_MINIMAX = (1026, 1027)  # of the prompt, of the answer
_NO_ERROR_CODES = (None, "", 0, 200, "0", "200", "ok", "success")


@dataclass(slots=True)
class Reading:
    """What an error says, gathered from all its fields."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    """Its types and codes in lower case, outermost first."""
    codes: list[str] = field(default_factory=list)
    """The same as they were sent, but without those that are too long for a word."""
    error_type: int | None = None
    """The status that OpenRouter's ``error_type`` stands for."""
    status: int | None = None
    param: str | None = None
    signin_url: str | None = None
    """Where Ollama wants its user to sign in."""
    wait: object = None
    """The value of ``retry_after``, as it was sent."""
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None
    """llama.cpp's counts of a prompt that does not fit."""
    reset: object = None
    """The value of ``X-RateLimit-Reset`` among the headers that OpenRouter repeats in its error."""
    has_upstream: bool = False
    """Has a marketplace named the provider behind it, whose limit or failure this is?"""
    is_retryable: bool = False
    is_moderated: bool = False
    words: str = ""
    """All texts in lower case, to be searched."""

    @property
    def text(self) -> str:
        """The most telling text; a wrapper that says nothing gives way to what it wraps."""
        telling = (text for text in self.texts if not text.lower().startswith("provider returned error"))
        return next(telling, self.texts[0] if self.texts else "")


def reported_error(value: dict[str, object]) -> object | None:
    """The error that an object tells of which came with a good status; None where it tells of none."""
    error = value.get("error")
    if error:
        return error
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in (None, 0, "0"):
        return {"base_resp": base}
    if value.get("choices") is not None:
        return None
    if value.get("object") == "error" or value.get("success") is False or value.get("detail") or value.get("errors"):
        return value
    said = value.get("message") or value.get("msg")
    return value if isinstance(said, str) and value.get("code") not in _NO_ERROR_CODES else None


def read_body(body: bytes) -> Reading:
    """What the body of an HTTP error says, JSON or not."""
    try:
        value = jsontext.loads(body) if len(body) <= _MAX_BODY else None
    except jsontext.InvalidJSON:
        value = None
    if isinstance(value, dict | list | str):
        return read_value(value)
    return read_value(body[:MAX_SEARCHED].decode("utf-8", "replace"))


def read_value(error: object) -> Reading:
    """What an error inside a 200 says: a string, an object, or any other value."""
    reading = Reading()
    _collect(error, reading, 0)
    reading.words = "\n".join(reading.texts)[:MAX_WORDS].lower()
    return reading


def _add_text(text: str, reading: Reading) -> None:
    text = text.strip("\ufeff\0 \t\r\n")
    # A page of HTML says nothing in one line. Alibaba's texts begin with their status: "<400> …".
    if text and (not text.startswith("<") or text[1:2].isdigit()) and len(reading.texts) < _MAX_TEXTS:
        reading.texts.append(text[:MAX_SEARCHED])


def _collect(value: object, reading: Reading, depth: int) -> None:
    """Add what ``value`` says, down through JSON in strings, lists, and errors in errors."""
    if depth > _MAX_DEPTH or len(reading.texts) >= _MAX_TEXTS:
        return
    if isinstance(value, str):
        words, inner = _unwrapped(value)
        if inner is not None:
            _collect(inner, reading, depth + 1)
        _add_text(words, reading)
    elif isinstance(value, list):
        for item in value[:_MAX_TEXTS]:
            _collect(item, reading, depth + 1)
    elif isinstance(value, dict):
        _collect_object(value, reading, depth)


def _signin_url(value: object) -> str | None:
    return value if isinstance(value, str) and _SIGNIN_URL.fullmatch(value) else None


def _collect_object(value: dict[str, object], reading: Reading, depth: int) -> None:
    place, message = value.get("loc"), value.get("msg")
    if isinstance(place, list) and isinstance(message, str):  # one error of FastAPI's validation
        _add_text(f"{'.'.join(str(step) for step in place[:8])}: {message}", reading)
        return
    for name in _LABEL_FIELDS:
        _add_label(value.get(name), reading)
    error_type = value.get("error_type")
    if isinstance(error_type, str):
        _add_label(error_type, reading)
        reading.error_type = reading.error_type or STATUS_OF.get(error_type.lower())
    _read_hints(value, reading)
    for name in _TEXT_FIELDS:
        _collect(value.get(name), reading, depth + 1)
    for name in _INNER_FIELDS:
        inner = value.get(name)
        if isinstance(inner, dict):
            _collect_object(inner, reading, depth + 1)
            if name == "base_resp":
                _read_minimax(inner.get("status_code"), reading)


def _read_hints(value: dict[str, object], reading: Reading) -> None:
    """What an error says besides its texts and labels."""
    if value.get("flagged_input") or value.get("reasons"):
        reading.is_moderated = True
    if value.get("retryable") is True:
        reading.is_retryable = True
    if reading.wait is None:
        reading.wait = value.get("retry_after")
        if reading.wait is None:
            reading.wait = value.get("retryDelay")  # of Google's RetryInfo: "45s"
    headers = value.get("headers")
    if reading.reset is None and isinstance(headers, dict):
        reading.reset = headers.get("X-RateLimit-Reset")
    if isinstance(value.get("provider_name"), str):
        reading.has_upstream = True
    reading.signin_url = reading.signin_url or _signin_url(value.get("signin_url"))
    prompt, context = value.get("n_prompt_tokens"), value.get("n_ctx")
    if reading.n_ctx is None and type(prompt) is int and type(context) is int:
        reading.n_prompt_tokens, reading.n_ctx = prompt, context
    param = value.get("param")
    if reading.param is None and isinstance(param, str):
        reading.param = param[:MAX_SEARCHED]


def _read_minimax(code: object, reading: Reading) -> None:
    if isinstance(code, str) and code.isdecimal():
        code = int(code[:8])
    if isinstance(code, int):
        reading.status = reading.status or _STATUS_OF_MINIMAX.get(code)
        reading.is_moderated = reading.is_moderated or code in _MODERATED_BY_MINIMAX


def _add_label(value: object, reading: Reading) -> None:
    """A type or code: a status where it is a number, else a word."""
    if isinstance(value, str):
        if not value.isdecimal():
            if len(reading.labels) < _MAX_TEXTS:
                reading.labels.append(value[:_MAX_LABEL].lower())
                if len(value) <= _MAX_LABEL:
                    reading.codes.append(value)
            return
        value = int(value[:4])
    if isinstance(value, int) and 300 <= value <= 599 and reading.status is None:
        reading.status = value


def _unwrapped(text: str) -> tuple[str, object]:
    """The words of a string, and the JSON object or list in it: all of the string, or an error behind the words."""
    start = text.find("{")
    if start < 0 or len(text) > _MAX_BODY:
        return text, None
    whole = _json_in(text)
    if whole is not None:
        return "", whole
    inner = _json_in(text[start : text.rfind("}") + 1])
    if isinstance(inner, dict) and not inner.keys().isdisjoint(_ERROR_FIELDS):
        return text[:start].rstrip(" :-\n"), inner
    return text, None


def _json_in(text: str) -> object:
    try:
        value = jsontext.loads(text.encode("utf-8", "replace"))
    except jsontext.InvalidJSON:
        return None
    return value if isinstance(value, dict | list) else None
