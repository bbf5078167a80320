from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import Fallback, Refused
from linx.dialects.failures.meaning import event_failure, failed_end, failure, unsupported

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
YES, NO, LARGER = Fallback.YES, Fallback.NO, Fallback.LARGER
INVALID = "invalid_request_error"


def openai(message: str, code: Any = None, kind: str = "x", **more: Any) -> bytes:
    return jsontext.dumps({"error": {"message": message, "type": kind, "code": code, "param": None, **more}})


def anthropic(message: str, **details: Any) -> bytes:
    error = {"type": INVALID, "message": message, "details": details or None}
    return jsontext.dumps({"type": "error", "error": error, "request_id": "req_1"})


def ollama(message: str) -> bytes:
    return jsontext.dumps({"error": message})


def router(code: int, message: str, **metadata: Any) -> bytes:
    return jsontext.dumps({"error": {"code": code, "message": message, "metadata": metadata}})


FLAGGED = {"reasons": ["violence"], "flagged_input": "…", "provider_name": "x"}
# status, body, the client's status and code, fallback, is the provider blamed
ROWS: list[tuple[int, bytes, int, str | None, Fallback, bool]] = [
    # the request is at fault
    (400, openai("temperature must be a number", "invalid_type", INVALID), 400, "invalid_type", NO, False),
    (400, openai("bad", None, INVALID), 400, None, NO, False),
    (400, openai("bad", 400, INVALID), 400, None, NO, False),
    (400, ollama("missing messages"), 400, None, NO, False),
    (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"x"}}', 400, None, NO, False),
    (400, b"", 400, None, NO, False),
    (422, b'{"detail":[{"loc":["body","n"],"msg":"not an int","type":"int_type"}]}', 400, None, NO, False),
    (500, ollama('option "stop" must be of type array'), 400, None, NO, False),
    (400, openai('JSON schema conversion failed:\nUnrecognized schema: {"type":"objekt"}', 400), 400, None, NO, False),
    (422, b'{"detail":"n must be 1"}', 400, None, NO, False),
    (400, b'{"success":false,"errors":[{"code":7009,"message":"no"}]}', 400, None, NO, False),
    (400, b'{"base_resp":{"status_code":2013,"status_msg":"no"}}', 400, None, NO, False),
    (400, router(400, "bad", error_type="invalid_prompt"), 400, None, NO, False),
    # ... unless the provider says that another time or place may do
    (400, b'{"error":{"code":400,"message":"x","availability":{"retryable":true}}}', 400, None, YES, False),
    # capabilities
    (400, ollama('"m" does not support thinking'), 400, "unsupported_feature", YES, False),
    (400, ollama("registry.ollama.ai/library/m:latest does not support tools"), 400, "unsupported_feature", YES, False),
    (500, openai("image input is not supported - hint: mmproj", 500), 400, "unsupported_feature", YES, False),
    (404, router(404, "No endpoints found that support tool use."), 400, "unsupported_feature", YES, False),
    (500, openai("tools param requires --jinja flag", 500), 400, "unsupported_feature", YES, False),
    (
        400,
        openai("Cannot use custom grammar constraints with tools.", 400),
        400,
        "unsupported_feature",
        YES,
        False,
    ),
    (
        400,
        openai("Assistant response prefill is incompatible with enable_thinking.", 400),
        400,
        "unsupported_feature",
        YES,
        False,
    ),
    (400, openai("no such thing here", "unsupported_parameter", INVALID), 400, "unsupported_feature", YES, False),
    (501, openai("not here", 501, "not_supported_error"), 400, "unsupported_feature", YES, False),
    (501, b"", 400, "unsupported_feature", YES, False),
    (400, anthropic("`temperature` is deprecated for this model."), 400, "unsupported_feature", YES, False),
    (400, anthropic("adaptive thinking is not supported on this model"), 400, "unsupported_feature", YES, False),
    (
        400,
        anthropic('"thinking.type.enabled" is not supported for this model.'),
        400,
        "unsupported_feature",
        YES,
        False,
    ),
    (400, anthropic("This model does not support the output format."), 400, "unsupported_feature", YES, False),
    # unknown models
    (404, ollama("model 'x' not found"), 404, "model_not_found", YES, False),
    (404, ollama('model "x" not found, try pulling it first'), 404, "model_not_found", YES, False),
    (404, openai("The model `x` does not exist", "model_not_found", INVALID), 404, "model_not_found", YES, False),
    (404, openai("The model `x` is gone", None, "NotFoundError"), 404, "model_not_found", YES, False),
    (404, router(404, "No endpoints found for x/y."), 404, "model_not_found", YES, False),
    (400, router(400, "x/y is not a valid model ID"), 404, "model_not_found", YES, False),
    (
        400,
        b'{"error":{"message":"no","code":400,"availability":{"code":"model_not_found"}}}',
        404,
        "model_not_found",
        YES,
        False,
    ),
    (400, openai("model 'x' not found", 400, INVALID), 404, "model_not_found", YES, False),
    (400, openai("model is not loaded", 400, INVALID), 404, "model_not_found", YES, False),
    (400, openai("Model Not Exist", None, INVALID), 404, "model_not_found", YES, False),
    (
        404,
        openai("The API deployment for this resource does not exist.", "DeploymentNotFound"),
        404,
        "model_not_found",
        YES,
        False,
    ),
    # no such path
    (404, b"404 page not found", 502, "upstream_not_found", YES, False),
    (404, openai("Invalid URL (GET /v1/models)", None, INVALID), 502, "upstream_not_found", YES, False),
    (404, openai("File Not Found", 404, "not_found_error"), 502, "upstream_not_found", YES, False),
    (404, b"<html>model shop</html>", 502, "upstream_not_found", YES, False),
    (404, b"", 502, "upstream_not_found", YES, False),
    # keys, credit, rights
    (401, openai("Incorrect API key provided: sk-live-SECRET1234567890"), 502, "upstream_auth", YES, True),
    (401, ollama("unauthorized"), 502, "upstream_auth", YES, True),
    (401, b'{"error":"unauthorized","signin_url":"https://o.test/c?key=x"}', 401, "sign_in_required", YES, False),
    (401, b'{"error":"unauthorized","signin_url":"javascript:x"}', 502, "upstream_auth", YES, True),
    (400, b'[{"error":{"code":400,"message":"API key not valid."}}]', 502, "upstream_auth", YES, True),
    (403, openai("no", "invalid_api_key"), 502, "upstream_auth", YES, True),
    (402, router(402, "Insufficient credits"), 502, "upstream_credit", YES, True),
    (402, b"", 502, "upstream_credit", YES, True),
    (429, openai("quota", "insufficient_quota", "insufficient_quota"), 502, "upstream_credit", YES, True),
    (400, openai("Your credit balance is too low", None, INVALID), 502, "upstream_credit", YES, True),
    (400, anthropic("You have reached your specified API usage limits."), 502, "upstream_credit", YES, True),
    (400, anthropic("You have reached your specified workspace API usage limits."), 502, "upstream_credit", YES, True),
    (429, anthropic("no", error_code="enforced_spend_limit_reached"), 502, "upstream_credit", YES, True),
    (400, anthropic("This organization has been disabled."), 502, "upstream_forbidden", YES, True),
    (403, b"", 502, "upstream_forbidden", YES, True),
    (403, openai("Country not supported", "unsupported_country"), 502, "upstream_forbidden", YES, True),
    # content
    (403, router(403, "Input flagged", **FLAGGED), 400, "content_policy_violation", NO, False),
    (400, openai("x", "content_policy_violation", INVALID), 400, "content_policy_violation", NO, False),
    (400, openai("x", "content_filter"), 400, "content_policy_violation", NO, False),
    (
        400,
        openai("The response was filtered due to Azure OpenAI's content management policy."),
        400,
        "content_policy_violation",
        NO,
        False,
    ),
    (403, router(403, "x", error_type="content_policy_violation"), 400, "content_policy_violation", NO, False),
    # statuses
    (405, b"", 502, "upstream_error", YES, False),
    (411, b"", 502, "upstream_error", YES, False),
    (415, b"", 502, "upstream_error", YES, False),
    (418, b"", 502, "upstream_error", YES, False),
    (431, b"", 502, "upstream_error", YES, False),
    (408, openai("timeout"), 504, "upstream_timeout", YES, True),
    (409, b"", 503, "upstream_error", YES, False),
    (425, b"", 503, "upstream_error", YES, False),
    (413, openai("too large"), 413, "request_too_large", YES, False),
    (429, openai("slow down", "rate_limit_exceeded"), 429, "rate_limit_exceeded", YES, False),
    (429, openai("too many tokens per minute"), 429, "rate_limit_exceeded", YES, False),
    (400, router(400, "x", error_type="rate_limit_exceeded"), 429, "rate_limit_exceeded", YES, False),
    (499, ollama("request canceled"), 502, "upstream_error", YES, False),
    (500, ollama("template: :1: unclosed action"), 400, None, NO, False),
    (500, ollama('template: :1:3: executing "" at <.X>: no such field'), 502, "upstream_error", YES, True),
    (500, ollama('invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'), 400, None, NO, False),
    (500, b"Internal Server Error", 502, "upstream_error", YES, True),
    (500, ollama("CUDA error: out of memory"), 502, "upstream_error", YES, True),
    (502, router(502, "Provider returned error", raw="bad gateway"), 502, "upstream_error", YES, True),
    (504, b"", 504, "upstream_timeout", YES, True),
    (520, b"", 502, "upstream_error", YES, True),
    (522, b"", 504, "upstream_timeout", YES, True),
    (524, b"", 504, "upstream_timeout", YES, True),
    (527, b"", 502, "upstream_error", YES, True),
    (503, openai("Loading model", 503, "unavailable_error"), 503, "loading", YES, False),
    (
        503,
        ollama("server busy, please try again.  maximum pending requests exceeded"),
        503,
        "overloaded",
        YES,
        True,
    ),
    (503, b"", 503, "overloaded", YES, True),
    (529, openai("overloaded"), 503, "overloaded", YES, True),
    (503, openai("x", "no_local_provider"), 503, "no_local_provider", YES, False),
    (503, openai("x", "not_local"), 503, "no_local_provider", YES, False),
    (503, openai("x", "secret_in_prompt"), 503, "no_local_provider", YES, False),
    (503, ollama("a secret, and routing.secrets keeps it on local providers"), 503, "no_local_provider", YES, False),
    (503, ollama("Model 'm' may only be answered by a local provider"), 503, "no_local_provider", YES, False),
    (508, openai("loop"), 508, "loop_detected", YES, False),
    (599, b"", 502, "upstream_error", YES, True),
    (301, b"", 502, "upstream_redirect", YES, True),
    (302, b"<a href=x>", 502, "upstream_redirect", YES, True),
    (304, b"", 502, "upstream_redirect", YES, True),
    (308, b"", 502, "upstream_redirect", YES, True),
    (204, b"", 502, "upstream_bad_response", YES, True),
    (999, b"", 502, "upstream_bad_response", YES, True),
]


