"""Whose limit it is, by the words of the providers; and how long each asks to be left alone."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import PauseScope
from linx.dialects.failures.meaning import event_failure, failure

NOW = 1_800_000_000.0
MODEL, FREE, ALL = PauseScope.MODEL, PauseScope.FREE_MODELS, PauseScope.PROVIDER


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


# (the body of the 429, whose limit it is, seconds to wait where no header says it)
LIMITS: dict[str, tuple[Any, PauseScope, float | None]] = {
    "openrouter, free a day: openclaude#936": (
        error(
            "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
            code=429,
            metadata={
                "headers": {
                    "X-RateLimit-Limit": "50",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1800000090000",
                },
                "provider_name": None,
            },
        ),
        FREE,
        90.0,
    ),
    "openrouter, free with credit: openclaude#1549": (
        error("Rate limit exceeded: free-models-per-day-high-balance. ", type="rate_limit_error", code="429"),
        FREE,
        None,
    ),
    "openrouter, upstream: openrouter-proxy#1": (
        error(
            "Provider returned error",
            code=429,
            metadata={
                "raw": "google/gemini-2.0-flash-exp:free is temporarily rate-limited upstream. Please retry shortly, or"
                " add your own key to accumulate your rate limits: https://openrouter.ai/settings/integrations",
                "provider_name": "Google AI Studio",
            },
        ),
        MODEL,
        None,
    ),
    "groq: continue#10920": (
        error(
            "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_01k` service tier `on_demand`"
            " on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 1m38.016s. Need"
            " more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing",
            type="tokens",
            code="rate_limit_exceeded",
        ),
        MODEL,
        98.016,
    ),
    "openai: micro-agent#86": (
        error(
            "Rate limit reached for gpt-4o in organization org-u on tokens per min (TPM): Limit 30000, Used 29937,"
            " Requested 385. Please try again in 644ms. Visit https://platform.openai.com/account/rate-limits to learn"
            " more.",
            type="tokens",
            code="rate_limit_exceeded",
        ),
        MODEL,
        0.644,
    ),
    "anthropic: claude-code#55132": (
        error(
            "This request would exceed your organization's rate limit of 30,000 input tokens per minute (org: 9d50,"
            " model: claude-sonnet-4-6). For details, refer to: https://docs.claude.com/en/api/rate-limits.",
            type="rate_limit_error",
        ),
        MODEL,
        None,
    ),
    "anthropic, the account": (
        error("This request would exceed your account's rate limit. Please try again later.", type="rate_limit_error"),
        ALL,
        None,
    ),
    "anthropic, connections": (
        error("Number of concurrent connections has exceeded your rate limit.", type="rate_limit_error"),
        ALL,
        None,
    ),
    "gemini: gemini-cli#8437": (
        [
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan and billing details. \n* Quota"
                    " exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests,"
                    " limit: 0, model: gemini-3-pro\nPlease retry in 45.578569677s.",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [
                        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
                        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45s"},
                    ],
                }
            }
        ],
        MODEL,
        45.0,
    ),
    "mistral: continue#6185": (
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
        MODEL,
        None,
    ),
    "moonshot": (
        error(
            "Your account org-9f<ak-1> request reached organization max RPM: 3, please try again after 1 seconds",
            type="rate_limit_reached_error",
        ),
        ALL,
        1.0,
    ),
}


@pytest.mark.parametrize("seen", LIMITS)
def test_whose_limit_it_is(seen: str) -> None:
    body, scope, wait_s = LIMITS[seen]
    refused = failure(429, jsontext.dumps(body), now=NOW)
    assert (refused.pause_scope, refused.is_pause, refused.status) == (scope, True, 429)
    assert refused.retry_after_s == (None if wait_s is None else pytest.approx(wait_s))
    assert not refused.blames_provider
    assert failure(429, jsontext.dumps(body), "7", now=NOW).retry_after_s == 7.0


def test_a_server_that_is_busy_is_paused_as_a_whole() -> None:
    assert failure(503, b'{"error":"server busy, please try again"}', "9").pause_scope is ALL
    assert failure(529, b'{"error":{"type":"overloaded_error","message":"Overloaded"}}', "9").pause_scope is ALL
    upstream = error("Overloaded", code=503, metadata={"provider_name": "Chutes"})
    assert failure(503, jsontext.dumps(upstream), "9").pause_scope is MODEL


def test_an_error_inside_a_200_is_read_in_the_same_way() -> None:
    refused = event_failure({"code": 429, "message": "Rate limit exceeded: free-models-per-min."})
    assert (refused.pause_scope, refused.retry_after_s) == (FREE, None)
    assert event_failure({"code": 429, "message": "Please try again in 2s"}).retry_after_s == 2.0


@pytest.mark.parametrize(
    ("status", "message", "code", "blames"),
    [
        (402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits", "upstream_credit", True),
        (403, "Key limit exceeded (daily limit). Manage it using https://openrouter.ai/keys", "upstream_credit", True),
        (402, "You requested up to 64000 tokens, but can only afford 47", "upstream_credit", False),
    ],
)
def test_credit_is_the_account_s_and_a_dear_answer_is_not(status: int, message: str, code: str, blames: bool) -> None:
    refused = failure(status, jsontext.dumps(error(message, code=status)))
    assert (refused.status, refused.code, refused.blames_provider, refused.is_pause) == (502, code, blames, False)
