"""Values set in JSON with comments: nothing else changes, twice is once, and the way back leads where it began."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.setup.edits.edit import Unfit
from linx.setup.edits.jsonc import Item, JsonEdit
from linx.setup.edits.jsonc_tree import parse

EDIT = JsonEdit(((("env", "URL"), "http://x"), (("env", "KEY"), ""), (("model",), "m:8b")))
GROUP = JsonEdit((((Item((("name", "Linx"),)),), {"name": "Linx", "url": "u"}),), indent="\t")


def value_of(text: str) -> Any:
    node = parse(text.removeprefix("\ufeff"))
    assert node is not None
    return node.value


# --- by example ---

EXAMPLES = {
    "a new file": ("", '{\n  "env": {\n    "URL": "http://x",\n    "KEY": ""\n  },\n  "model": "m:8b"\n}\n'),
    "empty": ("{}", '{\n  "env": {\n    "URL": "http://x",\n    "KEY": ""\n  },\n  "model": "m:8b"\n}'),
    "one line": ('{"a": 1}', '{"a": 1, "env": {"URL":"http://x", "KEY": ""}, "model": "m:8b"}'),
    "tabs, comments, a trailing comma": (
        '{\n\t// mine\n\t"a": 1, // one\n\t"env": {"Z": 2}, /* two */\n}\n',
        '{\n\t// mine\n\t"a": 1, // one\n\t"env": {"Z": 2, "URL": "http://x", "KEY": ""}, /* two */\n'
        '\t"model": "m:8b",\n}\n',
    ),
    "a comment behind the last value": (
        '{\n   "a": 1 // one\n}',
        '{\n   "a": 1, // one\n   "env": {\n      "URL": "http://x",\n      "KEY": ""\n   },\n   "model": "m:8b"\n}',
    ),
    "values of its user": (
        '{\n  "model": "opus" /* good */,\n  "env": {\n    "KEY": "k",\n    "B": 1\n  }\n}\n',
        '{\n  "model": "m:8b" /* good */,\n  "env": {\n    "KEY": "",\n    "B": 1,\n    "URL": "http://x"\n  }\n}\n',
    ),
    "line ends of Windows": (
        '{\r\n  "a": 1\r\n}\r\n',
        '{\r\n  "a": 1,\r\n  "env": {\r\n    "URL": "http://x",\r\n    "KEY": ""\r\n  },\r\n  "model": "m:8b"\r\n}\r\n',
    ),
    "a byte order mark": (
        "\ufeff{}",
        '\ufeff{\n  "env": {\n    "URL": "http://x",\n    "KEY": ""\n  },\n  "model": "m:8b"\n}',
    ),
}


@pytest.mark.parametrize(("before", "after"), EXAMPLES.values(), ids=EXAMPLES)
def test_there_and_back(before: str, after: str) -> None:
    assert EDIT.apply(before) == after
    assert EDIT.apply(after) == after
    assert EDIT.revert(after, before).strip() == (before.strip() or "{}")


def test_an_entry_of_a_list() -> None:
    assert GROUP.apply("") == '[\n\t{\n\t\t"name": "Linx",\n\t\t"url": "u"\n\t}\n]\n'
    before = '[\n\t{"name": "Other"},\n\t{"name": "Linx", "url": "old"}\n]'
    after = GROUP.apply(before)
    assert value_of(after) == [{"name": "Other"}, {"name": "Linx", "url": "u"}]
    assert GROUP.revert(after, before) == before
    alone = '[{"name": "Other"}]'
    assert GROUP.revert(GROUP.apply(alone), alone) == alone


@pytest.mark.parametrize(
    "text",
    [
        *('{"env": 1}', '{"env": null}', "[]", '"text"', '{"env": {}, "env": {}}', '{"model": 1, "model": 2}'),
        *("// nothing but this", '{"a": 1', "env: 1"),
    ],
)
def test_what_is_not_understood_is_left_alone(text: str) -> None:
    with pytest.raises(Unfit):
        EDIT.apply(text)


def test_a_list_where_an_object_belongs_and_the_other_way_round() -> None:
    with pytest.raises(Unfit):
        GROUP.apply("{}")


def test_the_way_back_from_a_file_that_its_user_has_changed() -> None:
    before = '{\n  "env": {"A": 1}, // mine\n  "model": "opus"\n}\n'
    now = EDIT.apply(before).replace('"A": 1', '"A": 2, "NEW": 3').replace("m:8b", "another")
    assert EDIT.revert(now, before) == '{\n  "env": {"A": 2, "NEW": 3}, // mine\n  "model": "opus"\n}\n'


def test_the_way_back_where_nothing_was() -> None:
    now = '{\n  "mine": 1, // kept\n  "env": {\n    "URL": "http://x",\n    "KEY": ""\n  },\n  "model": "m:8b"\n}\n'
    assert EDIT.revert(now, "") == '{\n  "mine": 1 // kept\n}\n'
    assert EDIT.revert('{"mine": 1}', "") == '{"mine": 1}'
    assert EDIT.revert("", '{"a": 1}') == ""


# --- by law ---

KEYS = st.sampled_from(["a", "b", "env", "model", "URL", "KEY", "Z", "é"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text('ab"\\/ é\t', max_size=4))
TREES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """An object with its own layout: indentation, comments, blank lines, trailing commas."""
    blank: st.SearchStrategy[str] = st.sampled_from(["", " ", "\n", "\n  ", "\n\t", " // c\n", "/* , } */", "\n\n"])

    def written(value: Any) -> str:
        if isinstance(value, dict | list):
            parts = (
                [f"{written(key)}{draw(blank)}:{draw(blank)}{written(item)}" for key, item in value.items()]
                if isinstance(value, dict)
                else [written(item) for item in value]
            )
            inner = ",".join(f"{draw(blank)}{part}{draw(blank)}" for part in parts)
            trailing = draw(st.sampled_from(["", ","])) if parts else ""
            start, end = "{}" if isinstance(value, dict) else "[]"
            return f"{start}{inner}{trailing}{draw(blank)}{end}"
        return jsontext.dumps(value).decode()

    tree = draw(st.dictionaries(KEYS, TREES, max_size=4))
    return f"{draw(blank)}{written(tree)}{draw(blank)}"


def without(tree: Any) -> Any:
    """The tree without what the edit sets."""
    rest = copy.deepcopy(tree)
    rest.pop("model", None)
    if isinstance(rest.get("env"), dict):
        rest["env"].pop("URL", None)
        rest["env"].pop("KEY", None)
        if not rest["env"]:
            del rest["env"]
    return rest


def comments(text: str) -> list[str]:
    return [word for word in ("// c", "/* , } */") for _ in range(text.count(word))]


@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@given(documents())
def test_every_document(before: str) -> None:
    try:
        after = EDIT.apply(before)
    except Unfit:
        return
    was, found = value_of(before), value_of(after)
    assert (found["model"], found["env"]["URL"], found["env"]["KEY"]) == ("m:8b", "http://x", "")
    assert without(found) == without(was)
    if not any(isinstance(value, dict | list) for value in (was.get("model"), *(was.get("env") or {}).values())):
        assert comments(after) == comments(before)  # else those inside a value that was replaced have gone with it
    assert EDIT.apply(after) == after
    back = EDIT.revert(after, before)
    assert value_of(back) == was
    assert comments(back) == comments(before)


@pytest.mark.untraced
@settings(max_examples=40, deadline=None)
@given(documents(), documents())
def test_the_way_back_from_any_other_file_takes_nothing_of_its_user(now: str, before: str) -> None:
    try:
        back = EDIT.revert(now, before)
    except Unfit:
        return
    assert without(value_of(back)) == without(value_of(now))
