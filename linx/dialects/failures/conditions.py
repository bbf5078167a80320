"""The conditions that a provider's error may report, as data: which of them an HTTP status means, and which of them
the last word of an answer that came to no proper end.

Every failure may fall over to the next candidate, except where the request itself is at fault and would be refused
again. A failure that tells nothing of the provider's health does not blame it.
"""

from __future__ import annotations

from dataclasses import dataclass

from linx.core.attempt_errors import Fallback


@dataclass(frozen=True, slots=True)
class Condition:
    """What the client is told of one condition, and what it means for the provider and for the next candidate."""

    status: int
    """The HTTP status for the client."""
    code: str | None
    lead: str
    """What the provider did; it stands before the provider's own words."""
    advice: str = ""
    """What to do about it; it stands after them."""
    kind: str = "server_error"
    fallback: Fallback = Fallback.YES
    blames_provider: bool = True
    is_pause: bool | None = False
    """Does the provider ask for a pause? None: if it says for how long."""
    has_wait: bool = False
    """Does a Retry-After belong to the condition?"""
    wait_s: float | None = None
    """The wait where the provider names none."""
    pauses_provider: bool = False
    """Is the pause that of the whole server, and not of the model that was asked?"""
    may_quote: bool = True
    """May the provider's own words be repeated?"""


INVALID = "invalid_request_error"
BAD_REQUEST = Condition(400, None, "refused the request", kind=INVALID, fallback=Fallback.NO, blames_provider=False)
UNSUPPORTED = Condition(400, "unsupported_feature", "cannot do what was asked", kind=INVALID, blames_provider=False)
UNKNOWN_MODEL = Condition(404, "model_not_found", "does not have the model", kind=INVALID, blames_provider=False)
NO_SUCH_PATH = Condition(
    502, "upstream_not_found", "has no such path", "check its endpoint in the config", blames_provider=False
)
TOO_LONG = Condition(
    400,
    "context_length_exceeded",
    "the prompt is too long for its model",
    kind=INVALID,
    fallback=Fallback.LARGER,
    blames_provider=False,
)
# The provider's words are left out: some providers repeat the key in them.
AUTH = Condition(502, "upstream_auth", "rejected its API key", "check its api_key in the config", may_quote=False)
CREDIT = Condition(502, "upstream_credit", "has no credit left", "top it up at the provider", has_wait=True)
# OpenRouter reserves the credit for the longest answer: a shorter answer, or a cheaper model, would be paid for.
TOO_DEAR = Condition(
    502,
    "upstream_credit",
    "has too little credit left for so long an answer",
    "lower max_tokens, or top it up at the provider",
    blames_provider=False,
)
SIGN_IN = Condition(
    401,
    "sign_in_required",
    "wants its user to sign in for this model",
    kind="authentication_error",
    blames_provider=False,
)
FORBIDDEN = Condition(502, "upstream_forbidden", "refused access")
MODERATED = Condition(
    400, "content_policy_violation", "refused the content", kind=INVALID, fallback=Fallback.NO, blames_provider=False
)
OTHER_REFUSAL = Condition(
    502,
    "upstream_error",
    "does not take such a request",
    "check its endpoint and kind in the config",
    blames_provider=False,
)
TIMEOUT = Condition(504, "upstream_timeout", "took too long by its own measure")
CONFLICT = Condition(503, "upstream_error", "is not ready for the request", blames_provider=False, has_wait=True)
TOO_LARGE = Condition(413, "request_too_large", "takes no request of this size", kind=INVALID, blames_provider=False)
RATE_LIMIT = Condition(
    429,
    "rate_limit_exceeded",
    "limits the rate",
    kind="rate_limit_error",
    blames_provider=False,
    is_pause=True,
    has_wait=True,
)
CANCELLED = Condition(502, "upstream_error", "cancelled the request", blames_provider=False)
FAILED = Condition(502, "upstream_error", "failed")
GATEWAY = Condition(502, "upstream_error", "failed behind its gateway")
OVERLOADED = Condition(503, "overloaded", "is overloaded", is_pause=None, has_wait=True, wait_s=5, pauses_provider=True)
LOADING = Condition(
    503,
    "loading",
    "is still loading the model",
    blames_provider=False,
    is_pause=None,
    has_wait=True,
    wait_s=5,
    pauses_provider=True,
)
# A Linx behind this one, which was told that the prompt must stay local.
NOT_LOCAL = Condition(503, "no_local_provider", "has no local provider for it", blames_provider=False)
LOOP = Condition(508, "loop_detected", "reports a loop of gateways", blames_provider=False)
REDIRECT = Condition(
    502, "upstream_redirect", "redirects, which is never followed", "check its endpoint in the config", may_quote=False
)
NO_ANSWER = Condition(502, "upstream_bad_response", "sent no answer")
ERROR_EVENT = Condition(502, "upstream_error", "reported an error")

BY_STATUS = {
    400: BAD_REQUEST,
    401: AUTH,
    402: CREDIT,
    403: FORBIDDEN,
    404: NO_SUCH_PATH,
    408: TIMEOUT,
    409: CONFLICT,
    413: TOO_LARGE,
    422: BAD_REQUEST,
    425: CONFLICT,
    429: RATE_LIMIT,
    499: CANCELLED,
    501: UNSUPPORTED,
    503: OVERLOADED,
    504: TIMEOUT,
    508: LOOP,
    522: TIMEOUT,
    524: TIMEOUT,
    529: OVERLOADED,
} | dict.fromkeys((502, 520, 521, 523, 525, 526, 527, 530), GATEWAY)
BY_STATUS_CLASS = {2: NO_ANSWER, 3: REDIRECT, 4: OTHER_REFUSAL, 5: FAILED}
"""By the hundreds of the status, for statuses that are not in BY_STATUS."""

UNREADABLE_CALL = Condition(502, "upstream_error", "could not make a tool call of its answer", blames_provider=False)
FAILED_ENDS = {
    # DeepSeek's documented word for an answer that was given up under load.
    **dict.fromkeys(("insufficient_system_resource", "overloaded"), OVERLOADED),
    # z.ai documents network_error (pydantic-ai#7678, pi#2313).
    **dict.fromkeys(("network_error", "connection_error", "upstream_error"), GATEWAY),
    # z.ai (pi#1750); vLLM and SGLang, of a request that their engine dropped (vllm#57082, sglang#6693).
    **dict.fromkeys(("abort", "aborted", "cancel", "cancelled", "canceled", "interrupted"), CANCELLED),
    **dict.fromkeys(("timeout", "timed_out", "deadline_exceeded"), TIMEOUT),
    **dict.fromkeys(("failed", "failure", "internal_error", "internal_server_error", "server_error"), FAILED),
    **dict.fromkeys(("error", "error_finish", "exception"), ERROR_EVENT),
    # Gemini; its OpenAI address says "function_call_filter: MALFORMED_FUNCTION_CALL".
    **dict.fromkeys(
        ("malformed_function_call", "malformed_response", "malformed_tool_call", "unexpected_tool_call"),
        UNREADABLE_CALL,
    ),
}
"""By the word for the end of an answer, in lower case with underscores. Any other word is that of a normal end."""
