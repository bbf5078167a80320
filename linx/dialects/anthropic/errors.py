"""What a failure is called in the Anthropic dialect, and its HTTP status.

Its clients act on two things. An overload is a 529; and a prompt that does not fit says ``prompt is too long`` in a
400, on which Claude Code shortens the conversation, where after any other error it would send the same again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.core.errors import LinxError

OVERLOADED = 529
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}
_TYPES_BY_CODE = {"upstream_credit": "billing_error"}
_NO_OVERLOAD = frozenset({"no_local_provider", "secret_in_prompt", "shutting_down"})
_TOO_LONG = "prompt is too long"
_COUNTED = re.compile(_TOO_LONG + ": [0-9]", re.IGNORECASE)
_TOKENS = re.compile(r"([0-9]{1,12})[ _]tokens?", re.IGNORECASE)


def status_of(problem: LinxError) -> int:
    if problem.code == "context_length_exceeded":
        return 400
    if problem.status == 503 and problem.code not in _NO_OVERLOAD:
        return OVERLOADED
    return problem.status


def error_object(problem: LinxError) -> JsonObject:
    status = status_of(problem)
    usual = "invalid_request_error" if status < 500 else "api_error"
    kind = _TYPES_BY_CODE.get(problem.code or "") or _TYPES.get(status, usual)
    return {"type": kind, "message": _message(problem)}


def _message(problem: LinxError) -> str:
    text = problem.message
    if problem.code != "context_length_exceeded" or _COUNTED.search(text):
        return text
    if problem.n_prompt_tokens is not None and problem.n_ctx is not None:
        return f"{_TOO_LONG}: {problem.n_prompt_tokens} tokens > {problem.n_ctx} maximum ({text})"
    counts = {int(count) for count in _TOKENS.findall(text)[:2]}
    if len(counts) == 2:
        return f"{_TOO_LONG}: {max(counts)} tokens > {min(counts)} maximum ({text})"
    return text if _TOO_LONG in text.lower() else f"{_TOO_LONG}: {text}"