@pytest.mark.parametrize(("status", "body", "seen", "code", "fallback", "blames"), ROWS)
def test_every_row(status: int, body: bytes, seen: int, code: str | None, fallback: Fallback, blames: bool) -> None:
    error = failure(status, body)
    assert (error.status, error.code, error.fallback) == (seen, code, fallback)
    assert error.blames_provider is blames
    assert error.upstream_status == status
    assert error.outcome == f"http_{status}"
    kinds = {400: INVALID, 401: "authentication_error", 404: INVALID, 413: INVALID, 429: "rate_limit_error"}
    assert error.kind == kinds.get(seen, "server_error")
    assert f"HTTP {status}" in error.problem


OVERFLOWS = [
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "the request exceeds the available context size",
    "Context size has been exceeded.",
    "prompt is too long: 250000 tokens > 200000 maximum",
    "prompt too long; exceeded max context length by 12 tokens",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "The prompt (length 9000) is longer than the model's context length (8192)",
    "the input length exceeds the context length",
    "Your input exceeds the context window of this model",
    "Context length exceeded",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Please reduce the length of the messages or completion.",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "The number of tokens to keep from the initial prompt is greater than the context length",
    "Trying to keep the first 5000 tokens when context overflows: context overflow",
    "Input is too long for requested model.",
    "input (900 tokens) is too large to process. increase the physical batch size",
    "too many tokens: size limit exceeded by 7 tokens",
    "capability_rejected: prompt_too_long",
]


