"""What a provider's error means: status, fallback and blame, in one table.

Rule: words before numbers. Providers disagree on statuses (a context overflow is a 400, a
413 or a 500; an unknown model a 400 or a 404), so the rows found by words or type are
tried first, in order, and the status decides only what they leave.

Every failure may fall over to the next candidate, except where the request itself is at
fault and would be refused again. A failure that tells nothing of the provider's health
does not blame it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from linx.core.errors import Fallback, Refused, quote
from linx.core.redaction import clean_shapes
from linx.dialects.failures.reading import MAX_SEARCHED, STATUS_OF, Complaint, read_body, read_value

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RETRY_AFTER_S = 300.0
MAX_WORDS = 200  # characters of a provider's own words in an error


@dataclass(frozen=True, slots=True)
class Row:
    """One upstream condition. ``lead`` and ``advice`` frame the provider's own words."""

    status: int
    code: str | None
    lead: str
    advice: str = ""
    kind: str = "server_error"
    fallback: Fallback = Fallback.YES
    blames: bool = True
    pauses: bool | None = False
    """The provider asks for a pause; None: if it says for how long."""
    waits: bool = False
    """Does a Retry-After belong to it?"""
    wait_s: float | None = None
    """The wait where the provider names none."""
    quotes: bool = True


_INVALID = "invalid_request_error"
BAD_REQUEST = Row(400, None, "refused the request", kind=_INVALID, fallback=Fallback.NO, blames=False)
UNSUPPORTED = Row(400, "unsupported_feature", "cannot do what was asked", kind=_INVALID, blames=False)
UNKNOWN_MODEL = Row(404, "model_not_found", "does not have the model", kind=_INVALID, blames=False)
NO_SUCH_PATH = Row(502, "upstream_not_found", "has no such path", "check its endpoint in the config", blames=False)
TOO_LONG = Row(
    400,
    "context_length_exceeded",
    "the prompt is too long for its model",
    kind=_INVALID,
    fallback=Fallback.LARGER,
    blames=False,
)
# Its own words are left out: providers repeat the key in them.
AUTH = Row(502, "upstream_auth", "rejected its API key", "check its api_key in the config", quotes=False)
CREDIT = Row(502, "upstream_credit", "has no credit left", "top it up at the provider", waits=True)
FORBIDDEN = Row(502, "upstream_forbidden", "refused access")
MODERATED = Row(
    400, "content_policy_violation", "refused the content", kind=_INVALID, fallback=Fallback.NO, blames=False
)
ODD = Row(
    502, "upstream_error", "does not take such a request", "check its endpoint and kind in the config", blames=False
)
TIMEOUT = Row(504, "upstream_timeout", "took too long by its own measure")
CONFLICT = Row(503, "upstream_error", "is not ready for the request", blames=False, waits=True)
TOO_LARGE = Row(413, "request_too_large", "takes no request of this size", kind=_INVALID, blames=False)
RATE_LIMIT = Row(
    429, "rate_limit_exceeded", "limits the rate", kind="rate_limit_error", blames=False, pauses=True, waits=True
)
CANCELLED = Row(502, "upstream_error", "cancelled the request", blames=False)
FAILED = Row(502, "upstream_error", "failed")
GATEWAY = Row(502, "upstream_error", "failed behind its gateway")
OVERLOADED = Row(503, "overloaded", "is overloaded", pauses=None, waits=True, wait_s=5)
LOADING = Row(503, "loading", "is still loading the model", blames=False, pauses=None, waits=True, wait_s=5)
LOOP = Row(508, "loop_detected", "reports a loop of gateways", blames=False)
REDIRECT = Row(
    502, "upstream_redirect", "redirects, which is never followed", "check its endpoint in the config", quotes=False
)
NO_ANSWER = Row(502, "upstream_bad_response", "sent no answer")
ERROR_EVENT = Row(502, "upstream_error", "reported an error")

