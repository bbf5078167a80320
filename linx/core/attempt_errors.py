"""Every way an attempt at a provider can fail, and what each failure means.

Each class says three things: the status that the client gets, whether the next candidate
may be tried, and whether the failure counts against the provider's health. The text of an
error is written for the client: what happened, at which provider, and what to do. It never
contains a key, a header of a provider, or more than one line of a provider's own words.

A provider's own words may repeat the prompt. So they are kept apart, and told to the client of
that request only; the log and the status get ``for_log``, in which they are left out.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from linx.core.errors import LinxError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.errors import NotAsked

MAX_WORDS = 200  # characters of a provider's own words in an error


class Fallback(Enum):
    """May the next candidate be tried after this failure?"""

    YES = "yes"
    NO = "no"
    LARGER = "larger"
    """Only a candidate with a context that is known to be larger may be tried."""


class PauseScope(Enum):
    """What of a provider asks for a pause?"""

    MODEL = "model"
    FREE_MODELS = "free_models"
    """All models there that cost nothing: OpenRouter counts them together."""
    PROVIDER = "provider"


class AttemptError(LinxError):
    """One attempt at one provider failed.

    The attempt sets ``provider``, since ``upstream`` raises most of these errors and knows
    only origins. ``outcome`` is the word for the failure in the header ``x-linx-attempts``.

    ``reason`` and ``advice`` are Linx's words. ``said`` is what the provider said, neither cut
    nor cleaned of the secrets of the config: half a key could no longer be recognised.
    """

    status = 502
    code: str | None = "upstream_error"
    fallback: Fallback = Fallback.YES
    blames_provider: bool = True
    is_pause: bool = False
    """The provider answered 429, or 503 with Retry-After: it asks for a pause, which is no fault of its own."""
    pause_scope: PauseScope = PauseScope.MODEL
    outcome: str = "bad_response"
    provider: str = ""

    def __init__(self, reason: str, *, said: str = "", advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said
        self.advice = advice

    def __str__(self) -> str:
        return self._by_provider(self.problem) + _sign_in_at(self.signin_url)

    @property
    def problem(self) -> str:
        """What happened, with the provider's own words: for the client of this request."""
        words = quote(self.said, MAX_WORDS) if self.said else ""
        return self.reason + (f": {words}" if words else "") + (f"; {self.advice}" if self.advice else "")

    @property
    def summary(self) -> str:
        """What happened, without the provider's own words: for the status, and for other clients."""
        return self.reason + (f"; {self.advice}" if self.advice else "")

    @property
    def for_log(self) -> str:
        return self._by_provider(self.summary)

    def redact(self, clean: Callable[[str], str]) -> None:
        """Take the secrets of the config out of all that will be told."""
        self.reason = clean(self.reason)
        if self.said:
            self.said = clean(self.said)

    def _by_provider(self, text: str) -> str:
        return f"{self.provider}: {text}" if self.provider else text


class ConnectFailed(AttemptError):
    """There was no connection, so no request was sent, and another candidate can be tried safely."""

    code = "upstream_unreachable"
    outcome = "connect_failed"


class NameNotFound(ConnectFailed):
    code = "upstream_dns"
    outcome = "dns"


class NotLocal(ConnectFailed):
    """The prompt must stay local, and the provider is elsewhere; nothing was sent to it."""

    status = 503
    code = "not_local"
    outcome = "not_local"
    blames_provider = False


