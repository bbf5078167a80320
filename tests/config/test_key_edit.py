"""Named keys in and out of config texts of every form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.config.key_edit import NEW, entries_in, names_of, with_key, without_key
from linx.core.errors import ConfigError
from tests.config.test_text_edit import TEXTS, VALUES, is_only_added, texts, value_of

ANNA: dict[str, Any] = {"name": "anna", "key_sha256": "ab" * 32, "models": ["qwen*", "m"], "budget": {"daily_usd": 1}}
WRITTEN = f'{{"name": "anna", "key_sha256": "{"ab" * 32}", "models": ["qwen*", "m"], "budget": {{"daily_usd": 1}}}}'

FORMS = {
    "no section": ("{}", '{"server": {"api_key": [ANNA]}}'),
    "new file": (NEW.decode(), '{\n  "server": {\n    "api_key": [\n      ANNA\n    ]\n  }\n}\n'),
    "no key": ('{"server": {"port": 1}}', '{"server": {"port": 1, "api_key": [ANNA]}}'),
    "empty section": ('{\n  "server": {}\n}\n', '{\n  "server": {"api_key": [ANNA]}\n}\n'),
    "null": ('{"server": {"api_key": null, "port": 1}}', '{"server": {"api_key": [ANNA], "port": 1}}'),
    "a key": ('{"server": {"api_key": "k\\u0065y"}}', '{"server": {"api_key": ["k\\u0065y", ANNA]}}'),
    "a variable": ('{"server": {"api_key": "env:KEY"}}', '{"server": {"api_key": ["env:KEY", ANNA]}}'),
    "no keys": ('{"server": {"api_key": []}}', '{"server": {"api_key": [ANNA]}}'),
    "keys": ('{"server": {"api_key": ["a", {"name": "b"}]}}', '{"server": {"api_key": ["a", {"name": "b"}, ANNA]}}'),
    "lines": (
        '{\n  "$schema": "s",\n  "server": {\n    "api_key": [\n      "a"\n    ]\n  },\n  "a": {}\n}\n',
        '{\n  "$schema": "s",\n  "server": {\n    "api_key": [\n      "a",\n      ANNA\n    ]\n  },\n  "a": {}\n}\n',
    ),
    "a byte order mark": ('\ufeff{"server": {}}', '\ufeff{"server": {"api_key": [ANNA]}}'),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_added_to_each_form(form: str) -> None:
    before, after = FORMS[form]
    found = with_key(before.encode(), "c.json", ANNA)
    assert found.decode() == after.replace("ANNA", WRITTEN)
    assert names_of(entries_in(found, "c.json"))[-1] == "anna"
    if form in ("no keys", "keys", "lines"):
        assert without_key(found, "c.json", "anna") == before.encode()


SERVERS = st.dictionaries(TEXTS, VALUES, max_size=2).flatmap(
    lambda rest: st.sampled_from(
        [
            {name: value for name, value in rest.items() if name != "api_key"},
            {**rest, "api_key": None},
            {**rest, "api_key": "a-key"},
            {**rest, "api_key": []},
            {"api_key": ["env:KEY", {"name": "ben", "key": 'with "quotes"'}], "port": 1},
        ]
    )
)
CONFIGS = st.tuples(st.dictionaries(TEXTS, VALUES, max_size=3), st.none() | SERVERS).map(
    lambda both: {
        **{name: value for name, value in both[0].items() if name != "server"},
        **({} if both[1] is None else {"server": both[1]}),
    }
)


@given(texts(CONFIGS))
@settings(max_examples=40, deadline=None)
def test_in_any_text_only_the_key_is_new(text: bytes) -> None:
    """The text reads as intended, in the same order; but for the brackets around a single key no byte has changed."""
    before = value_of(text)
    keys = before.get("server", {}).get("api_key")
    present = [] if keys is None else [keys] if isinstance(keys, str) else keys
    after = with_key(text, "c.json", ANNA)
    wanted = {**before, "server": {**before.get("server", {}), "api_key": [*present, ANNA]}}
    assert value_of(after) == wanted
    assert json.dumps(value_of(after)) == json.dumps(wanted)  # the order as well
    if keys is None and "api_key" in before.get("server", {}):
        assert after.replace(f"[{WRITTEN}]".encode(), b"null") == text
    elif isinstance(keys, str):
        assert after.replace(f", {WRITTEN}]".encode(), b"").replace(b'["a-key"', b'"a-key"') == text
    else:
        assert is_only_added(text, after)
    assert value_of(without_key(after, "c.json", "anna")) == {
        **before,
        "server": {**before.get("server", {}), "api_key": present},
    }


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        (
            '{"server": {"api_key": [{"name": "anna"}]}}',
            "ana",
            "c.json: there is no key named 'ana'; did you mean anna?",
        ),
        ('{"server": {"api_key": ["k", {"name": "b"}]}}', "zzz", "there is no key named 'zzz'; known: key-1, b"),
        ("{}", "anna", "c.json: there is no key named 'anna'; it has no keys"),
    ],
    ids=["near", "far", "none"],
)
def test_a_key_that_is_not_there(text: str, name: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        without_key(text.encode(), "c.json", name)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ('{"server": {"api_key": [{"name": "anna"}]}}', "anna", "c.json: there is a key named anna already"),
        ('{"server": {"api_key": "k"}}', "key-1", "c.json: there is a key named key-1 already"),
        ("{}", "key-1", "key add: key-1 is how Linx calls a key without a name"),
        ("{}", "-", "key add: must be at most 64 letters"),
        ("{}", "a b", "key add: must be at most 64 letters"),
        ('{"server": 5}', "a", "c.json: server: must be an object"),
        ('{"server": {"api_key": {}}}', "a", "c.json: server.api_key: must be a string, null or a list"),
        ("[]", "a", "c.json: must hold a JSON object"),
        ('{"a": 1, "a": 2}', "a", "c.json: a: is given twice"),
        ("{", "a", "c.json:1:2: is not JSON"),
    ],
    ids=["taken", "place", "next place", "dash", "space", "section", "keys", "list", "twice", "torn"],
)
def test_a_key_that_cannot_be_added(text: str, name: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_key(text.encode(), "c.json", {"name": name, "key_sha256": "ab" * 32})
    assert str(caught.value).startswith(problem)


def test_a_plain_key_is_removed_by_its_place() -> None:
    assert without_key(b'{"server": {"api_key": "k"}}', "c.json", "key-1") == b'{"server": {"api_key": null}}'
    assert without_key(b'{"server": {"api_key": ["k", "l"]}}', "c.json", "key-1") == b'{"server": {"api_key": ["l"]}}'