_BY_STATUS = {
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
_BY_CLASS = {2: NO_ANSWER, 3: REDIRECT, 4: ODD, 5: FAILED}


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row found by a label, by one of some words, or by a test; in ``statuses`` only, if any are named."""

    row: Row
    labels: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    test: Callable[[Complaint], object] = lambda _said: False
    statuses: frozenset[int | None] | None = None
    never: frozenset[int] = frozenset()

    def fits(self, said: Complaint, status: int | None) -> bool:
        if status in self.never or (self.statuses is not None and status not in self.statuses):
            return False
        if not self.labels.isdisjoint(said.labels) or self.test(said):
            return True
        return any(word in said.words for word in self.words)


_CODE = re.compile(r"[a-z][a-z0-9_.-]{2,63}")
_UNKNOWN_MODEL = re.compile(r"\bmodel\b.{0,160}?\b(?:not found|not exist|is not loaded|is not available)", re.DOTALL)
_RULES = (
    _Rule(
        MODERATED,
        labels=frozenset(
            (
                "content_filter",
                "content_policy_violation",
                "moderation",
                "moderation_blocked",
                "refusal",
                "responsibleaipolicyviolation",
            )
        ),
        words=("content management policy", "input was flagged", "prompt was flagged"),
        test=lambda said: said.is_moderated,
        never=frozenset((401, 402, 429)),
    ),
    _Rule(
        TOO_LONG,
        labels=frozenset(
            ("context_length_exceeded", "exceed_context_size_error", "max_tokens_exceeded", "prompt_too_long")
        ),
        words=(
            "context length exceeded",
            "context overflow",
            "context size has been exceeded",
            "context_length_exceeded",
            "exceed context limit",
            "exceed_context_size_error",
            "exceeded max context length",
            "exceeds available context size",
            "exceeds the available context size",
            "exceeds the context length",
            "exceeds the context window",
            "exceeds the maximum number of tokens",
            "greater than the context length",
            "input is too long for requested model",
            "longer than the model's context length",
            "maximum context length",
            "maximum prompt length is",
            "prompt is too long",
            "prompt too long",
            "prompt_too_long",
            "reduce the length of the messages",
            "too large to process. increase the physical batch size",
            "too many tokens",
        ),
        # "Too many tokens per minute" is a rate, whatever else it sounds like.
        never=frozenset((401, 402, 403, 429)),
    ),
    # Ollama answers 500 to an option of a wrong type; it would do so anywhere else too.
    _Rule(BAD_REQUEST, test=lambda said: 'option "' in said.words and '" must be of type' in said.words),
    _Rule(
        UNSUPPORTED,
        labels=frozenset(("not_supported_error", "unsupported_parameter", "unsupported_value", "unsupported_feature")),
        words=(
            "cannot use custom grammar constraints with tools",
            "does not support",
            "endpoints found that support",
            "input is not supported",
            "is deprecated for this model",
            "is not supported by this model",
            "is not supported for this model",
            "is not supported on this model",
            "is not supported with this model",
            "prefill is incompatible with enable_thinking",
            "requires --jinja",
        ),
        statuses=frozenset((400, 404, 500, 501, None)),
    ),
    _Rule(
        UNKNOWN_MODEL,
        labels=frozenset(("model_not_found", "unknown_model")),
        words=("no endpoints found", "no such model", "not a valid model id", "model_not_found", "unknown model"),
        test=lambda said: _UNKNOWN_MODEL.search(said.words),
        statuses=frozenset((400, 404, 410, 500, None)),
    ),
    _Rule(UNKNOWN_MODEL, words=("model",), statuses=frozenset((404,))),
    _Rule(
        AUTH,
        labels=frozenset(("api_key_invalid", "invalid_api_key")),
        words=("api key not valid", "incorrect api key", "invalid api key"),
        statuses=frozenset((400, 403, None)),
    ),
    _Rule(
        CREDIT,
        labels=frozenset(
            (
                "billing_error",
                "billing_hard_limit_reached",
                "enforced_spend_limit_reached",
                "exceeded_current_quota_error",
                "insufficient_balance",
                "insufficient_quota",
                "payment_required",
            )
        ),
    ),
    _Rule(
        CREDIT,
        words=(
            "credit balance is too low",
            "insufficient balance",
            "insufficient credits",
            "reached your specified api usage limits",
            "reached your specified workspace api usage limits",
        ),
        statuses=frozenset((400, 403, 429, None)),
    ),
    _Rule(FORBIDDEN, words=("this organization has been disabled",), statuses=frozenset((400,))),
    _Rule(
        LOADING,
        words=("loading model", "model is loading", "is currently loading"),
        statuses=frozenset((503, 500, None)),
    ),
    _Rule(OVERLOADED, words=("server busy, please try again", "overloaded"), statuses=frozenset((500, None))),
)


def failure(status: int, body: bytes, retry_after: str | None = None, *, now: float | None = None) -> Refused:
    """What an HTTP answer that is no success means. ``now`` is for a Retry-After that is a date."""
    said = read_body(body)
    # OpenRouter's own word for what happened is more precise than the status around it.
    row = _row(said, said.error_type or status)
    return _refused(row, said, retry_after, now, f"http_{status}", status)


def event_failure(error: object) -> Refused:
    """What an error inside a 200 means: Ollama's string, an ``error`` object, or whatever was there."""
    said = read_value(error)
    named = (STATUS_OF[label] for label in said.labels if label in STATUS_OF)
    row = _row(said, said.error_type or said.status or next(named, None))
    return _refused(row, said, None, None, "error_event", None)


def parse_retry_after(text: str | None, now: float | None = None) -> float | None:
    """Seconds to wait, 0 to 300, from seconds or an HTTP date; None for anything else.

    A date needs ``now``, in seconds since 1970.
    """
    if text is None:
        return None
    text = text.strip()[:64]
    if re.fullmatch(r"[0-9]+(?:\.[0-9]*)?", text):
        return min(float(text), MAX_RETRY_AFTER_S)
    if now is None or not re.match(r"[A-Za-z]", text):
        return None
    try:
        when = parsedate_to_datetime(text)
        then = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(then - now, 0.0), MAX_RETRY_AFTER_S)