class BudgetReached(AttemptError):
    """A budget keeps the provider from being asked now; nothing was sent to it."""

    status = 429
    kind = "rate_limit_error"
    code = "budget_exceeded"
    outcome = "not_asked(budget)"
    blames_provider = False

    def __init__(self, reason: str, *, retry_after_s: float, may_retry: bool | None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.may_retry = may_retry


class TLSFailed(ConnectFailed):
    code = "upstream_tls"
    outcome = "tls"


class ConnectTimeout(ConnectFailed):
    status = 504
    code = "upstream_timeout"
    outcome = "timeout"


class Reset(AttemptError):
    """The connection ended before the whole response head had come."""

    code = "upstream_disconnected"
    outcome = "reset"


class Stalled(AttemptError):
    """No meaningful chunk came within ``first_token_timeout_s``, or the provider stopped reading the request."""

    status = 504
    code = "upstream_timeout"
    outcome = "timeout"


class Garbled(AttemptError):
    """The provider's answer is not HTTP, or not in the dialect that was asked for."""

    code = "upstream_bad_response"
    outcome = "bad_response"


class EmptyAnswer(AttemptError):
    """The stream ended without a meaningful event."""

    code = "upstream_truncated"
    outcome = "empty"


class StreamBroken(AttemptError):
    """The answer broke off in the middle. After the commit point no other candidate can be tried."""

    code = "upstream_error"
    outcome = "reset"


class Refused(AttemptError):
    """The provider answered with an error: a status, or an error inside a 200.

    ``dialects.failures`` makes this error from its table of conditions. ``outcome`` is
    ``http_STATUS``, or ``error_event`` for an error inside a 200.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int,
        said: str = "",
        advice: str = "",
        kind: str = "server_error",
        code: str | None = "upstream_error",
        fallback: Fallback = Fallback.YES,
        blames_provider: bool = True,
        is_pause: bool = False,
        outcome: str = "error_event",
        retry_after_s: float | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(reason, said=said, advice=advice)
        self.status = status
        self.kind = kind
        self.code = code
        self.fallback = fallback
        self.blames_provider = blames_provider
        self.is_pause = is_pause
        self.outcome = outcome
        self.retry_after_s = retry_after_s
        self.upstream_status = upstream_status
        self.words = ""
        """Everything that the provider said, in lower case: for recognising a refusal, never to be shown."""
        self.labels: tuple[str, ...] = ()
        """The provider's types and codes in lower case, outermost first."""
        self.own_code: str | None = None
        """``code`` as the provider wrote it, where it is the provider's own word."""
        self.own_param: str | None = None
        """The provider's word for the field at fault, uncut."""

    def redact(self, clean: Callable[[str], str]) -> None:
        super().redact(clean)
        if self.own_param is not None:
            self.own_param = clean(self.own_param)
            self.param = quote(self.own_param)
        if self.own_code is not None and clean(self.own_code) != self.own_code:
            self.own_code = self.code = None


CANNOT = "unsupported_feature"
"""The code of a refusal by a provider that cannot do what was asked. If another provider can but has failed, the client
is told of that failure: it would not repeat a request that is called unsupported."""


class RouteExhausted(LinxError):
    """Every candidate failed. Status and code are those of the failure that helps the client most (``telling``)."""

    may_retry: bool | None = False

    def __init__(self, model: str, failures: Sequence[AttemptError]) -> None:
        self.model = model
        self.failures = tuple(failures)
        self.telling = min(failures, key=_rank_for_client)
        first = self.telling
        text = self._told([str(failure) for failure in failures])
        self.signin_url = next((failure.signin_url for failure in failures if failure.signin_url), None)
        if self.signin_url and self.signin_url not in text:
            text += _sign_in_at(self.signin_url)
        super().__init__(text)
        self.status = first.status
        self.kind = first.kind
        self.code = first.code
        self.param = first.param
        self.n_prompt_tokens, self.n_ctx = first.n_prompt_tokens, first.n_ctx
        if first.retry_after_s is not None:
            # The shortest wait of all failures, since one candidate that is back is enough.
            self.retry_after_s = min(each.retry_after_s for each in failures if each.retry_after_s is not None)
            self.may_retry = first.may_retry

    def left_out(self, not_asked: Sequence[NotAsked]) -> None:
        """Tell as well who was not asked, and why: it may be what the client wonders about."""
        failed = {failure.provider for failure in self.failures}
        others = [f"{name} ({reason})" for name, reason in not_asked if name not in failed]
        if others:
            self.args = (f"{self}. Not asked: {', '.join(others)}",)

    @property
    def for_log(self) -> str:
        return self._told([failure.for_log for failure in self.failures])

    def _told(self, failures: Sequence[str]) -> str:
        if len(failures) == 1:
            return failures[0]
        tried = "; ".join(quote(failure, 200) for failure in failures)
        return f"No provider could answer for model {quote(self.model)!r}. Tried: {tried}"


def _sign_in_at(url: str | None) -> str:
    """The URL stands outside of a problem's text, which is cut and redacted: it holds a public key of the user's."""
    return f"; sign in at {url}" if url else ""


def _rank_for_client(failure: AttemptError) -> int:
    """Lower for a failure that helps the client more; a failure that the client can mend itself comes first."""
    if failure.fallback is Fallback.NO:
        return 0
    if failure.code == CANNOT:
        return 6
    return {400: 1, 413: 1, 401: 2, 429: 2, 404: 3, 503: 4}.get(failure.status, 5)
