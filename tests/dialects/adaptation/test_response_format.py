"""The answer's format in another form."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.response_format import RESPONSE_FORMAT
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import adapt, next_adaptation
from linx.dialects.failures.meaning import failure
from tests.dialects.adaptation.shapes import refusals

# lmstudio-bug-tracker#189 and #307
LM_STUDIO = "'response_format.type' must be 'json_schema' or 'text'"
# inspect_ai#4916, and with a 422 browser-use#215
DEEPSEEK = (
    "This response_format type is unavailable now",
    "Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` "
    "is unavailable now at line 1 column 12440",
)
# stagehand#1204; OpenAI says the same of 'messages'
WORD = "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
# groq-python#195
WITH_TOOLS = "json mode cannot be combined with tool/function calling"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
OBJECT = {"type": "json_object"}
WITH_SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
USER = {"role": "user", "content": "Where?"}


def body(wanted: Any, *before: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [*before, USER], "response_format": wanted, **more}


def step(words: str, asked: dict[str, Any], *used: Adapted) -> Adapted | None:
    steps = {next_adaptation(refusal, BodyFormat.CHAT, asked, used) for refusal in refusals(words)}
    assert len(steps) == 1
    return steps.pop()


def test_lm_studio_gets_a_schema_of_any_object() -> None:
    asked = body(OBJECT)
    found = step(LM_STUDIO, asked)
    assert found == Adapted("response_format", "json_schema")
    changed = adapt(asked, [found], [])
    assert changed["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert changed["messages"] is asked["messages"]
    assert asked == body(OBJECT)


@pytest.mark.parametrize("words", DEEPSEEK)
@pytest.mark.parametrize(
    ("first", "content"),
    [
        ((), None),
        (({"role": "system", "content": "Be brief."},), "Be brief."),
        (({"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},), [{"type": "text"}]),
    ],
)
def test_deepseek_gets_the_schema_in_the_prompt(words: str, first: Any, content: Any) -> None:
    asked = body(WITH_SCHEMA, *first)
    before = copy.deepcopy(asked)
    found = step(words, asked)
    assert found == Adapted("response_format", "json_object")
    changed = adapt(asked, [found], [])
    assert changed["response_format"] == OBJECT
    assert len(changed["messages"]) == 2
    said = changed["messages"][0]["content"]
    text = said if isinstance(said, str) else said[-1]["text"]
    assert '"city":{"type":"string"}' in text
    assert "JSON" in text  # DeepSeek insists on the word
    if isinstance(content, str):
        assert said.startswith(content)
    assert asked == before


def test_where_no_form_is_left_all_of_it_stands_in_the_prompt() -> None:
    asked = body(WITH_SCHEMA)
    first = step("response_format is not supported", asked)
    assert first == Adapted("response_format", "json_object")
    between = adapt(asked, [first], [])
    second = step("response_format is not supported", between, first)
    assert second == Adapted("response_format", "prompt")
    changed = adapt(asked, [first, second], [])
    assert "response_format" not in changed
    assert changed["messages"][0]["content"].count("JSON Schema") == 1


def test_a_schema_of_any_object_that_is_refused_as_well_becomes_a_prompt() -> None:
    steps = [Adapted("response_format", "json_schema")]
    between = adapt(body(OBJECT), steps, [])
    found = step(LM_STUDIO, between, *steps)
    assert found == Adapted("response_format", "prompt")
    changed = adapt(between, [found], [])
    assert "response_format" not in changed
    assert "JSON object" in changed["messages"][0]["content"]


def test_the_word_json_is_put_where_it_is_missing() -> None:
    asked = body(OBJECT)
    found = step(WORD, asked)
    assert found == Adapted("response_format", "word")
    changed = adapt(asked, [found], [])
    assert "JSON" in changed["messages"][0]["content"]
    assert changed["response_format"] == OBJECT
    assert RESPONSE_FORMAT.change(changed, "word") is changed


def test_beside_tools_only_the_prompt_is_left_and_without_them_nothing_changes() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    found = step(WITH_TOOLS, body(WITH_SCHEMA, tools=tools))
    assert found == Adapted("response_format", "prompt_with_tools")
    assert "response_format" not in adapt(body(WITH_SCHEMA, tools=tools), [found], [])
    plain = body(WITH_SCHEMA)
    assert adapt(plain, [found], []) is plain


def test_an_error_that_repeats_the_request_is_about_something_else() -> None:
    words = b"{\"error\": \"no such field: foo. Request: {'response_format': {'type': 'json_object'}}\"}"
    assert next_adaptation(failure(400, words), BodyFormat.CHAT, body(OBJECT), ()) is None


@pytest.mark.parametrize("wanted", [None, {"type": "text"}, "json", {"type": "grammar"}])
def test_another_format_is_left_alone(wanted: Any) -> None:
    asked = body(wanted)
    for words in (LM_STUDIO, *DEEPSEEK, WORD):
        assert next_adaptation(failure(400, words.encode()), BodyFormat.CHAT, asked, ()) is None
    for detail in ("json_object", "json_schema", "prompt", "word", "prompt_with_tools"):
        assert RESPONSE_FORMAT.change(asked, detail) is asked


@pytest.mark.parametrize(
    "words",
    [
        "Invalid schema for response_format 'x': In context=(), 'additionalProperties' is required to be supplied.",
        "Invalid schema for response_format 'x': schema must be a JSON Schema of 'type: \"object\"'.",
        "Invalid 'response_format.json_schema.name': string does not match pattern.",
        "Missing required parameter: 'response_format.json_schema.name'. It must be supported.",
    ],
)
def test_a_mistake_in_a_schema_is_no_refusal_of_the_form(words: str) -> None:
    """Else one client's mistake would take the form from all clients of the model."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "array"}}}
    for refusal in refusals(words):
        assert RESPONSE_FORMAT.recognise(refusal, {"messages": [], "response_format": form}) is None
