"""Conditions that are recognised by what a provider says, whatever status it says it with.

Providers disagree on statuses: a context overflow is a 400, a 413 or a 500, an unknown model a 400 or a 404. So
these rules are tried in their order, and the first that fits decides; the status decides only what they leave.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.dialects.failures.conditions import (
    AUTH,
    BAD_REQUEST,
    CREDIT,
    FORBIDDEN,
    LOADING,
    MODERATED,
    NOT_LOCAL,
    OVERLOADED,
    SIGN_IN,
    TOO_DEAR,
    TOO_LONG,
    UNKNOWN_MODEL,
    UNSUPPORTED,
    Condition,
)
from linx.dialects.failures.lacks import lacks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.dialects.failures.reading import Reading


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that a label, some words or a test of the whole reading gives away."""

    condition: Condition
    labels: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    """Any of these within the provider's texts, in lower case."""
    is_met: Callable[[Reading], object] = lambda _reading: False
    statuses: frozenset[int | None] | None = None
    """The only statuses with which the rule fits (None: an error without a status); all, if none are named."""
    never: frozenset[int] = frozenset()
    """Statuses with which the rule does not fit."""

    def fits(self, reading: Reading, status: int | None) -> bool:
        if status in self.never or (self.statuses is not None and status not in self.statuses):
            return False
        if not self.labels.isdisjoint(reading.labels) or self.is_met(reading):
            return True
        return any(words in reading.words for words in self.words)


_UNKNOWN_MODEL_WORDS = re.compile(
    r"\bmodel\b.{0,160}?\b(?:not found|not exist|is not loaded|is not available)", re.DOTALL
)
_BAD_TEMPLATE = re.compile(r"^template: :\d+: ", re.MULTILINE)
_MODEL = re.compile(r"\bmodel\b")
RULES = (
    # The words are for faces whose errors have no code (see ``routing.privacy`` and ``routing.secrets``).
    Rule(
        NOT_LOCAL,
        labels=frozenset(("no_local_provider", "not_local", "secret_in_prompt")),
        words=("may only be answered by a local provider", "routing.secrets keeps it on local providers"),
        statuses=frozenset((503,)),
    ),
    # Ollama's server/cloud_proxy.go, for a cloud model while nobody is signed in.
    Rule(SIGN_IN, is_met=lambda reading: reading.signin_url is not None, statuses=frozenset((401, None))),
    Rule(
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
        is_met=lambda reading: reading.is_moderated,
        never=frozenset((401, 402, 429)),
    ),
    Rule(
        TOO_LONG,
        labels=frozenset(
            ("context_length_exceeded", "exceed_context_size_error", "max_tokens_exceeded", "prompt_too_long")
        ),
        words=(
            "context length exceeded",
            "context length is only",
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
            "longer than the context length",
            "longer than the model's context length",
            "maximum context length",
            "maximum prompt length is",
            "prompt is too long",
            "prompt too long",
            "prompt_too_long",
            "reduce the length of the messages",
            "too large to process. increase the physical batch size",
            "too many tokens",
            # TGI and Together, of the prompt and the limit of the answer together.
            "`max_new_tokens` must be <=",
            # Poolside at OpenRouter (pi#4943).
            "exceeds the maximum allowed input length",
        ),
        # "Too many tokens" with a 429 are too many per minute, not too many in the prompt.
        never=frozenset((401, 402, 403, 429)),
    ),
    # Ollama answers 500 to a template that cannot be parsed (Go's words for it, by server/routes.go) and to an unknown
    # format (llm/llama_server.go): the client's own mistakes, which any other Ollama would refuse as well.
    Rule(
        BAD_REQUEST,
        words=("invalid format: ",),
        is_met=lambda reading: _BAD_TEMPLATE.search(reading.words),
        statuses=frozenset((400, 500)),
    ),
    # Ollama answers 500 to an option of a wrong type; any other Ollama would do the same.
    Rule(BAD_REQUEST, is_met=lambda reading: 'option "' in reading.words and '" must be of type' in reading.words),
    Rule(
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
    Rule(
        UNKNOWN_MODEL,
        labels=frozenset(("deploymentnotfound", "model_not_found", "unknown_model")),
        words=("no endpoints found", "no such model", "not a valid model id", "model_not_found", "unknown model"),
        is_met=lambda reading: _UNKNOWN_MODEL_WORDS.search(reading.words),
        statuses=frozenset((400, 404, 410, 500, None)),
    ),
    # A 404 is an unknown path as often as an unknown model; the word tells them apart, but not within /v1/models.
    Rule(UNKNOWN_MODEL, is_met=lambda reading: _MODEL.search(reading.words), statuses=frozenset((404,))),
    Rule(
        AUTH,
        labels=frozenset(("api_key_invalid", "invalid_api_key")),
        words=("api key not valid", "incorrect api key", "invalid api key"),
        statuses=frozenset((400, 403, None)),
    ),
    Rule(TOO_DEAR, words=("can only afford",), statuses=frozenset((402,))),
    # OpenRouter's 403 of a key with a limit of its own: "Key limit exceeded (daily limit)".
    Rule(CREDIT, words=("key limit exceeded",), statuses=frozenset((402, 403, None))),
    Rule(
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
    Rule(
        CREDIT,
        words=(
            "credit balance is too low",
            "insufficient balance",
            "insufficient credits",
            "out of extra usage",  # a Claude subscription at its limit (hermes-agent#47692)
            "reached your specified api usage limits",
            "reached your specified workspace api usage limits",
        ),
        statuses=frozenset((400, 403, 429, None)),
    ),
    Rule(FORBIDDEN, words=("this organization has been disabled",), statuses=frozenset((400,))),
    Rule(
        LOADING,
        words=("loading model", "model is loading", "is currently loading"),
        statuses=frozenset((503, 500, None)),
    ),
    Rule(OVERLOADED, words=("server busy, please try again", "overloaded"), statuses=frozenset((500, None))),
    # What these say of tools and images in other words, and with other statuses, than the rules before.
    Rule(
        UNSUPPORTED,
        is_met=lambda reading: lacks_of(reading.words),
        statuses=frozenset((400, 404, 415, 422, 500, 501, None)),
    ),
)
