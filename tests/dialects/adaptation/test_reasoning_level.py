"""How hard a model shall think: levels that a provider does not know."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import CHAT, MESSAGES, OLLAMA, RESPONSES, asked_until_taken, step

COPILOT = (  # ccs#344
    b'{"error":{"message":"Unsupported value: \'reasoning_effort\' does not support \'LEVEL\' with this model.'
    b" Supported values are: 'minimal', 'low', 'medium', and 'high'.\",\"code\":\"unsupported_value\"}}"
)
GPT_5_1 = (  # memory-lancedb-pro#201
    b'{"error":{"message":"Unsupported value: \'LEVEL\' is not supported with the \'gpt-5.1\' model. Supported values'
    b' are: \'none\', \'low\', \'medium\', and \'high\'.","type":"invalid_request_error","param":"reasoning_effort",'
    b'"code":"unsupported_value"}}'
)
QUOTIO = b'level "LEVEL" not supported, valid levels: low, medium, high, xhigh'  # quotio#287
KIMI = (  # CLIProxyAPI#1307
    b"Validation error for `reasoning_effort`: expected one of 'low' | 'medium' | 'high', received 'LEVEL'."
)
LOGOS = (  # edutelligence#749
    b'{"error":{"type":"internal_error","message":"Unexpected reasoning effort LEVEL. Supported types are xhigh'
    b' (default), medium, and low."}}'
)
GROQ = b'{"error":{"message":"`reasoning_effort` must be one of `none` or `default`"}}'  # pi#1745
MISTRAL = (
    b"reasoning_effort 'LEVEL' is not supported for this model, expected one of ['low', 'high', 'max']"  # vibe#1117
)
MISTRAL_SCHEMA = (
    b'{"detail":[{"loc":["body","reasoning_effort"],"msg":"Input should be \'none\', \'minimal\', \'low\', \'medium\''
    b" or 'high'\"}]}"
)
WITH_TOOLS = (
    b'{"error":{"message":"Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions.'
    b' Please use /v1/responses or set reasoning_effort to \'none\'.","param":"reasoning_effort"}}'
)
BLIND = b"invalid reasoning_effort: LEVEL"


@pytest.mark.parametrize(
    ("words", "given", "taken"),
    [
        (COPILOT, "xhigh", "high"),
        (COPILOT, "max", "high"),
        (COPILOT, "none", "minimal"),
        (GPT_5_1, "xhigh", "high"),
        (GPT_5_1, "minimal", "low"),
        (KIMI, "xhigh", "high"),
        (LOGOS, "high", "medium"),
        (GROQ, "high", "default"),
        (MISTRAL, "medium", "low"),
        (MISTRAL, "xhigh", "high"),
        (MISTRAL_SCHEMA, "max", "high"),
        (BLIND, "max", "xhigh"),
        (BLIND, "xhigh", "high"),
        (BLIND, "minimal", "low"),
        (BLIND, "high", ""),
        (WITH_TOOLS, "medium", "none"),
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_the_next_lower_level_that_is_named_is_asked_for(words: bytes, given: str, taken: str, status: int) -> None:
    words = words.replace(b"LEVEL", given.encode())
    used, body = asked_until_taken({"model": "m", "reasoning_effort": given}, [words], status)
    assert used == [f"reasoning_level:{given}>{taken}"]
    assert body == ({"model": "m", "reasoning_effort": taken} if taken else {"model": "m"})


@pytest.mark.parametrize(
    ("form", "body", "left"),
    [
        (CHAT, {"reasoning": {"effort": "max", "x": 1}}, {"reasoning": {"effort": "high", "x": 1}}),
        (RESPONSES, {"reasoning": {"effort": "max"}}, {"reasoning": {"effort": "high"}}),
        (MESSAGES, {"output_config": {"effort": "max"}}, {"output_config": {"effort": "high"}}),
        (
            CHAT,
            {"chat_template_kwargs": {"reasoning_effort": "max"}},
            {"chat_template_kwargs": {"reasoning_effort": "high"}},
        ),
    ],
    ids=["openrouter", "responses", "messages", "template"],
)
def test_wherever_the_body_says_it(form: Any, body: dict[str, Any], left: dict[str, Any]) -> None:
    words = b"effort 'max' is not supported. Supported levels: high, low, medium."
    assert asked_until_taken(body, [words], form=form) == (["reasoning_level:max>high"], left)


def test_a_level_that_was_not_refused_is_still_asked_for() -> None:
    learnt = [Adapted("reasoning_level", "xhigh>high")]
    body = {"reasoning_effort": "low"}
    assert adapt(body, learnt, []) is body
    assert adapt({"reasoning": {"effort": "xhigh"}}, [Adapted("reasoning_level", "xhigh>")], []) == {}
    assert adapt({"reasoning_effort": "xhigh"}, [Adapted("reasoning_level", "xhigh>your prompt")], []) == {
        "reasoning_effort": "xhigh"
    }


def test_a_field_that_is_refused_as_such_is_another_rows() -> None:
    words = b"reasoning_effort is not supported with this model"
    assert step({"reasoning_effort": "high"}, words) == "parameter:reasoning_effort"
    words = b'{"error":{"message":"Unrecognized request argument supplied: reasoning_effort"}}'
    assert step({"reasoning_effort": "none"}, words) == "parameter:reasoning_effort"
    words = b"{'message': 'tools are not supported', 'param': None}"
    assert step({"reasoning_effort": "high"}, words) is None


# --- an Ollama ------------------------------------------------------------------------

WORD_REFUSED = b'{"error":"think value \\"LEVEL\\" is not supported for this model"}'  # server/routes.go, 0.11 to 0.17
INVALID = b'{"error":"invalid think value: \\"LEVEL\\" (must be \\"high\\", \\"medium\\", \\"low\\", true, or false)"}'
UNMARSHAL = b'{"error":"json: cannot unmarshal string into Go struct field ChatRequest.think of type bool"}'  # 0.9
CANNOT = b'{"error":"\\"smol\\" does not support thinking"}'


@pytest.mark.parametrize(
    ("words", "given", "taken"),
    [
        (WORD_REFUSED, "max", "high"),
        (WORD_REFUSED, "high", True),
        (WORD_REFUSED, "low", True),
        (INVALID, "max", "high"),
        (INVALID, "xhigh", "high"),
        (UNMARSHAL, "medium", True),
        (CANNOT, "high", None),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_an_ollamas_think(words: bytes, given: Any, taken: Any, status: int) -> None:
    words = words.replace(b"LEVEL", str(given).encode())
    _used, body = asked_until_taken({"model": "m", "think": given}, [words], status, OLLAMA)
    assert body == ({"model": "m"} if taken is None else {"model": "m", "think": taken})


def test_from_max_down_to_a_plain_wish() -> None:
    words = [WORD_REFUSED.replace(b"LEVEL", b"max"), WORD_REFUSED.replace(b"LEVEL", b"high")]
    used, body = asked_until_taken({"think": "max"}, words, form=OLLAMA)
    assert (used, body) == (["think:max>high", "think:high>true"], {"think": True})


@pytest.mark.parametrize("think", [True, "high", "max"])
@pytest.mark.parametrize("words", [CANNOT, b"thinking is not supported"])
def test_a_model_that_cannot_think_is_asked_without(think: Any, words: bytes) -> None:
    used, body = asked_until_taken({"model": "m", "think": think, "prompt": "a"}, [words], form=OLLAMA)
    assert (used, body) == (["think:*>"], {"model": "m", "prompt": "a"})


def test_a_lesson_for_one_word_leaves_a_plain_wish_alone() -> None:
    body = {"think": True}
    assert adapt(body, [Adapted("think", "high>true"), Adapted("think", "max>high")], []) is body


def test_a_wish_not_to_think_is_left_alone() -> None:
    body = {"think": False}
    assert step(body, CANNOT, form=OLLAMA) is None
    assert adapt(body, [Adapted("think", "*>")], []) is body
    assert step({"think": 3}, b"think must be a boolean or string", form=OLLAMA) is None


def test_a_level_that_is_refused_beside_tools_is_lowered_beside_tools_only() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert step({"reasoning_effort": "high", "tools": tools}, WITH_TOOLS) == "reasoning_level:high>none+tools"
    lesson = [Adapted("reasoning_level", "high>none+tools")]
    assert adapt({"reasoning_effort": "high", "tools": tools}, lesson, [])["reasoning_effort"] == "none"
    assert adapt({"reasoning_effort": "high"}, lesson, []) == {"reasoning_effort": "high"}