@pytest.mark.parametrize("wording", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_context_overflow_is_known_by_any_wording_and_status(wording: str, status: int) -> None:
    inner = openai(wording, 400).decode()
    for body in (openai(wording), ollama(wording), ollama(inner), wording.encode(), router(400, "x", raw=inner)):
        error = failure(status, body)
        assert (error.status, error.code, error.fallback) == (400, "context_length_exceeded", LARGER)
        assert not error.blames_provider
    event = event_failure({"code": 400, "message": wording})
    assert (event.code, event.fallback) == ("context_length_exceeded", LARGER)


@pytest.mark.parametrize(
    "body",
    [
        openai("x", "context_length_exceeded"),
        openai("x", 400, "exceed_context_size_error", n_prompt_tokens=9, n_ctx=8),
        openai("x", 400, "prompt_too_long"),
        router(400, "x", error_type="context_length_exceeded"),
        router(400, "x", error_type="max_tokens_exceeded"),
    ],
)
def test_a_context_overflow_is_known_by_its_type(body: bytes) -> None:
    assert failure(400, body).fallback is LARGER


@pytest.mark.parametrize(
    ("error", "seen", "code", "fallback"),
    [
        ("an error was encountered while running the model: CUDA error", 502, "upstream_error", YES),
        ("model 'x' not found", 404, "model_not_found", YES),
        ('"m" does not support tools', 400, "unsupported_feature", YES),
        ('{"error":{"code":400,"message":"prompt is too long"}}', 400, "context_length_exceeded", LARGER),
        (None, 502, "upstream_error", YES),
        ({}, 502, "upstream_error", YES),
        (17, 502, "upstream_error", YES),
        ({"message": "x", "code": 502}, 502, "upstream_error", YES),
        ({"message": "x", "code": "502"}, 502, "upstream_error", YES),
        ({"message": "Provider disconnected", "code": "server_error"}, 502, "upstream_error", YES),
        ({"message": "x", "code": 429}, 429, "rate_limit_exceeded", YES),
        ({"message": "x", "type": "rate_limit_error"}, 429, "rate_limit_exceeded", YES),
        ({"message": "x", "status": "RESOURCE_EXHAUSTED"}, 429, "rate_limit_exceeded", YES),
        ({"message": "x", "type": "overloaded_error"}, 503, "overloaded", YES),
        ({"message": "x", "metadata": {"error_type": "provider_overloaded"}}, 503, "overloaded", YES),
        ({"message": "x", "metadata": {"error_type": "provider_unavailable"}}, 502, "upstream_error", YES),
        ({"message": "x", "metadata": {"error_type": "timeout"}}, 504, "upstream_timeout", YES),
        ({"message": "x", "code": 500, "metadata": {"error_type": "payment_required"}}, 502, "upstream_credit", YES),
        ({"message": "x", "metadata": {"error_type": "authentication"}}, 502, "upstream_auth", YES),
        ({"message": "x", "metadata": {"error_type": "permission_denied"}}, 502, "upstream_forbidden", YES),
        ({"message": "x", "metadata": {"error_type": "unmapped"}}, 502, "upstream_error", YES),
        ({"message": "x", "type": "invalid_request_error"}, 400, None, NO),
        ({"message": "x", "code": 400, "type": "invalid_request_error"}, 400, None, NO),
        ({"message": "x", "code": 403, "metadata": {"reasons": ["y"]}}, 400, "content_policy_violation", NO),
        ({"message": "x", "error_type": "content_policy_violation"}, 400, "content_policy_violation", NO),
        ({"message": "x", "http_status": 503}, 503, "overloaded", YES),
        ({"message": "Loading model", "code": 503}, 503, "loading", YES),
        ({"message": "x", "availability": {"code": "model_not_found"}}, 404, "model_not_found", YES),
        ([{"error": {"code": 413, "message": "x"}}], 413, "request_too_large", YES),
    ],
)
def test_errors_inside_a_200(error: object, seen: int, code: str | None, fallback: Fallback) -> None:
    refused = event_failure(error)
    assert (refused.status, refused.code, refused.fallback) == (seen, code, fallback)
    assert refused.outcome == "error_event"
    assert refused.upstream_status is None
    assert "HTTP" not in refused.problem


# --- what is told ----------------------------------------------------------------------


def test_the_message_says_what_happened_and_what_to_do() -> None:
    error = failure(402, openai("Insufficient credits"))
    error.provider = "openrouter"
    assert str(error) == "openrouter: has no credit left (HTTP 402): Insufficient credits; top it up at the provider"
    assert event_failure("boom").problem == "reported an error: boom"
    assert failure(500, b"").problem == "failed (HTTP 500)"


def test_a_key_is_never_repeated() -> None:
    error = failure(401, openai("Incorrect API key provided: my-odd-key"))
    assert error.problem == "rejected its API key (HTTP 401); check its api_key in the config"
    for status in (400, 403, 429, 500):
        told = failure(status, openai("the key sk-live-SECRET1234567890 is bad")).problem
        assert "SECRET" not in told
    long = openai("x" * 190 + " sk-live-SECRET1234567890")
    assert "sk-live" not in failure(500, long).problem


@pytest.mark.parametrize("body", [openai("a\x1b[2Jb\r\nX-Evil: 1\u202e"), b"a\x1b[2Jb\r\nX-Evil: 1\xe2\x80\xae"])
def test_a_message_is_one_printable_line(body: bytes) -> None:
    told = failure(500, body).problem
    assert told.isprintable()
    assert "X-Evil" in told


def test_a_message_holds_a_line_of_the_providers_words() -> None:
    told = failure(500, openai("word " * 1000)).problem
    assert len(told) < 250
    assert told.endswith("…")
    assert failure(500, b"<html>" + b"x" * 1000).problem == "failed (HTTP 500)"


def test_the_parameter_at_fault_is_passed_on() -> None:
    assert failure(400, b'{"error":{"message":"x","param":"messages[0]"}}').param == "messages[0]"
    assert failure(500, b'{"error":{"message":"x","param":"messages[0]"}}').param is None
    assert failure(400, b'{"error":{"message":"x","param":7}}').param is None


# --- pauses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "retry_after", "wait", "is_pause"),
    [
        (429, "7", 7.0, True),
        (429, None, None, True),
        (429, "soon", None, True),
        (429, "Fri, 15 Jan 2027 08:01:00 GMT", 60.0, True),
        (503, "7", 7.0, True),
        (503, None, 5.0, False),
        (503, "nan", 5.0, False),
        (529, "0", 0.0, True),
        (402, "30", 30.0, False),
        (425, "3", 3.0, False),
        (500, "7", None, False),
        (401, "7", None, False),
    ],
)
def test_pauses(status: int, retry_after: str | None, wait: float | None, is_pause: bool) -> None:
    error = failure(status, b"", retry_after, now=NOW)
    assert (error.retry_after_s, error.is_pause) == (wait, is_pause)
    assert not (error.is_pause and error.blames_provider)


