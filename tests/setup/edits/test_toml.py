"""Keys and a table set in TOML: the rest of the file stays to the byte."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.setup.edits.edit import Unfit
from linx.setup.edits.toml import TomlEdit

EDIT = TomlEdit(
    (("model", "m:8b"), ("model_provider", "linx")),
    ("model_providers", "linx"),
    (("name", "Linx"), ("base_url", "http://x/v1")),
)
TABLE = '[model_providers.linx]\nname = "Linx"\nbase_url = "http://x/v1"\n'
KEYS = 'model_provider = "linx"\nmodel = "m:8b"\n'

EXAMPLES = {
    "a new file": ("", f"{KEYS}\n{TABLE}"),
    "keys of its user": (
        '# mine\nmodel = "gpt-5" # good\napproval = "never"\n\n[tui]\nmodel = "x"\n',
        'model_provider = "linx"\n# mine\nmodel = "m:8b" # good\napproval = "never"\n\n[tui]\nmodel = "x"\n\n' + TABLE,
    ),
    "a table that is there": (
        '[model_providers.linx] # old\nname = "old"\n# about tui\n[tui]\na = 1\n',
        f"{KEYS}{TABLE}# about tui\n[tui]\na = 1\n",
    ),
    "another provider": (
        '[model_providers.x]\nname = "X"\n',
        f'{KEYS}[model_providers.x]\nname = "X"\n\n{TABLE}',
    ),
    "what looks like a table": ('a = """\n[model_providers.linx]\n"""\n', None),
    "not a number": ("a = nan\n", f"{KEYS}a = nan\n\n{TABLE}"),
}


@pytest.mark.parametrize(("before", "after"), EXAMPLES.values(), ids=EXAMPLES)
def test_there_and_back(before: str, after: str | None) -> None:
    if after is None:
        with pytest.raises(Unfit):
            EDIT.apply(before)
        return
    assert EDIT.apply(before) == after
    assert EDIT.apply(after) == after
    assert EDIT.revert(after, before) == before


@pytest.mark.parametrize(
    "text",
    [
        *("a = ", 'model = """\nx"""\n', "model_providers = {}\n", 'model_providers = {linx = {name = "x"}}\n'),
        *("model_providers = 5\n", '[[model_providers]]\nname = "a"\n', "model_providers.linx.name = 'a'\n"),
    ],
)
def test_what_is_not_understood_is_left_alone(text: str) -> None:
    with pytest.raises(Unfit):
        EDIT.apply(text)


def test_the_way_back_from_a_file_that_its_user_has_changed() -> None:
    before = 'model = "gpt-5"\n'
    now = EDIT.apply(before).replace("m:8b", "other") + "[mine]\nx = 1\n"
    assert EDIT.revert(now, before) == 'model = "gpt-5"\n[mine]\nx = 1\n'
    with pytest.raises(Unfit, match="is not TOML"):
        EDIT.revert(now + "= 5", before)
    with pytest.raises(Unfit, match="cannot be put back alone"):
        EDIT.revert(EDIT.apply(""), 'model = """\nx"""\n')


LINES = st.sampled_from(
    [
        *(
            "a = 1\n",
            "# c\n",
            "\n",
            'model = "x" # y\n',
            "model = 'z'\n",
            'model_provider = "openai"\n',
            "[t]\n",
            "[t.u]\n",
        ),
        *("b = [\n  1, # [x]\n]\n", "[model_providers.other]\n", "[model_providers.linx]\n", 'name = "n"\n', "[[l]]\n"),
        *('s = """\n[t]\nmodel = "no"\n"""\n', "d = {x = 1}\n", "f = 1979-05-27\n", "x = inf\n", "env_key = 'K'\r\n"),
    ]
)


@pytest.mark.untraced
@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=8).map("".join))
def test_every_file(before: str) -> None:
    try:
        was = tomllib.loads(before)
    except tomllib.TOMLDecodeError:
        with pytest.raises(Unfit):
            EDIT.apply(before)
        return
    try:
        after = EDIT.apply(before)
    except Unfit:
        return
    found = tomllib.loads(after)
    assert found.pop("model") == "m:8b"
    assert found.pop("model_provider") == "linx"
    assert found["model_providers"].pop("linx") == {"name": "Linx", "base_url": "http://x/v1"}
    rest = {key: value for key, value in was.items() if key not in ("model", "model_provider")}
    others = {key: value for key, value in rest.get("model_providers", {}).items() if key != "linx"}
    assert found["model_providers"] == others
    assert {**found, "model_providers": 0} == {**rest, "model_providers": 0}
    assert EDIT.apply(after) == after
    assert tomllib.loads(EDIT.revert(after, before)) == was
