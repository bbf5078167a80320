"""Fields of a body that a provider does not take."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.parameters import without
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import CHAT, MESSAGES, asked_until_taken, step

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "temperature is not supported", "name": "x", "metadata": 1}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "top_p": 0.9,
    "verbosity": "low",
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "logit_bias": {},
    "frequency_penalty": 0,
    "user": "me",
    "metadata": {},
    "store": False,
    "seed": 1,
    "prompt_cache_key": "k",
    "reasoning_effort": "high",
    "thinking": {"type": "adaptive"},
    "tools": [{}],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
    "n": 2,
    "stop": ["x"],
    "logprobs": True,
    "context_management": {},
}

# Where the words were seen → what is left out.
REFUSED = {
    "openai: llama_index#20865": (
        400,
        b'{"error": {"message": "Unsupported parameter: \'parallel_tool_calls\' is not supported with this model.",'
        b' "type": "invalid_request_error", "param": "parallel_tool_calls", "code": "unsupported_parameter"}}',
        "parallel_tool_calls",
    ),
    "openai: pal-mcp-server#78": (
        400,
        b'{"error": {"message": "Unsupported parameter: \'temperature\' is not supported with this model.",'
        b' "type": "invalid_request_error", "param": "temperature", "code": "unsupported_parameter"}}',
        "temperature",
    ),
    "openai: the default alone, qwen-code#921": (
        400,
        b'{"error": {"message": "Unsupported value: \'temperature\' does not support 0 with this model. Only the'
        b' default (1) value is supported.", "type": "invalid_request_error", "param": "temperature",'
        b' "code": "unsupported_value"}}',
        "temperature",
    ),
    "openai: one value named": (
        400,
        b'{"error": {"message": "Unsupported value: \'low\' is not supported with the \'gpt-4o\' model. Verbosity'
        b' supported values are: \'medium\'.", "type": "invalid_request_error", "param": "verbosity",'
        b' "code": "unsupported_value"}}',
        "verbosity",
    ),
    "openai: one value named, the field in param alone, codex#19188": (
        400,
        b'{"error": {"message": "Unsupported value: \'low\' is not supported with the \'gpt-4o\' model. Supported'
        b' values are: \'medium\'.", "param": "verbosity", "code": "unsupported_value"}}',
        "verbosity",
    ),
    "openai: a field of the books": (
        400,
        b'{"error": {"message": "Invalid service_tier argument", "type": "invalid_request_error",'
        b' "param": "service_tier", "code": null}}',
        "service_tier",
    ),
    "moonshot: one value named": (
        400,
        b'{"error":{"message":"invalid temperature: only 1 is allowed for this model","type":"invalid_request_error"}}',
        "temperature",
    ),
    "azure: promptfoo#3781": (
        400,
        b'{"error": {"message": "Unknown parameter: \'reasoning_effort\'.", "type": "invalid_request_error",'
        b' "param": "reasoning_effort", "code": "unknown_parameter"}}',
        "reasoning_effort",
    ),
    "xai: grok2api#814": (
        400,
        b'{"code":"invalid-argument","error":"Model grok-4.20-0309-reasoning does not support parameter'
        b' reasoningEffort."}',
        "reasoning_effort",
    ),
    "mistral: platform-docs-public#7": (
        422,
        b'{"object":"error","message":"{\\"detail\\":[{\\"type\\":\\"extra_forbidden\\",\\"loc\\":[\\"body\\",'
        b'\\"frequency_penalty\\"],\\"msg\\":\\"Extra inputs are not permitted\\",\\"input\\":0.0}]}",'
        b'"type":"internal_error_proxy","param":null,"code":"1000"}',
        "frequency_penalty",
    ),
    "vllm, in Python's notation: void#128": (
        400,
        b"{\"object\": \"error\", \"message\": \"[{'type': 'extra_forbidden', 'loc': ('body', 'prompt_cache_key'),"
        b" 'msg': 'Extra inputs are not permitted', 'input': 8192}]\", \"type\": \"BadRequestError\","
        b' "param": null, "code": 400}',
        "prompt_cache_key",
    ),
    "fastapi": (
        422,
        b'{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted"}]}',
        "store",
    ),
    "anthropic: claude-code": (
        400,
        b'{"type":"error","error":{"type":"invalid_request_error",'
        b'"message":"context_management: Extra inputs are not permitted"}}',
        "context_management",
    ),
    "anthropic: deprecated": (
        400,
        b'{"type":"error","error":{"type":"invalid_request_error",'
        b'"message":"`temperature` is deprecated for this model."}}',
        "temperature",
    ),
    "anthropic: not both": (
        400,
        b'{"type":"error","error":{"type":"invalid_request_error","message":"`temperature` and `top_p` cannot both be'
        b' specified for this model. Please use only one."}}',
        "top_p+temperature",
    ),
    "json schema": (
        400,
        b'{"error": "Additional properties are not allowed (\'metadata\' was unexpected)"}',
        "metadata",
    ),
    "plain text": (400, b"unknown field `service_tier`", "service_tier"),
    "python, as 500": (
        500,
        b"TypeError: create() got an unexpected keyword argument 'logit_bias'",
        "logit_bias",
    ),
    "google": (
        400,
        b'[{"error": {"code": 400, "message": "Invalid JSON payload received. Unknown name \\"seed\\":'
        b' Cannot find field.", "status": "INVALID_ARGUMENT"}}]',
        "seed",
    ),
    "openai, before 2024": (
        400,
        b'{"error": {"message": "Unrecognized request argument supplied: user", "type": "invalid_request_error"}}',
        "user",
    ),
}


@pytest.mark.parametrize("seen", REFUSED)
def test_exactly_the_field_that_is_refused_is_left_out(seen: str) -> None:
    status, words, field = REFUSED[seen]
    assert step(BODY, words, status) == f"parameter:{field}"
    assert adapt(BODY, [Adapted("parameter", field)], []) == without(BODY, field.partition("+")[0])


PASSED_ON = {
    "a value out of range": b'{"error": {"message": "Invalid \'temperature\': decimal above maximum value. Expected a'
    b' value <= 2, but got 5 instead.", "type": "invalid_request_error", "param": "temperature",'
    b' "code": "decimal_above_max_value"}}',
    "a value of a wrong type": b'{"detail":[{"type":"float_parsing","loc":["body","temperature"],'
    b'"msg":"Input should be a valid number, unable to parse string as a number"}]}',
    "several values are named": b'{"error": {"message": "Unsupported value: \'verbosity\' does not support \'max\' with'
    b" this model. Supported values are: 'low', 'medium', and 'high'.\", \"param\": \"verbosity\","
    b' "code": "unsupported_value"}}',
    "how many answers": b'{"error": {"message": "n is not supported"}}',
    "where it stops": b'{"error": {"message": "Unsupported parameter: \'stop\' is not supported with this model."}}',
    "probabilities": b'{"error": {"message": "logprobs is not supported", "param": "logprobs",'
    b' "code": "unsupported_parameter"}}',
    "a field inside a message": b'{"detail":[{"loc":["body","messages",0,"user","metadata"],'
    b'"msg":"Extra inputs are not permitted"}]}',
    "the same in Python's notation": b"[{'type': 'extra_forbidden', 'loc': ('body', 'messages', 0, 'metadata'),"
    b" 'msg': 'Extra inputs are not permitted'}]",
    "a field inside a tool": b'{"error":{"message":"tools.0.custom.metadata: Extra inputs are not permitted"}}',
    "another model": b'{"error": {"message": "Only the default (1) value is supported."}}',
}


@pytest.mark.parametrize("what", PASSED_ON)
def test_a_mistake_of_the_client_and_what_the_answer_has_to_be_are_passed_on(what: str) -> None:
    body = without(without(BODY, "reasoning_effort"), "stream_options")
    assert step(body, PASSED_ON[what]) in (None, "message_field:metadata")


def test_a_field_that_is_not_in_the_body_is_not_left_out() -> None:
    assert step({"model": "m", "messages": []}, REFUSED["plain text"][1]) is None


def test_one_field_after_the_other() -> None:
    words = [REFUSED["plain text"][1], REFUSED["fastapi"][1], REFUSED["google"][1]]
    used, body = asked_until_taken(BODY, words)
    assert used == ["parameter:service_tier", "parameter:store", "parameter:seed"]
    assert body.keys() == BODY.keys() - {"service_tier", "store", "seed"}


def test_a_body_of_anthropics_dialect() -> None:
    body = {"model": "m", "messages": [], "max_tokens": 1, "context_management": {}, "stop_sequences": ["a"]}
    assert step(body, REFUSED["anthropic: claude-code"][1], form=MESSAGES) == "parameter:context_management"
    assert step(body, b"stop_sequences: Extra inputs are not permitted", form=MESSAGES) is None


def test_a_field_is_left_out_of_a_copy() -> None:
    body = {"a": 1, "b": 2}
    assert without(body, "a") == {"b": 2}
    assert without(body, "c") is body
    assert body == {"a": 1, "b": 2}
    assert step(BODY, b"", form=CHAT) is None


def test_of_two_fields_that_exclude_each_other_one_stays_where_it_stands_alone() -> None:
    lesson = [Adapted("parameter", "top_p+temperature")]
    assert adapt({"top_p": 0.5, "temperature": 1}, lesson, []) == {"temperature": 1}
    alone = {"top_p": 0.5}
    assert adapt(alone, lesson, []) is alone


def test_a_list_of_roles_names_no_field() -> None:
    words = (
        b"{\"error\":{\"message\":\"Invalid value: 'bot'. Supported values are: 'system', 'assistant', and 'user'.\","
        b'"param":"messages[0].role","code":"invalid_value"}}'
    )
    assert step(BODY, words) is None