def test_a_wait_may_stand_in_the_body() -> None:
    def waiting(value: object) -> Refused:
        return event_failure({"code": 429, "availability": {"retry_after": value}})

    assert waiting(12).retry_after_s == 12
    assert waiting("2.5").retry_after_s == 2.5
    assert waiting([1]).retry_after_s is None
    assert waiting(True).retry_after_s is None


def test_what_a_provider_cannot_do_another_may() -> None:
    refused = unsupported("does not support x")
    assert (refused.status, refused.kind, refused.code) == (400, INVALID, "unsupported_feature")
    assert (refused.fallback, refused.blames_provider, refused.outcome) == (YES, False, "http_400")


# --- ends that are failures ---


@pytest.mark.parametrize(
    ("word", "status", "code", "is_blamed"),
    [
        ("insufficient_system_resource", 503, "overloaded", True),
        ("network_error", 502, "upstream_error", True),
        ("Network-Error", 502, "upstream_error", True),
        ("abort", 502, "upstream_error", False),
        ("cancelled", 502, "upstream_error", False),
        ("timeout", 504, "upstream_timeout", True),
        ("timed out", 504, "upstream_timeout", True),
        ("failed", 502, "upstream_error", True),
        ("error", 502, "upstream_error", True),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", 502, "upstream_error", False),
        ({"type": "abort", "message": "no room in the cache"}, 502, "upstream_error", False),
    ],
)
def test_a_failing_end(word: Any, status: int, code: str, is_blamed: bool) -> None:
    refused = failed_end(word)
    assert refused is not None
    assert (refused.status, refused.code, refused.blames_provider) == (status, code, is_blamed)
    assert (refused.fallback, refused.outcome) == (YES, "error_event")
    assert str(word["message"] if isinstance(word, dict) else word) in refused.problem


@pytest.mark.parametrize(
    "word", ["stop", "length", "eos", "sensitive", "", None, 7, [], {}, {"type": "stop"}, "unheard"]
)
def test_a_normal_end(word: Any) -> None:
    assert failed_end(word) is None
