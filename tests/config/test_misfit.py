"""What does not fit is said in a sentence, and the nearest known word is found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from linx.config.misfit import READINGS, fitted, nearest, place
from linx.config.shape import (
    FileShape,
    ProviderShape,
    RoutingConfig,
    SectionShape,
    ServerConfig,
    Shape,
    TunnelConfig,
)
from linx.core.errors import ConfigError

# Which reading, a tree that does not fit, msgspec's own words for it, and what becomes of them.
SAID: list[tuple[str, type[Shape], Any, str, str]] = [
    (
        *("unknown", SectionShape, {"enpoint": "x"}),
        *("Object contains unknown field `enpoint`", "x: enpoint: unknown key; did you mean endpoint?"),
    ),
    (
        *("unknown", RoutingConfig, {"hedge": {"a`\n": 1}}),
        "Object contains unknown field `a`\n` - at `$.hedge`",
        "x: hedge.'a`\ufffd': unknown key; known: after, scope, budget",
    ),
    (
        *("missing", ProviderShape, {}, "Object missing required field `kind`"),
        "x: kind: is missing; it must be one of ollama, llamacpp, openrouter, openai, anthropic",
    ),
    ("bounds", ServerConfig, {"port": -1}, "Expected `int` >= 0 - at `$.port`", "x: port: must be at least 0"),
    (
        "bounds",
        ServerConfig,
        {"port": 99999},
        "Expected `int` <= 65535 - at `$.port`",
        "x: port: must be at most 65535",
    ),
    (
        *("bounds", ServerConfig, {"heartbeat_s": 0}, "Expected `float` > 0.0 - at `$.heartbeat_s`"),
        "x: heartbeat_s: must be more than 0",
    ),
    (
        *("bounds", SectionShape, {"price": {"a.b": {"prompt": -1}}}),
        *("Expected `float` >= 0.0 - at `$.price[...].prompt`", "x: price.a.b.prompt: must be at least 0"),
    ),
    (
        *("empty", SectionShape, {"models": ["a", ""]}, "Expected `str` of length >= 1 - at `$.models[1]`"),
        "x: models[1]: must not be empty",
    ),
    (
        *("empty", RoutingConfig, {"provider_priority": [[]]}),
        *(
            "Expected `array` of length >= 1 - at `$.provider_priority[0]`",
            "x: provider_priority[0]: must not be empty",
        ),
    ),
    (
        *("choice", TunnelConfig, {"type": "ngrock"}, "Invalid enum value 'ngrock' - at `$.type`"),
        "x: type: must be one of localhost_run, ngrok, ssh; did you mean ngrok?",
    ),
    (
        *("choice", SectionShape, {"num_ctx": "atuo"}, "Invalid enum value 'atuo' - at `$.num_ctx`"),
        'x: num_ctx: must be a whole number, "auto" or null',
    ),
    ("type", SectionShape, [], "Expected `object`, got `array`", "x: must be an object, not a list"),
    (
        *("type", SectionShape, {"api_key": 1.5}, "Expected `str | null`, got `float` - at `$.api_key`"),
        "x: api_key: must be a string or null, not a number with a decimal point",
    ),
    (
        *("type", ServerConfig, {"api_key": True}, "Expected `array`, got `bool` - at `$.api_key`"),
        "x: api_key: must be a string, null, or a list of keys and named keys, not true or false",
    ),
    (
        *("type", FileShape, {"providers": {"y": {"kind": "ollama", "headers": {"a": None}}}}),
        "Expected `str`, got `null` - at `$.providers[...].headers[...]`",
        "x: providers.y.headers.a: must be a string, not null",
    ),
]


@pytest.mark.parametrize(("_reading", "shape", "tree", "words", "_sentence"), SAID)
def test_msgspec_says_it_in_the_words_that_are_read(
    _reading: str, shape: type[Shape], tree: Any, words: str, _sentence: str
) -> None:
    """A msgspec that puts it otherwise needs another pattern in READINGS."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(tree, shape)
    assert str(caught.value) == words


@pytest.mark.parametrize(("reading", "shape", "tree", "words", "sentence"), SAID)
def test_its_words_become_a_sentence(reading: str, shape: type[Shape], tree: Any, words: str, sentence: str) -> None:
    said = words.partition(" - at `$")[0]
    assert next(name for name, (pattern, _error) in READINGS.items() if pattern.fullmatch(said)) == reading
    with pytest.raises(ConfigError) as caught:
        fitted(tree, shape, "x")
    assert str(caught.value) == sentence


def test_every_reading_is_of_something_that_msgspec_says() -> None:
    assert {reading for reading, *_ in SAID} == READINGS.keys()


def test_a_key_in_the_wrong_section_is_told_where_it_belongs() -> None:
    with pytest.raises(ConfigError, match=r"^x: use_tunnel: unknown key; did you mean tunnel\.use_tunnel\?$"):
        fitted({"use_tunnel": True}, ServerConfig, "x")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("enpoint", "endpoint"),
        ("apiKey", "api_key"),
        ("API-KEY", "api_key"),
        ("enable_fallback", "fallback_enabled"),
        ("modelmapping", "model_mappings"),
        ("zzzz", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_word(word: str, expected: str | None) -> None:
    assert nearest(word, ("endpoint", "api_key", "fallback_enabled", "model_mappings")) == expected


def test_a_misfit_at_the_top_is_told_without_a_path() -> None:
    with pytest.raises(ConfigError, match=r"^here: must be an object, not a list$"):
        fitted([], ServerConfig, "here")


def test_a_place_is_a_dotted_path_behind_the_file() -> None:
    assert place("config.json", "server") == "config.json: server"
    assert place("config.json: server", "port") == "config.json: server.port"
    assert place("config.json: providers", "a b") == "config.json: providers.'a b'"
