"""Go's words for what it cannot read, as its encoding/json and Ollama's structs produce them."""

from __future__ import annotations

import pytest

from tests.fakes import ollama_requests
from tests.fakes.ollama_json import GoError, NoBody, decoded, go_dumps
from tests.fakes.ollama_names import parse, reference, same

FIELD = "json: cannot unmarshal"
WORDS = [
    # syntax (encoding/json/scanner.go)
    ("{", "unexpected EOF"),
    ('{"model":"x', "unexpected EOF"),
    ("{nope", "invalid character 'n' looking for beginning of object key string"),
    ("nope", "invalid character 'o' in literal null (expecting 'u')"),
    ("x", "invalid character 'x' looking for beginning of value"),
    ('{"a" 1}', "invalid character '1' after object key"),
    ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    ('{"a":[1 2]}', "invalid character '2' after array element"),
    ('{"a":"b\nc"}', "invalid character '\\n' in string literal"),
    ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    ("\ufeff{}", "invalid character '\\xef' looking for beginning of value"),
    # types
    ("[]", f"{FIELD} array into Go value of type api.ChatRequest"),
    ('{"stream":"yes"}', f"{FIELD} string into Go struct field ChatRequest.stream of type bool"),
    ('{"top_logprobs":1.5}', f"{FIELD} number 1.5 into Go struct field ChatRequest.top_logprobs of type int"),
    ('{"messages":[5]}', f"{FIELD} number into Go struct field ChatRequest.messages of type api.Message"),
    (
        '{"messages":[{"tool_calls":[{"function":{"name":5}}]}]}',
        f"{FIELD} number into Go struct field ChatRequest.messages.tool_calls.function.name of type string",
    ),
    (
        '{"tools":[{"function":{"parameters":{"type":["object"]}}}]}',
        f"{FIELD} array into Go struct field ToolFunctionParameters.tools.function.parameters.type of type string",
    ),
    (
        '{"tools":[{"function":{"parameters":{"properties":{"a":{"type":5}}}}}]}',
        f"{FIELD} number into Go struct field ToolFunctionParameters.tools.function.parameters.properties.type"
        " of type []string",
    ),
    # types with words of their own
    ('{"keep_alive":"300"}', 'time: missing unit in duration "300"'),
    ('{"keep_alive":"soon"}', 'time: invalid duration "soon"'),
    ('{"keep_alive":[]}', "Unsupported type: '[]interface {}'"),
    ('{"messages":[{"images":["abcde"]}]}', "illegal base64 data at input byte 4"),
    # of two mistakes the first
    ('{"stream":"yes","think":3}', f"{FIELD} string into Go struct field ChatRequest.stream of type bool"),
]


@pytest.mark.parametrize(("text", "words"), WORDS, ids=lambda value: value[:40])
def test_the_words(text: str, words: str) -> None:
    with pytest.raises(GoError) as caught:
        decoded(text.encode(), ollama_requests.CHAT)
    assert str(caught.value) == words


def test_what_go_forgives() -> None:
    given = b' {"MODEL":"m","unknown":[],"stream":null,"messages":[null]} and more'
    assert decoded(given, ollama_requests.CHAT) == {"model": "m", "messages": [None]}
    assert decoded(b"null", ollama_requests.CHAT) == {}
    with pytest.raises(NoBody):
        decoded(b" \n", ollama_requests.CHAT)


def test_markup_is_escaped() -> None:
    assert go_dumps({"a": "<é>&\u2028"}) == b'{"a":"\\u003c\xc3\xa9\\u003e\\u0026\\u2028"}'


@pytest.mark.parametrize("name", ["m", "M:latest", "library/m", "registry.ollama.ai/library/m:LATEST"])
def test_one_model_has_many_names(name: str) -> None:
    assert same(name, "m")
    assert parse(name).shortest.lower() == "m:latest"


@pytest.mark.parametrize("name", ["", "a b", "m:", "/m", "a/b/c/d", "m:x y", "-m", "m" * 81])
def test_a_name_may_be_invalid(name: str) -> None:
    assert not parse(name).is_valid


def test_where_a_name_sends_a_request() -> None:
    assert (reference("gpt-oss:120b-cloud").base, reference("gpt-oss:120b-cloud").source) == ("gpt-oss:120b", "cloud")
    assert (reference("kimi:CLOUD").base, reference("kimi:CLOUD").source) == ("kimi", "cloud")
    assert reference("my-cloud").source is None
    assert reference("m:local").source == "local"
    assert reference("m:cloud:local").is_contradictory