def _row(said: Complaint, status: int | None) -> Row:
    for rule in _RULES:
        if rule.fits(said, status):
            return rule.row
    if status is None:
        return ERROR_EVENT
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, NO_ANSWER)


def _refused(
    row: Row, said: Complaint, retry_after: str | None, now: float | None, outcome: str, upstream_status: int | None
) -> Refused:
    wait = None
    if row.waits:
        wait = parse_retry_after(retry_after, now)
        if wait is None and isinstance(said.wait, int | float | str):
            wait = parse_retry_after(str(said.wait), now)
    is_pause = wait is not None if row.pauses is None else row.pauses
    fallback = row.fallback
    code = row.code
    if row is BAD_REQUEST:
        if said.is_retryable:
            fallback = Fallback.YES
        code = next((label for label in said.labels if _is_code(label)), None)
    refused = Refused(
        _problem(row, said, upstream_status),
        status=row.status,
        kind=row.kind,
        code=code,
        fallback=fallback,
        blames_provider=row.blames and not is_pause,
        is_pause=is_pause,
        outcome=outcome,
        retry_after_s=row.wait_s if wait is None else wait,
        upstream_status=upstream_status,
    )
    refused.param = said.param if row.kind == _INVALID else None
    return refused


def _problem(row: Row, said: Complaint, status: int | None) -> str:
    problem = row.lead if status is None else f"{row.lead} (HTTP {status})"
    text = " ".join(said.text[:MAX_SEARCHED].split()) if row.quotes else ""
    if text:
        # Redacted before it is cut: half a key would no longer look like one.
        problem += f": {quote(clean_shapes(text), MAX_WORDS)}"
    if row.advice:
        problem += f"; {row.advice}"
    return problem


def _is_code(label: str) -> bool:
    """Does the label tell more than that there is an error?"""
    return label != "error" and label not in STATUS_OF and _CODE.fullmatch(label) is not None


def unsupported(problem: str) -> Refused:
    """This provider cannot do that, another one may: no fault of anybody."""
    return Refused(
        problem,
        status=400,
        kind="invalid_request_error",
        code="unsupported_feature",
        fallback=Fallback.YES,
        blames_provider=False,
        outcome="http_400",
    )
