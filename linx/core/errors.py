"""What every failure of Linx has in common, and the failures that are the request's own fault.

Each class says what status the client gets, and how the error is told: the text is written for the
client, and says what happened and what to do. It never contains a key. ``attempt_errors`` has the
failures of providers.
"""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject

MAX_QUOTED = 80  # characters of foreign text that an error repeats


class HangUp(Exception):
    """The client closed its connection, or took no byte for too long, so no answer can be sent."""


class NotAsked(NamedTuple):
    """A provider that a rule has kept from being asked for a request (see ``routing.gate``)."""

    provider: str
    reason: str
    """In a few plain words, without a comma or a bracket, such as ``secret in message 7``; never the secret itself."""


class LinxError(Exception):
    """A failure that the client is told of. ``kind`` is ``error.type`` in OpenAI's dialect."""

    status: int = 500
    kind: str = "server_error"
    code: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    may_retry: bool | None = None
    """The value of the header ``x-should-retry``; None: the header is not sent."""
    signin_url: str | None = None
    """Where the user signs in, after which the same request may be answered."""
    n_prompt_tokens: int | None = None
    """Of a prompt that does not fit: its tokens, by the count of whoever has refused it."""
    n_ctx: int | None = None
    """The tokens of the context that does not hold it."""
    not_asked: tuple[NotAsked, ...] = ()
    """The candidates that rules of the gate have dropped, so that nobody was left to be asked."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Further headers of the error answer; ``answer_headers`` adds those that follow from the fields above."""

    @property
    def message(self) -> str:
        return str(self)

    @property
    def for_log(self) -> str:
        """The message without a provider's own words, for every reader but the client of this request."""
        return str(self)

    def fields(self) -> JsonObject:
        """The fields of OpenAI's error object for this error, with llama.cpp's counts of a prompt that does not fit."""
        told: JsonObject = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        if self.n_prompt_tokens is not None and self.n_ctx is not None:
            told.update(n_prompt_tokens=self.n_prompt_tokens, n_ctx=self.n_ctx)
        return told

    def openai_object(self) -> JsonObject:
        """The body of an error answer, or of an error frame, in OpenAI's dialect."""
        return {"error": self.fields()}

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the error answer, whatever dialect its body is in."""
        headers = list(self.headers)
        if self.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % max(1, math.ceil(self.retry_after_s))))
        if self.may_retry is not None:
            headers.append((b"x-should-retry", b"true" if self.may_retry else b"false"))
        return headers


class ConfigError(LinxError):
    """A config file, flag or environment variable that cannot be used. At the start, Linx exits with code 2."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


# --- the request itself is at fault: no provider was tried ---------------------------


class RequestError(LinxError):
    """4xx (or a bound of Linx's own), answered before any provider is tried."""

    status = 400
    kind = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.param = param
        if code is not None:
            self.code = code
        if headers:
            self.headers = headers


class BadRequest(RequestError):
    status = 400


class UnknownItem(BadRequest):
    """A reference to an item of an answer that is not kept, in OpenAI's words, by which clients recognise it."""

    status = 404

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"Item with id '{quote(item_id)}' not found. Items are not persisted when `store` is set to false. "
            "Try again with `store` set to true, or remove this item from your input.",
            param="input",
        )


class UnknownResponse(RequestError):
    """An answer that is not kept, in OpenAI's words."""

    status = 404

    def __init__(self, response_id: str) -> None:
        super().__init__(f"Response with id '{quote(response_id)}' not found.")


class Unauthorized(RequestError):
    status = 401
    kind = "authentication_error"
    code = "invalid_api_key"
    may_retry = False  # Claude Code asks for over three minutes in silence without this
    headers = ((b"www-authenticate", b"Bearer"),)


class Forbidden(RequestError):
    status = 403
    kind = "permission_error"
    may_retry = False


class ModelNotAllowed(Forbidden):
    """The client's key is not for this model."""

    code = "model_not_allowed"
    param = "model"

    def __init__(self, message: str) -> None:
        super().__init__(message, param="model")


class UnknownEndpoint(RequestError):
    status = 404


class UnknownModel(RequestError):
    status = 404
    code = "model_not_found"
    param = "model"

    def __init__(self, message: str, model: str = "") -> None:
        super().__init__(message, param="model")
        self.model = model


class MethodNotAllowed(RequestError):
    """``allowed`` is the value of the Allow header, such as ``GET, HEAD``."""

    status = 405
    code = "method_not_supported"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message, headers=((b"allow", allowed.encode()),))


class RequestTimeout(RequestError):
    status = 408


class Conflict(RequestError):
    """What is asked for cannot be done any more, or not now."""

    status = 409
    may_retry = False


class BodyTooLarge(RequestError):
    status = 413
    code = "request_too_large"


class TargetTooLong(RequestError):
    status = 414


class UnsupportedEncoding(RequestError):
    status = 415


class ExpectationFailed(RequestError):
    status = 417


class HeadTooLarge(RequestError):
    status = 431


class TooManyWrongKeys(RequestError):
    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"


class RateLimited(RequestError):
    """A key has made as many requests in a minute as it may."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"


class NotImplementedHere(RequestError):
    status = 501
    may_retry = False


class VersionNotSupported(RequestError):
    status = 505


class LoopDetected(RequestError):
    status = 508
    kind = "server_error"
    may_retry = False
    code = "loop_detected"


class Overloaded(RequestError):
    """One of Linx's own limits is reached: connections, or memory for bodies."""

    status = 503
    kind = "server_error"
    code = "overloaded"

    def __init__(self, message: str, retry_after_s: float = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def out_of_memory() -> Overloaded:
    """For a request that found no memory: no fault of the client's, and a smaller or later one may be answered."""
    return Overloaded("Linx has run out of memory, so it has dropped this request.")


def is_out_of_memory(error: BaseException) -> bool:
    """Is it a MemoryError, or a group with one in it, from a request that ran in several tasks?"""
    return isinstance(error, MemoryError) or (
        isinstance(error, ExceptionGroup) and error.subgroup(MemoryError) is not None
    )


class Unavailable(RequestError):
    """Something that Linx itself keeps cannot be read now."""

    status = 503
    kind = "server_error"


class ShuttingDown(RequestError):
    status = 503
    kind = "server_error"
    code = "shutting_down"


class Stopped(RequestError):
    """The user has cancelled the request on the dashboard. The client must not ask again by itself, so it is no 5xx."""

    status = 499
    code = "cancelled"
    may_retry = False


class NoLocalProvider(RequestError):
    status = 503
    kind = "server_error"
    code = "no_local_provider"
    may_retry = False


class SecretInPrompt(RequestError):
    """A prompt with a secret in it has to stay local, and no local provider can answer."""

    status = 503
    kind = "server_error"
    code = "secret_in_prompt"
    may_retry = False


class NoClientKey(RequestError):
    """Only a provider that is asked with the client's own key could answer, and the client sent none."""

    status = 401
    kind = "authentication_error"
    code = "no_client_key"
    may_retry = False


_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,47}")
_STATUS_WORDS = {status.value: status.name.lower() for status in HTTPStatus}


def word_of(error: LinxError) -> str:
    """Why it failed, in a word for logs and the ledger: the code, or else the name of the status."""
    code = error.code
    if code is not None and _WORD.fullmatch(code):
        return code
    return word_of_status(error.status)


def word_of_status(status: int) -> str:
    return _STATUS_WORDS.get(status, "failed")


def quote(text: str, limit: int = MAX_QUOTED) -> str:
    """Foreign text in a form that is safe to repeat: printable, and at most ``limit`` characters."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
